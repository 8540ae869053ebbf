//! A run that is killed at any point: its journal can undo it, and a second run ends in the same
//! state as an undisturbed one. The run is a command, the undo of one, or the apply of a plan.
//!
//! The real program runs through a proxy and is killed with SIGKILL: when it sends a request, after
//! the server acted and before the answer arrives, after a random time, and when its journal has a
//! random size. Some journals are also truncated, as in a machine crash: data that was not synced
//! to disk is lost.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, each of which is killed twice,
//! `KAZOO_NUMBERS_SEED` the seed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{ProgramRun, program};
use futures::future::BoxFuture;
use kazoo_numbers::command::{CommandSpec, Effect, commands};
use kazoo_numbers::lease::Scope;
use kazoo_numbers_faults::{Exchange, Interceptor, ParsedRequest, Proxy, Schedule};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::{self as model, Argument, Call, arbitrary};
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::unix_seconds;
use kazoo_numbers_testkit::server::TestServer;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestError;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

/// Concurrent cases, because most of a case is waiting.
const THREADS: u64 = 4;

/// The longest time of a run on these small clusters on a slow machine.
const LONGEST: Duration = Duration::from_secs(60);

/// The point at which a run is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Before its n-th request, or its n-th write. The request does not reach the server.
    Sends { writing: bool, nth: u32 },
    /// After the server acted and before the answer arrives.
    Acted { writing: bool, nth: u32 },
    /// After this fraction of the time of a run, in thousandths.
    Time(u32),
    /// When its journal has this size in bytes.
    Journal(u64),
}

fn point() -> impl Strategy<Value = Point> {
    let requests = || {
        prop_oneof![
            4 => Just((true, 1)),
            2 => (Just(true), 2..4_u32),
            3 => (Just(false), 1..7_u32),
        ]
    };
    prop_oneof![
        3 => requests().prop_map(|(writing, nth)| Point::Sends { writing, nth }),
        4 => requests().prop_map(|(writing, nth)| Point::Acted { writing, nth }),
        1 => (0..1000_u32).prop_map(Point::Time),
        2 => (1..1500_u64).prop_map(Point::Journal),
    ]
}

/// The run that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KilledRun {
    Command,
    /// The undo of the command.
    Undo,
    /// The apply of a plan of the command.
    Apply,
}

/// Two points to kill at, and the lost part of the first journal: a fraction of the unsynced data,
/// in thousandths.
#[derive(Clone, Debug)]
struct Case {
    cluster: Cluster,
    given: Call,
    killed: KilledRun,
    points: [Point; 2],
    truncated: Option<usize>,
}

/// The manual's functions of which these are killed, with equal probability, on clusters in which
/// they change something.
fn cases_of(
    has_case: fn(&str) -> bool,
    killed: impl Strategy<Value = KilledRun>,
) -> impl Strategy<Value = Case> {
    let functions: Vec<_> = model::FUNCTIONS
        .into_iter()
        .filter(|(name, _)| has_case(name))
        .collect();
    let work = select(functions).prop_flat_map(|(name, arity)| {
        prop_oneof![
            arbitrary::cluster(),
            kazoo_numbers_generator::arbitrary::cluster()
        ]
        .prop_flat_map(move |cluster| {
            let call = arbitrary::call_of(name, arity, &cluster);
            (Just(cluster), call)
        })
        .prop_filter("changes something", |(cluster, given)| {
            let counts = model::run(cluster, given, model::Now::marker()).counts;
            words(given).is_some() && counts.created + counts.updated + counts.deleted > 0
        })
    });
    (
        work,
        killed,
        [point(), point()],
        proptest::option::weighted(0.4, 0..1000_usize),
    )
        .prop_map(|((cluster, given), killed, points, truncated)| Case {
            cluster,
            given,
            killed,
            points,
            truncated,
        })
}

/// Commands, and now and then their undo.
fn commands_and_undos() -> impl Strategy<Value = Case> {
    let killed = proptest::bool::weighted(0.15).prop_map(|undoing| match undoing {
        true => KilledRun::Undo,
        false => KilledRun::Command,
    });
    cases_of(|name| name != "carrier_module_usage", killed)
}

/// Plans of all commands that have one.
fn applied_plans() -> impl Strategy<Value = Case> {
    let has_plan = |name: &str| {
        let mut all = commands();
        all.any(|spec| spec.name == name && spec.is_planned && spec.effect != Effect::Reads)
    };
    cases_of(has_plan, Just(KilledRun::Apply))
}

/// The words of a call's command line. None for a call with an empty list, which has no words.
fn words(given: &Call) -> Option<Vec<String>> {
    let mut words = vec![given.function.clone()];
    for argument in &given.arguments {
        match argument {
            Argument::Text(text) => words.push(text.clone()),
            Argument::List(all) if all.is_empty() => return None,
            Argument::List(all) => words.extend(all.iter().cloned()),
        }
    }
    Some(words)
}

/// Counts the requests of a run and notifies when the point is reached.
struct KillTrigger {
    point: Point,
    seen: AtomicU32,
    reached: Notify,
    killed: Notify,
}

impl KillTrigger {
    fn reaches(&self, request: &ParsedRequest, writing: bool, nth: u32) -> bool {
        let counts = !writing || request.kind.writes();
        counts && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == nth
    }
}

impl Interceptor for KillTrigger {
    fn before_request<'a>(&'a self, request: &'a ParsedRequest) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Point::Sends { writing, nth } = self.point
                && self.reaches(request, writing, nth)
            {
                self.reached.notify_one();
                std::future::pending::<()>().await;
            }
        })
    }

    fn after_answer<'a>(&'a self, exchange: Exchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Point::Acted { writing, nth } = self.point
                && self.reaches(exchange.request, writing, nth)
            {
                self.reached.notify_one();
                self.killed.notified().await;
            }
        })
    }
}

struct JournalFolder(tempfile::TempDir);

impl JournalFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The journals, sorted by run.
    fn journals(&self) -> BTreeSet<PathBuf> {
        self.files("journal")
    }

    fn files(&self, extension: &str) -> BTreeSet<PathBuf> {
        fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect()
    }

    /// The journal that was created since.
    fn begun_since(&self, known: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        let mut begun: Vec<_> = self.journals().difference(known).cloned().collect();
        assert!(begun.len() < 2, "{begun:?}");
        begun.pop()
    }

    /// Waits until the new journal has this size.
    async fn grows_to(&self, known: &BTreeSet<PathBuf>, bytes: u64) {
        loop {
            let now = self
                .begun_since(known)
                .and_then(|path| path.metadata().ok())
                .map_or(0, |metadata| metadata.len());
            if now >= bytes {
                return;
            }
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
}

/// The id of the run or plan in a file.
fn id_of(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Truncates a journal after its last synced line, which preceded the last request, and adds part
/// of another line.
fn truncate(journal: &Path, part: usize) {
    let text = fs::read_to_string(journal).unwrap();
    let mut kept = 0;
    let mut last = text.split_inclusive('\n').next().unwrap_or_default();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if line.contains(" {\"intent\":") {
            kept = end;
            last = line;
        }
    }
    let cut = kept + (text.len() - kept) * part / 1000;
    let mut bytes = text.as_bytes()[..cut].to_vec();
    if part.is_multiple_of(2) {
        bytes.extend_from_slice(&last.as_bytes()[..last.len() * part / 1000]);
    }
    fs::write(journal, bytes).unwrap();
}

/// A server with a proxy in front of it.
struct ProxiedProgram {
    server: TestServer,
    proxy: Proxy,
    /// The time of an undisturbed run in microseconds.
    usual: AtomicU64,
}

impl ProxiedProgram {
    async fn new() -> Self {
        let server = TestServer::embedded().await;
        let proxy = Proxy::start(&server.url).await.unwrap();
        Self {
            server,
            proxy,
            usual: AtomicU64::new(100_000),
        }
    }

    async fn read(&self) -> Cluster {
        self.server.read().await.0
    }

    fn program(&self, folder: &JournalFolder, words: &[String]) -> Command {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut program = program(&["--journal", folder.0.path().to_str().unwrap()]);
        let takes_lock =
            |spec: &CommandSpec| spec.name == words[0] && spec.scope == Some(Scope::Exclusive);
        if commands().any(takes_lock) {
            // The next run must not wait until the killed run's lease expires.
            program.arg("--no-lock");
        }
        program
            .arg(words[0])
            .arg("--")
            .args(&words[1..])
            .env("COUCHDB_URL", self.proxy.url());
        program
    }

    /// Runs the program to its end.
    async fn run(&self, folder: &JournalFolder, words: &[String]) -> ProgramRun {
        let began = Instant::now();
        let mut program = self.program(folder, words);
        let output = spawn_blocking(move || program.output());
        let output = tokio::time::timeout(LONGEST, output)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let took = u64::try_from(began.elapsed().as_micros()).unwrap();
        self.usual.store(took, Ordering::Relaxed);
        ProgramRun::of(&output)
    }

    /// Kills the program at a point. Returns whether it was still running, after the server has
    /// finished all its requests.
    async fn kill(&self, folder: &JournalFolder, words: &[String], point: Point) -> bool {
        let wire = Arc::new(KillTrigger {
            point,
            seen: AtomicU32::new(0),
            reached: Notify::new(),
            killed: Notify::new(),
        });
        self.proxy.arm_with(Schedule::quiet(), Some(wire.clone()));
        let known = folder.journals();
        let usual = self.usual.load(Ordering::Relaxed);
        let mut running = self
            .program(folder, words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let reached = async {
            match point {
                Point::Time(part) => {
                    let time = Duration::from_micros(usual * u64::from(part) / 1000);
                    tokio::time::sleep(time).await;
                }
                Point::Journal(bytes) => folder.grows_to(&known, bytes).await,
                Point::Sends { .. } | Point::Acted { .. } => wire.reached.notified().await,
            }
        };
        let process = Pid::from_child(&running);
        let mut ended = spawn_blocking(move || running.wait());
        let status = tokio::select! {
            status = &mut ended => status,
            () = reached => {
                // The process may have ended in the meantime.
                let _ = kill_process(process, Signal::KILL);
                ended.await
            }
            () = tokio::time::sleep(LONGEST) => panic!("{words:?} does not finish"),
        };
        let status = status.unwrap().unwrap();
        wire.killed.notify_one();
        self.proxy.wait_until_disconnected().await.unwrap();
        self.proxy.disarm().await;
        status.signal() == Some(9)
    }
}

/// Statistics over all cases.
#[derive(Debug, Default)]
struct KillStatistics {
    /// Killed runs: those that were undone, and those that were run again.
    killed: [AtomicU64; 2],
    /// Killed runs that had written something.
    writing: AtomicU64,
    truncated: AtomicU64,
}

fn same(wanted: &Cluster, found: &Cluster) -> Vec<String> {
    let wanted = wanted.clone().without_remains();
    wanted.differences(&found.clone().without_remains())
}

async fn check(
    server: &ProxiedProgram,
    figures: &KillStatistics,
    case: &Case,
) -> Result<(), TestCaseError> {
    killed_and_undone(server, figures, case).await?;
    killed_and_repeated(server, figures, case).await
}

/// The start of a case: the generated cluster, the cluster that the command finds, and the command.
struct CaseStart {
    folder: JournalFolder,
    made: Cluster,
    start: Cluster,
    words: Vec<String>,
}

impl CaseStart {
    async fn of(case: &Case, server: &ProxiedProgram) -> Self {
        let folder = JournalFolder::new();
        let (made, _) = server.server.set(&case.cluster).await;
        let mut words = words(&case.given).unwrap();
        let mut start = made.clone();
        match case.killed {
            KilledRun::Command => {}
            KilledRun::Undo => {
                server.run(&folder, &words).await;
                start = server.read().await;
                let journal = folder.journals().pop_first();
                words = vec!["undo".to_owned(), id_of(&journal.unwrap())];
            }
            KilledRun::Apply => {
                words.insert(0, "plan".to_owned());
                let planned = server.run(&folder, &words).await;
                let plan = folder.files("plan").pop_first();
                let plan = plan.unwrap_or_else(|| panic!("{}{}", planned.out, planned.err));
                words = vec!["apply".to_owned(), id_of(&plan)];
            }
        }
        Self {
            folder,
            made,
            start,
            words,
        }
    }
}

async fn killed_and_undone(
    server: &ProxiedProgram,
    figures: &KillStatistics,
    case: &Case,
) -> Result<(), TestCaseError> {
    let at = CaseStart::of(case, server).await;
    let known = at.folder.journals();
    let killed = server.kill(&at.folder, &at.words, case.points[0]).await;
    figures.killed[0].fetch_add(killed.into(), Ordering::Relaxed);
    let journal = at.folder.begun_since(&known);
    if let (Some(journal), Some(part), true) = (&journal, case.truncated, killed) {
        truncate(journal, part);
        figures.truncated.fetch_add(1, Ordering::Relaxed);
    }
    // A truncated journal may begin no run, and neither does one that the run created just before its end.
    let begins_run =
        |journal: &PathBuf| case.truncated.is_none() && fs::metadata(journal).unwrap().len() > 0;
    let name = match &journal {
        Some(journal) if case.killed == KilledRun::Apply && begins_run(journal) => {
            Some("last".to_owned())
        }
        journal => journal.as_deref().map(id_of),
    };
    let output = undo(server, figures, &at.folder, name, killed).await?;
    let differences = same(&at.start, &server.read().await);
    prop_assert!(
        differences.is_empty(),
        "killed and undone: {differences:#?}\n{output}"
    );
    Ok(())
}

async fn killed_and_repeated(
    server: &ProxiedProgram,
    figures: &KillStatistics,
    case: &Case,
) -> Result<(), TestCaseError> {
    let started = unix_seconds();
    let at = CaseStart::of(case, server).await;
    let known = at.folder.journals();
    let killed = server.kill(&at.folder, &at.words, case.points[1]).await;
    figures.killed[1].fetch_add(killed.into(), Ordering::Relaxed);
    let half = at.folder.begun_since(&known);
    let known = at.folder.journals();
    let again = server.run(&at.folder, &at.words).await;
    let rest = at.folder.begun_since(&known);
    let end = server.read().await;
    let differences = match case.killed {
        KilledRun::Undo => same(&at.made, &end),
        KilledRun::Command | KilledRun::Apply => {
            let wanted = model::run(&at.made, &case.given, model::Now::marker()).cluster;
            model::same_end_state(&wanted, &end, started, unix_seconds())
        }
    };
    prop_assert!(
        differences.is_empty(),
        "killed and repeated: {differences:#?}\n{}{}",
        again.out,
        again.err
    );
    if case.killed == KilledRun::Apply {
        // It recognises all changes of the killed run as its own.
        prop_assert_eq!(again.status, 0, "{}{}", again.out, again.err);
    }
    // Then undoes everything, the last run first.
    for (journal, killed) in [(rest, false), (half, killed)] {
        let run = journal.as_deref().map(id_of);
        undo(server, figures, &at.folder, run, killed).await?;
    }
    let differences = same(&at.start, &server.read().await);
    prop_assert!(differences.is_empty(), "all undone: {differences:#?}");
    Ok(())
}

/// Undoes a run, if it has a journal.
async fn undo(
    server: &ProxiedProgram,
    figures: &KillStatistics,
    folder: &JournalFolder,
    run: Option<String>,
    killed: bool,
) -> Result<String, TestCaseError> {
    let Some(run) = run else {
        return Ok("no journal".to_owned());
    };
    figures.writing.fetch_add(killed.into(), Ordering::Relaxed);
    let undone = server.run(folder, &["undo".to_owned(), run]).await;
    let journals = || -> Vec<String> {
        let all = folder.journals().into_iter();
        all.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    prop_assert_eq!(
        undone.status,
        0,
        "{}{}\n{:#?}",
        undone.out,
        undone.err,
        journals()
    );
    Ok(undone.out)
}

#[test]
fn killed_run_can_be_undone_and_repeated() {
    run_cases(136, 9, commands_and_undos);
}

#[test]
fn killed_apply_can_be_undone_and_repeated() {
    run_cases(40, 10, applied_plans);
}

/// Runs the cases on several threads. `stream` keeps the cases of two tests apart.
fn run_cases<S: Strategy<Value = Case>>(usual: u64, stream: u8, strategy: fn() -> S) {
    let began = Instant::now();
    let count = cases::count(usual).div_ceil(THREADS);
    let first = cases::seed();
    let figures = KillStatistics::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let figures = &figures;
            scope.spawn(move || {
                let seed = first * THREADS + thread;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                let server = runtime.block_on(ProxiedProgram::new());
                let outcome = cases::runner(count, seed, stream).run(&strategy(), |case| {
                    runtime.block_on(check(&server, figures, &case))
                });
                runtime.block_on(server.server.end());
                match outcome {
                    Ok(()) => {}
                    Err(TestError::Fail(reason, case)) => panic!(
                        "seed {seed}: {:?} of {} {:?} truncated {:?}\n{reason}",
                        case.killed, case.given, case.points, case.truncated,
                    ),
                    Err(other) => panic!("seed {seed}: {other}"),
                }
            });
        }
    });
    println!(
        "{} cases from seed {first} in {:?}: {figures:?}",
        count * THREADS,
        began.elapsed()
    );
    let killed: u64 = figures
        .killed
        .iter()
        .map(|killed| killed.load(Ordering::Relaxed))
        .sum();
    // Some points are after the end of a run.
    let enough = count * THREADS * 3 / 2;
    assert!(
        killed >= enough,
        "only {killed} were killed before their end"
    );
}
