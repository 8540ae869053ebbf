//! A run that is killed, at any point: its journal undoes it, and doing it again ends where an
//! undisturbed run ends.
//!
//! The real program works through a proxy that sees its requests, and is killed with SIGKILL when
//! it sends one, when the server has acted on one and the answer is still on its way, after a
//! random time, and when its journal has grown to a random size. Of some journals the end is
//! torn off as well, as when the machine dies: whatever was not forced to the disk.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases, each of which is killed twice, `KAZOO_NUMBERS_SEED`
//! from which seed.

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

/// Cases at the same time: most of a case is waiting.
const SHARES: u64 = 4;

/// However slow the machine is, a run of these small clusters is over by then.
const LONGEST: Duration = Duration::from_secs(60);

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// When it sends its n-th request, or its n-th that writes. The server never hears of it.
    Sends { writing: bool, nth: u32 },
    /// When the server has acted on it, and before the answer arrives.
    Acted { writing: bool, nth: u32 },
    /// After this part, of a thousand, of the time that a run takes.
    Time(u32),
    /// When its journal has so many bytes.
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

/// Two points at which it is killed, and what is torn off the journal of the first: this part,
/// of a thousand, of what was not forced to the disk.
#[derive(Clone, Debug)]
struct Case {
    cluster: Cluster,
    given: Call,
    /// What is killed is the undoing of the command.
    undoing: bool,
    points: [Point; 2],
    torn: Option<usize>,
}

/// The manual's functions that write, each as likely as the other, where they have work to do.
fn killings() -> impl Strategy<Value = Case> {
    let functions: Vec<_> = model::FUNCTIONS
        .into_iter()
        .filter(|(name, _)| *name != "carrier_module_usage")
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
        .prop_filter("has something to do", |(cluster, given)| {
            let counts = model::run(cluster, given, model::Now::marker()).counts;
            words(given).is_some() && counts.created + counts.updated + counts.deleted > 0
        })
    });
    (
        work,
        proptest::bool::weighted(0.15),
        [point(), point()],
        proptest::option::weighted(0.4, 0..1000_usize),
    )
        .prop_map(|((cluster, given), undoing, points, torn)| Case {
            cluster,
            given,
            undoing,
            points,
            torn,
        })
}

/// A command as it is typed; None for one that cannot be: an empty list is no word.
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

/// Sees a run's requests go by, and says when the point is reached.
struct Tripwire {
    point: Point,
    seen: AtomicU32,
    reached: Notify,
    killed: Notify,
}

impl Tripwire {
    fn reaches(&self, asked: &ParsedRequest, writing: bool, nth: u32) -> bool {
        let counts = !writing || asked.kind.writes();
        counts && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == nth
    }
}

impl Interceptor for Tripwire {
    fn comes<'a>(&'a self, asked: &'a ParsedRequest) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Point::Sends { writing, nth } = self.point
                && self.reaches(asked, writing, nth)
            {
                self.reached.notify_one();
                std::future::pending::<()>().await;
            }
        })
    }

    fn act<'a>(&'a self, passed: Exchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Point::Acted { writing, nth } = self.point
                && self.reaches(passed.asked, writing, nth)
            {
                self.reached.notify_one();
                self.killed.notified().await;
            }
        })
    }
}

/// A folder of journals.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The runs' journals, by run, oldest first.
    fn journals(&self) -> BTreeSet<PathBuf> {
        fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "journal")
            })
            .collect()
    }

    /// The journal that was begun since.
    fn begun_since(&self, known: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        let mut begun: Vec<_> = self.journals().difference(known).cloned().collect();
        assert!(begun.len() < 2, "{begun:?}");
        begun.pop()
    }

    /// Returns when the next journal has so many bytes.
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

fn run_of(journal: &Path) -> String {
    journal.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Tears off some of what was written after the last that was forced to the disk, which is what
/// the last request was sent on the strength of, and leaves half a line of what was to come.
fn tear(journal: &Path, part: usize) {
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

/// A server, and a proxy before it.
struct Stage {
    server: TestServer,
    proxy: Proxy,
    /// How long a run took that was left alone, in microseconds.
    usual: AtomicU64,
}

impl Stage {
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

    fn program(&self, folder: &Folder, words: &[String]) -> Command {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut program = program(&["--journal", folder.0.path().to_str().unwrap()]);
        // What was killed is run again at once, and does not wait until its lock expires.
        program
            .arg("--no-lock")
            .arg(words[0])
            .arg("--")
            .args(&words[1..])
            .env("COUCHDB_URL", self.proxy.url());
        program
    }

    /// Lets it run to its end.
    async fn run(&self, folder: &Folder, words: &[String]) -> ProgramRun {
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

    /// Kills it at a point, and says whether that came before its end; returns when the server
    /// has done all that it was asked to.
    async fn kill(&self, folder: &Folder, words: &[String], point: Point) -> bool {
        let wire = Arc::new(Tripwire {
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
                // It may have ended meanwhile.
                let _ = kill_process(process, Signal::KILL);
                ended.await
            }
            () = tokio::time::sleep(LONGEST) => panic!("{words:?} does not end"),
        };
        let status = status.unwrap().unwrap();
        wire.killed.notify_one();
        self.proxy.wait_until_disconnected().await.unwrap();
        self.proxy.disarm().await;
        status.signal() == Some(9)
    }
}

/// What was seen, over all cases.
#[derive(Debug, Default)]
struct Figures {
    /// Killed before their end: those that were undone, and those that were done again.
    killed: [AtomicU64; 2],
    /// Of these, those that had begun to write.
    writing: AtomicU64,
    torn: AtomicU64,
}

fn same(wanted: &Cluster, found: &Cluster) -> Vec<String> {
    let wanted = wanted.clone().without_remains();
    wanted.differences(&found.clone().without_remains())
}

async fn check(stage: &Stage, figures: &Figures, case: &Case) -> Result<(), TestCaseError> {
    killed_and_undone(stage, figures, case).await?;
    killed_and_done_again(stage, figures, case).await
}

/// Where a case begins: the cluster as it is made, as the command finds it, and the command.
struct Beginning {
    folder: Folder,
    made: Cluster,
    start: Cluster,
    words: Vec<String>,
}

impl Beginning {
    async fn of(case: &Case, stage: &Stage) -> Self {
        let folder = Folder::new();
        let (made, _) = stage.server.set(&case.cluster).await;
        let mut words = words(&case.given).unwrap();
        let mut start = made.clone();
        if case.undoing {
            stage.run(&folder, &words).await;
            start = stage.read().await;
            let journal = folder.journals().pop_first();
            words = vec!["undo".to_owned(), run_of(&journal.unwrap())];
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
    stage: &Stage,
    figures: &Figures,
    case: &Case,
) -> Result<(), TestCaseError> {
    let at = Beginning::of(case, stage).await;
    let known = at.folder.journals();
    let killed = stage.kill(&at.folder, &at.words, case.points[0]).await;
    figures.killed[0].fetch_add(killed.into(), Ordering::Relaxed);
    let journal = at.folder.begun_since(&known);
    if let (Some(journal), Some(part), true) = (&journal, case.torn, killed) {
        tear(journal, part);
        figures.torn.fetch_add(1, Ordering::Relaxed);
    }
    let told = undo(stage, figures, &at.folder, journal, killed).await?;
    let differences = same(&at.start, &stage.read().await);
    prop_assert!(
        differences.is_empty(),
        "killed and undone: {differences:#?}\n{told}"
    );
    Ok(())
}

async fn killed_and_done_again(
    stage: &Stage,
    figures: &Figures,
    case: &Case,
) -> Result<(), TestCaseError> {
    let started = unix_seconds();
    let at = Beginning::of(case, stage).await;
    let known = at.folder.journals();
    let killed = stage.kill(&at.folder, &at.words, case.points[1]).await;
    figures.killed[1].fetch_add(killed.into(), Ordering::Relaxed);
    let half = at.folder.begun_since(&known);
    let known = at.folder.journals();
    let again = stage.run(&at.folder, &at.words).await;
    let rest = at.folder.begun_since(&known);
    let end = stage.read().await;
    let differences = if case.undoing {
        same(&at.made, &end)
    } else {
        let wanted = model::run(&at.made, &case.given, model::Now::marker()).cluster;
        model::same_end_state(&wanted, &end, started, unix_seconds())
    };
    prop_assert!(
        differences.is_empty(),
        "killed and done again: {differences:#?}\n{}",
        again.out
    );
    // And the whole of it undone, the last run first.
    undo(stage, figures, &at.folder, rest, false).await?;
    undo(stage, figures, &at.folder, half, killed).await?;
    let differences = same(&at.start, &stage.read().await);
    prop_assert!(differences.is_empty(), "all undone: {differences:#?}");
    Ok(())
}

/// Undoes a run, if it has a journal that holds anything.
async fn undo(
    stage: &Stage,
    figures: &Figures,
    folder: &Folder,
    journal: Option<PathBuf>,
    killed: bool,
) -> Result<String, TestCaseError> {
    let Some(journal) = journal else {
        return Ok("it had no journal".to_owned());
    };
    figures.writing.fetch_add(killed.into(), Ordering::Relaxed);
    let undone = stage
        .run(folder, &["undo".to_owned(), run_of(&journal)])
        .await;
    prop_assert_eq!(
        undone.status,
        0,
        "{}{}\n{}",
        undone.out,
        undone.err,
        fs::read_to_string(&journal).unwrap()
    );
    Ok(undone.out)
}

#[test]
fn a_killed_run_can_be_undone_and_done_again() {
    let began = Instant::now();
    let count = cases::count(136).div_ceil(SHARES);
    let first = cases::seed();
    let figures = Figures::default();
    std::thread::scope(|scope| {
        for share in 0..SHARES {
            let figures = &figures;
            scope.spawn(move || {
                let seed = first * SHARES + share;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                let stage = runtime.block_on(Stage::new());
                let outcome = cases::runner(count, seed, 9).run(&killings(), |case| {
                    runtime.block_on(check(&stage, figures, &case))
                });
                runtime.block_on(stage.server.end());
                match outcome {
                    Ok(()) => {}
                    Err(TestError::Fail(reason, case)) => panic!(
                        "seed {seed}: {}{} {:?} torn {:?}\n{reason}",
                        if case.undoing { "undo of " } else { "" },
                        case.given,
                        case.points,
                        case.torn,
                    ),
                    Err(other) => panic!("seed {seed}: {other}"),
                }
            });
        }
    });
    println!(
        "{} cases from seed {first} in {:?}: {figures:?}",
        count * SHARES,
        began.elapsed()
    );
    let killed: u64 = figures
        .killed
        .iter()
        .map(|killed| killed.load(Ordering::Relaxed))
        .sum();
    // Some points are beyond the end of a run.
    let enough = count * SHARES * 3 / 2;
    assert!(
        killed >= enough,
        "only {killed} were killed before their end"
    );
}
