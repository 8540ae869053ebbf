//! Concurrent runs on one cluster, and the cluster lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kazoo_numbers::Error;
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::{Landed, Server, ServerUrl, Traffic, Write};
use kazoo_numbers::host::Host;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::lease::{
    DATABASE, DOCUMENT, FORMER_DATABASE, FORMER_DOCUMENT, Holder, Holders, Lock,
};
use kazoo_numbers::report::{Event, Renderer};
use kazoo_numbers::run::{Finished, Job, Returned, Settings, run};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_testkit::command::text;
use kazoo_numbers_testkit::server::TestServer;
use tokio::sync::{Barrier, Mutex, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const ACCOUNT_DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";

/// Long enough for any machine. A test waits this long only if it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hook before a run uses a database of the cluster.
enum ServerHook {
    Open,
    /// The run waits for a permit.
    WaitForPermit(Arc<Semaphore>),
    /// The run waits until enough runs are waiting.
    Barrier(Arc<Barrier>, AtomicBool),
    /// The run is recorded.
    Record(Arc<Mutex<Vec<String>>>, String),
}

struct HookedHost {
    url: ServerUrl,
    hook: ServerHook,
}

#[async_trait]
impl Host for HookedHost {
    async fn server(&self, database: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        if database.is_some() {
            match &self.hook {
                ServerHook::Open => {}
                ServerHook::WaitForPermit(hook) => drop(hook.acquire().await),
                ServerHook::Barrier(barrier, passed) => {
                    if !passed.swap(true, Ordering::SeqCst) {
                        barrier.wait().await;
                    }
                }
                ServerHook::Record(book, name) => {
                    book.lock().await.push(name.clone());
                    // Gives a concurrent run the chance to interleave.
                    sleep(Duration::from_millis(5)).await;
                }
            }
        }
        Ok(self.url.clone())
    }
}

/// A run in progress.
struct RunningCommand {
    run: JoinHandle<Finished>,
    events: mpsc::UnboundedReceiver<Event>,
    cancel: CancellationToken,
}

impl RunningCommand {
    fn new(url: &str, call: &[&str], settings: Settings, hook: ServerHook) -> Self {
        let arguments: Vec<Argument> = call[1..].iter().map(|one| text(one)).collect();
        let (sender, mut receiver) = mpsc::channel(64);
        let (all, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = receiver.recv().await {
                let _ = all.send(event);
            }
        });
        let cancel = CancellationToken::new();
        let job = Job {
            function: call[0].to_owned(),
            command: command::parse(call[0], &arguments).unwrap(),
            host: Arc::new(HookedHost {
                url: ServerUrl::parse(url).unwrap(),
                hook,
            }),
            settings: Settings {
                command_line: call.join(" "),
                ..settings
            },
            events: sender,
            cancel: cancel.clone(),
        };
        Self {
            run: tokio::spawn(run(job)),
            events,
            cancel,
        }
    }

    /// The next line.
    async fn line(&mut self) -> String {
        loop {
            let event = timeout(PATIENCE, self.events.recv()).await;
            let event = event.expect("no line comes").expect("there is no more");
            if let Some(line) = Renderer.lines(&event).into_iter().next() {
                return line;
            }
        }
    }

    async fn end(mut self) -> (Returned, Vec<String>) {
        let finished = timeout(PATIENCE, self.run).await;
        let finished = finished.expect("it does not end").unwrap();
        let mut lines = Vec::new();
        while let Some(event) = self.events.recv().await {
            lines.extend(Renderer.lines(&event));
        }
        (finished.returned, lines)
    }
}

fn settings(who: &str, lock: Lock) -> Settings {
    Settings {
        lock,
        who: who.to_owned(),
        place: "here".to_owned(),
        ..kazoo_numbers_testkit::command::settings()
    }
}

/// Settings with a rate limit that would make a run take minutes, for runs that are interrupted.
fn slowly(who: &str) -> Settings {
    let mut settings = settings(who, Lock::Refuse);
    settings.http.per_second = Some(1.0);
    settings.lease = Duration::from_millis(900);
    settings
}

/// An account with a number, and `databases` number databases.
async fn cluster(url: &str, databases: usize) {
    let mut cluster = Cluster::default();
    let number = exact_json::json!({
        "_id": "+12005550100", "pvt_type": "number", "pvt_assigned_to": ACCOUNT
    });
    let number = number.as_object().unwrap();
    for name in (200..200 + databases).map(|prefix| format!("numbers/+1{prefix}")) {
        cluster.databases.entry(name).or_default();
    }
    for name in ["numbers/+1200", ACCOUNT_DATABASE] {
        let database = cluster.databases.entry(name.to_owned()).or_default();
        database
            .documents
            .insert("+12005550100".to_owned(), number.clone());
    }
    cluster.load(url).await.unwrap();
}

struct LockDocument {
    server: Server,
    database: DatabaseName,
    id: &'static str,
}

/// An entry with this renewal time and a lease in seconds.
fn leased(run: &str, renewed: &str, lease: u64) -> String {
    entry(run, "exclusive", renewed).replace(
        r#""lease_seconds":60"#,
        &format!(r#""lease_seconds":{lease}"#),
    )
}

/// An entry with a lease of one minute.
fn entry(run: &str, scope: &str, renewed: &str) -> String {
    format!(
        r#"{{"run":"{run}","command":"purge_deleted","who":"ann","place":"{run}","scope":"{scope}","since":"2026-01-02T03:04:05Z","renewed":"{renewed}","lease_seconds":60}}"#
    )
}

impl LockDocument {
    fn new(url: &str) -> Self {
        let settings = kazoo_numbers_testkit::command::settings().http;
        let url = ServerUrl::parse(url).unwrap();
        Self {
            server: Server::new(
                url,
                settings,
                Arc::<Traffic>::default(),
                CancellationToken::new(),
            )
            .unwrap(),
            database: DatabaseName::new(DATABASE).unwrap(),
            id: DOCUMENT,
        }
    }

    async fn holders(&self) -> Vec<Holder> {
        let opened = self.server.open_doc(&self.database, self.id).await;
        match opened.unwrap().document {
            Some(document) => Holders::parse(document.text()).holders().cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Waits until the document has `count` entries.
    async fn has(&self, count: usize) {
        let until = async {
            while self.holders().await.len() != count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, until).await.expect("it stays otherwise");
    }

    /// Replaces the entries, even if other runs write at the same time.
    async fn put(&self, holders: &str) {
        let body = format!(r#"{{"_id":"{}","holders":{holders}}}"#, self.id);
        self.server.create_database(&self.database).await.unwrap();
        loop {
            let opened = self.server.open_doc(&self.database, self.id).await;
            let known = opened.unwrap().document;
            let write = Write {
                id: self.id,
                rev: known.as_ref().and_then(couchdb::Document::rev),
                body: Some(&body),
                losers: Vec::new(),
            };
            let landed = self.server.bulk_docs(&self.database, &[write], 1).await;
            match landed.into_iter().next().unwrap() {
                Landed::Written(_) => return,
                Landed::Conflict => {}
                Landed::Failed(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_exclusive_runs_proceeds_and_others_name_it() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let hook = Arc::new(Semaphore::new(0));
    let (ended, mut refused) = mpsc::unbounded_channel();
    for operator in 0..12 {
        let who = format!("operator-{operator}");
        let begun = RunningCommand::new(
            &server.url,
            &["purge_deleted"],
            settings(&who, Lock::Refuse),
            ServerHook::WaitForPermit(hook.clone()),
        );
        let ended = ended.clone();
        tokio::spawn(async move { ended.send((who, begun.end().await)) });
    }
    let mut lines = Vec::new();
    for _ in 0..11 {
        let (_, (returned, output)) = timeout(PATIENCE, refused.recv()).await.unwrap().unwrap();
        assert_eq!(returned, Returned::Code(2));
        assert_eq!(output.len(), 1, "{output:?}");
        lines.extend(output);
    }
    hook.add_permits(1);
    let (who, (returned, _)) = timeout(PATIENCE, refused.recv()).await.unwrap().unwrap();
    assert_eq!(returned, Returned::NoReturn);
    let start = format!("refused: purge_deleted by {who} on here has been running since 20");
    for line in lines {
        assert!(line.starts_with(&start), "{line}, and {who} ran");
    }
    assert!(LockDocument::new(&server.url).holders().await.is_empty());
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_single_accounts_and_numbers_run_concurrently() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let barrier = Arc::new(Barrier::new(20));
    let begun: Vec<RunningCommand> = (0..20)
        .map(|one| {
            let account = ["copy_single_account_to_number_dbs", ACCOUNT];
            let number = ["copy_number_from_db_to_assigned_account", "+12005550100"];
            RunningCommand::new(
                &server.url,
                if one % 2 == 0 { &account } else { &number },
                settings("ann", Lock::Refuse),
                ServerHook::Barrier(barrier.clone(), AtomicBool::new(false)),
            )
        })
        .collect();
    for one in begun {
        let (returned, lines) = one.end().await;
        assert_eq!(returned, Returned::Ok, "{lines:?}");
    }
    assert!(LockDocument::new(&server.url).holders().await.is_empty());
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_wide_runs_exclude_each_other_and_account_runs_do_not() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let hook = Arc::new(Semaphore::new(0));
    let all = ["copy_number_dbs_to_accounts"];
    let first = RunningCommand::new(
        &server.url,
        &all,
        settings("ann", Lock::Refuse),
        ServerHook::WaitForPermit(hook.clone()),
    );
    LockDocument::new(&server.url).has(1).await;
    let two = RunningCommand::new(
        &server.url,
        &["fix_apps_for_number_dbs"],
        settings("bob", Lock::Refuse),
        ServerHook::WaitForPermit(Arc::new(Semaphore::new(0))),
    );
    let (returned, lines) = two.end().await;
    assert_eq!(returned, Returned::Code(2));
    let start = "refused: copy_number_dbs_to_accounts by ann on here";
    assert!(lines[0].starts_with(start), "{lines:?}");
    // Runs for one account or given numbers, read-only runs, and runs without lock continue.
    for (call, lock, dry_run) in [
        (
            &["fix_account_db_numbers", ACCOUNT][..],
            Lock::Refuse,
            false,
        ),
        (
            &["copy_number_from_db_to_assigned_account", "+12005550100"],
            Lock::Wait,
            false,
        ),
        (&["carrier_module_usage"], Lock::Refuse, false),
        (&all, Lock::Refuse, true),
        (&all, Lock::Off, false),
    ] {
        let settings = Settings {
            dry_run,
            ..settings("bob", lock)
        };
        let other = RunningCommand::new(&server.url, call, settings, ServerHook::Open);
        let (returned, lines) = other.end().await;
        assert_eq!(returned, Returned::Ok, "{lines:?}");
        assert_eq!(LockDocument::new(&server.url).holders().await.len(), 1);
    }
    hook.add_permits(1);
    assert_eq!(first.end().await.0, Returned::Ok);
    // A cluster-wide run is not refused because of a run for an account.
    let hook = Arc::new(Semaphore::new(0));
    let account = RunningCommand::new(
        &server.url,
        &["fix_account_db_numbers", ACCOUNT],
        settings("ann", Lock::Refuse),
        ServerHook::WaitForPermit(hook.clone()),
    );
    let all = RunningCommand::new(
        &server.url,
        &all,
        settings("bob", Lock::Refuse),
        ServerHook::Open,
    );
    assert_eq!(all.end().await.0, Returned::Ok);
    hook.add_permits(1);
    assert_eq!(account.end().await.0, Returned::Ok);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_of_version_0_1_excludes_cluster_wide_runs_until_it_expires() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let former = LockDocument {
        database: DatabaseName::new(FORMER_DATABASE).unwrap(),
        id: FORMER_DOCUMENT,
        ..LockDocument::new(&server.url)
    };
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let call = ["purge_deleted"];
    let run = || {
        RunningCommand::new(
            &server.url,
            &call,
            settings("bob", Lock::Refuse),
            ServerHook::Open,
        )
    };
    former
        .put(&format!("[{}]", entry("old", "exclusive", &now)))
        .await;
    let (returned, lines) = run().end().await;
    assert_eq!(returned, Returned::Code(2));
    assert!(
        lines[0].starts_with("refused: purge_deleted by ann on old"),
        "{lines:?}"
    );
    for entry in [
        entry("old", "shared", &now),
        leased("old", "2026-01-02T03:05:05Z", 1),
    ] {
        former.put(&format!("[{entry}]")).await;
        let (returned, mut lines) = run().end().await;
        assert_eq!(returned, Returned::NoReturn, "{lines:?}");
        if entry.contains("exclusive") {
            let line = lines.remove(0);
            assert!(
                line.starts_with("waiting: purge_deleted by ann on old"),
                "{line}"
            );
        }
        assert!(
            lines[0].starts_with("warning: the database kazoo_numbers_maintenance held the lock"),
            "{lines:?}"
        );
    }
    assert!(
        former.holders().await.is_empty(),
        "the next run would have to watch it again"
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_run_continues_after_the_first_and_can_be_cancelled() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let hook = Arc::new(Semaphore::new(0));
    let first = RunningCommand::new(
        &server.url,
        &["purge_deleted"],
        settings("ann", Lock::Refuse),
        ServerHook::WaitForPermit(hook.clone()),
    );
    let document = LockDocument::new(&server.url);
    document.has(1).await;
    let waiting = |who| {
        let call = ["fix_apps_for_number_dbs"];
        RunningCommand::new(
            &server.url,
            &call,
            settings(who, Lock::Wait),
            ServerHook::Open,
        )
    };
    let (mut patient, mut impatient) = (waiting("bob"), waiting("cid"));
    for one in [&mut patient, &mut impatient] {
        let line = one.line().await;
        assert!(
            line.starts_with("waiting: purge_deleted by ann on here"),
            "{line}"
        );
    }
    impatient.cancel.cancel();
    let (returned, lines) = impatient.end().await;
    assert_eq!(returned, Returned::Code(2));
    assert_eq!(lines, ["stopped: the run was cancelled"]);
    assert_eq!(document.holders().await.len(), 1);
    hook.add_permits(1);
    assert_eq!(first.end().await.0, Returned::NoReturn);
    let (returned, lines) = patient.end().await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_runs_never_hold_the_lock_together() {
    let server = TestServer::start().await;
    cluster(&server.url, 3).await;
    let book = Arc::new(Mutex::new(Vec::new()));
    let begun: Vec<RunningCommand> = (0..5)
        .map(|one| {
            let who = format!("operator-{one}");
            RunningCommand::new(
                &server.url,
                &["purge_deleted"],
                settings(&who, Lock::Wait),
                ServerHook::Record(book.clone(), who),
            )
        })
        .collect();
    for one in begun {
        assert_eq!(one.end().await.0, Returned::NoReturn);
    }
    let mut visits = book.lock().await.clone();
    visits.dedup();
    assert_eq!(visits.len(), 5, "they ran into each other: {visits:?}");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_lock_is_removed_and_live_lock_is_kept() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let document = LockDocument::new(&server.url);
    document
        .put(&format!("[{}]", leased("dead", "2026-01-02T03:05:05Z", 2)))
        .await;
    let began = Instant::now();
    let call = ["copy_accounts_to_number_dbs"];
    let run = || {
        RunningCommand::new(
            &server.url,
            &call,
            settings("bob", Lock::Refuse),
            ServerHook::Open,
        )
    };
    let (returned, lines) = run().end().await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    assert_eq!(
        lines[..2],
        [
            "waiting: purge_deleted by ann on dead has been running since 2026-01-02T03:04:05Z, last renewed at 2026-01-02T03:05:05Z: it counts as dead, and its lock is removed, when it stays silent for 2 seconds (`unlock` removes it at once)",
            "warning: purge_deleted by ann on dead has been running since 2026-01-02T03:04:05Z, last renewed at 2026-01-02T03:05:05Z: its lock is removed"
        ]
    );
    assert!(began.elapsed() > Duration::from_secs(2));
    assert!(document.holders().await.is_empty());
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    document
        .put(&format!("[{}]", entry("alive", "exclusive", &now)))
        .await;
    assert_eq!(run().end().await.0, Returned::Code(2));
    assert_eq!(document.holders().await.len(), 1);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_renews_its_lease_and_stops_without_it() {
    let server = TestServer::start().await;
    cluster(&server.url, 40).await;
    let run = RunningCommand::new(
        &server.url,
        &["purge_deleted"],
        slowly("ann"),
        ServerHook::Open,
    );
    let document = LockDocument::new(&server.url);
    document.has(1).await;
    let began = document.holders().await[0].since;
    let renewed = async {
        while document.holders().await[0].renewed == began {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, renewed).await.expect("it is not renewed");
    document.put("[]").await;
    let (returned, lines) = run.end().await;
    assert_eq!(returned, Returned::Code(2));
    assert_eq!(
        lines,
        ["stopped: could not renew the lock, another run removed it"]
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_or_dropped_run_releases_the_lock() {
    let server = TestServer::start().await;
    cluster(&server.url, 40).await;
    let document = LockDocument::new(&server.url);
    let run = RunningCommand::new(
        &server.url,
        &["purge_deleted"],
        slowly("ann"),
        ServerHook::Open,
    );
    document.has(1).await;
    run.cancel.cancel();
    assert_eq!(run.end().await.0, Returned::Code(2));
    document.has(0).await;
    let run = RunningCommand::new(
        &server.url,
        &["purge_deleted"],
        slowly("ann"),
        ServerHook::Open,
    );
    document.has(1).await;
    // Drops the run in the middle, as a panic does.
    run.run.abort();
    document.has(0).await;
    server.end().await;
}

/// A server's clock that is ahead makes every entry look expired, but its run is alive.
#[tokio::test(flavor = "multi_thread")]
async fn renewed_lock_is_kept_despite_clock_skew() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let document = Arc::new(LockDocument::new(&server.url));
    let ahead = std::time::SystemTime::now() - Duration::from_secs(120);
    let put = |renewals: u64| {
        let document = document.clone();
        let renewed = humantime::format_rfc3339_seconds(ahead + Duration::from_secs(renewals / 4));
        let entry = leased("alive", &renewed.to_string(), 1).replace(
            r#""lease_seconds""#,
            &format!(r#""renewals":{renewals},"lease_seconds""#),
        );
        async move { document.put(&format!("[{entry}]")).await }
    };
    put(1).await;
    // Each renewal is different.
    let renewals = AtomicU64::new(2);
    let renewing = async || {
        loop {
            sleep(Duration::from_millis(250)).await;
            put(renewals.fetch_add(1, Ordering::SeqCst)).await;
        }
    };
    let call = ["purge_deleted"];
    for lock in [Lock::Refuse, Lock::Wait] {
        let run = RunningCommand::new(&server.url, &call, settings("bob", lock), ServerHook::Open);
        let cancel = run.cancel.clone();
        let ended = async {
            if lock == Lock::Wait {
                sleep(Duration::from_secs(5)).await;
                cancel.cancel();
            }
            run.end().await
        };
        let (returned, lines) = tokio::select! {
            ended = ended => ended,
            () = renewing() => unreachable!(),
        };
        assert_eq!(returned, Returned::Code(2), "{lines:?}");
        assert_eq!(document.holders().await[0].run, "alive", "{lines:?}");
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_locks_exclude_or_expire_and_unlock_removes_them() {
    let server = TestServer::start().await;
    cluster(&server.url, 1).await;
    let document = LockDocument::new(&server.url);
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let call = ["purge_deleted"];
    let run = || {
        RunningCommand::new(
            &server.url,
            &call,
            settings("bob", Lock::Refuse),
            ServerHook::Open,
        )
    };
    let unlock = |dry_run| {
        let settings = Settings {
            dry_run,
            ..settings("cid", Lock::Refuse)
        };
        RunningCommand::new(&server.url, &["unlock"], settings, ServerHook::Open)
    };
    for (holders, expected) in [
        (
            format!("[{}]", leased("a", &now, 1_000_000_000_000)),
            "refused: purge_deleted by ann on a",
        ),
        (
            format!("[{}]", leased("a", "9999-12-31T23:59:59Z", u64::MAX)),
            "waiting: purge_deleted by ann on a",
        ),
        ("\"x\"".to_owned(), "waiting: an entry of the lock"),
        ("{\"a\":[]}".to_owned(), "waiting: an entry of the lock"),
        ("[[17]]".to_owned(), "waiting: an entry of the lock"),
    ] {
        document.put(&holders).await;
        let mut begun = run();
        let line = begun.line().await;
        assert!(line.starts_with(expected), "{line}");
        let (returned, lines) = unlock(true).end().await;
        assert_eq!(returned, Returned::Ok);
        assert!(
            lines
                .last()
                .unwrap()
                .ends_with(": its lock would be removed"),
            "{lines:?}"
        );
        let (returned, lines) = unlock(false).end().await;
        assert_eq!(returned, Returned::Ok);
        assert!(
            lines.last().unwrap().ends_with(": its lock is removed"),
            "{lines:?}"
        );
        assert_eq!(
            lines.len() == 2,
            holders.contains(&now),
            "a warning where it looks alive: {lines:?}"
        );
        let (returned, lines) = begun.end().await;
        if expected.starts_with("waiting") {
            assert_eq!(returned, Returned::NoReturn, "{lines:?}");
        }
        let (_, lines) = unlock(false).end().await;
        assert_eq!(lines, ["no run holds the lock"]);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_stops_after_its_lock_is_removed() {
    let server = TestServer::start().await;
    cluster(&server.url, 40).await;
    let run = RunningCommand::new(
        &server.url,
        &["purge_deleted"],
        slowly("ann"),
        ServerHook::Open,
    );
    LockDocument::new(&server.url).has(1).await;
    let unlocked = RunningCommand::new(
        &server.url,
        &["unlock"],
        settings("bob", Lock::Refuse),
        ServerHook::Open,
    );
    let (_, lines) = unlocked.end().await;
    let warning = "warning: purge_deleted by ann on here has been running since 2";
    assert!(
        lines[0].starts_with(warning) && lines[0].contains("until then both may write"),
        "{lines:?}"
    );
    let (returned, lines) = run.end().await;
    assert_eq!(returned, Returned::Code(2));
    assert_eq!(
        lines,
        ["stopped: could not renew the lock, another run removed it"]
    );
    server.end().await;
}
