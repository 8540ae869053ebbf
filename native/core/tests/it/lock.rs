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

    async fn content(&self) -> Holders {
        let opened = self.server.open_doc(&self.database, self.id).await;
        let document = opened.unwrap().document;
        document.map_or_else(Holders::default, |one| Holders::parse(one.text()))
    }

    /// Writes these requests, and keeps the entries.
    async fn put_requests(&self, requests: &str) {
        self.write(|known| {
            let body = Holders::parse(known.unwrap().text()).document(self.id);
            format!(
                r#"{},"requests":{requests}}}"#,
                body.strip_suffix('}').unwrap()
            )
        })
        .await;
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

    /// Replaces the entries.
    async fn put(&self, holders: &str) {
        self.server.create_database(&self.database).await.unwrap();
        self.write(|_| format!(r#"{{"_id":"{}","holders":{holders}}}"#, self.id))
            .await;
    }

    /// Writes the body that is made from the present document, even if other runs write at the same time.
    async fn write(&self, body: impl Fn(Option<&couchdb::Document>) -> String) {
        loop {
            let opened = self.server.open_doc(&self.database, self.id).await;
            let known = opened.unwrap().document;
            let body = body(known.as_ref());
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
            "waiting: purge_deleted by ann on dead has been running since 2026-01-02T03:04:05Z, last renewed at 2026-01-02T03:05:05Z: it counts as dead, and its lock is removed, when it stays silent for 2 seconds (`unlock` removes it sooner)",
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
        RunningCommand::new(
            &server.url,
            &["unlock", "anyway"],
            settings,
            ServerHook::Open,
        )
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
        &["unlock", "anyway"],
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

/// A slow run with this id, which holds the lock.
async fn held(server: &TestServer, id: &str) -> (RunningCommand, LockDocument) {
    cluster(&server.url, 40).await;
    let settings = Settings {
        run_id: Some(id.to_owned()),
        ..slowly("ann")
    };
    let run = RunningCommand::new(&server.url, &["purge_deleted"], settings, ServerHook::Open);
    let document = LockDocument::new(&server.url);
    document.has(1).await;
    (run, document)
}

/// A command of another operator.
async fn bob(server: &TestServer, call: &[&str]) -> (Returned, Vec<String>) {
    let settings = settings("bob", Lock::Refuse);
    let one = RunningCommand::new(&server.url, call, settings, ServerHook::Open);
    one.end().await
}

const RUN: &str = "0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn paused_run_keeps_its_lock_and_resumes() {
    let server = TestServer::start().await;
    let (mut run, document) = held(&server, RUN).await;
    let (returned, lines) = bob(&server, &["pause", "0123"]).await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    assert_eq!(
        lines[0],
        "asked to pause: 0123456789abcdef: purge_deleted by ann on here; it reads this within 1 second"
    );
    let done = "paused: 0123456789abcdef: purge_deleted by ann on here; at 2";
    assert!(lines[1].starts_with(done), "{lines:?}");
    let line = run.line().await;
    assert!(line.starts_with("paused: requested by bob at 2"), "{line}");
    let before = document.holders().await[0].clone();
    let report = before.report.clone().unwrap();
    assert!(report.paused);
    // Longer than its lease, and longer than its limit of one request a second lets it stand still.
    sleep(Duration::from_secs(3)).await;
    let after = document.holders().await[0].clone();
    assert!(after.renewals > before.renewals + 5, "{after:?}");
    let progress = after.report.unwrap();
    assert_eq!(progress.documents, report.documents);
    let (_, lines) = bob(&server, &["status"]).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let start = "0123456789abcdef: purge_deleted by ann on here holds the lock since 2";
    assert!(lines[0].starts_with(start), "{lines:?}");
    assert!(lines[0].contains("; paused by bob at 2"), "{lines:?}");
    assert!(
        lines[0].contains("; at most 1 requests a second"),
        "{lines:?}"
    );
    let (returned, lines) = bob(&server, &["throttle", RUN, "off"]).await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    assert!(
        lines[1].starts_with("no longer throttled: 0123456789abcdef: "),
        "{lines:?}"
    );
    let (returned, lines) = bob(&server, &["resume", RUN]).await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    // The rest of the run may take less time than the command that asks.
    assert!(
        lines[1].starts_with("resumed: 0123456789abcdef: ")
            || lines[1] == "ended: 0123456789abcdef: purge_deleted by ann on here",
        "{lines:?}"
    );
    let began = Instant::now();
    let (returned, lines) = run.end().await;
    assert_eq!(returned, Returned::NoReturn, "{lines:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(
        lines[0].starts_with("no longer throttled: requested by bob at 2")
            && lines[1].starts_with("resumed: requested by bob at 2"),
        "{lines:?}"
    );
    assert_eq!(document.content().await, Holders::default());
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_run_is_cancelled_from_elsewhere() {
    let server = TestServer::start().await;
    let (run, document) = held(&server, RUN).await;
    for call in ["pause", "cancel"] {
        let (returned, lines) = bob(&server, &[call, RUN]).await;
        assert_eq!(returned, Returned::Ok, "{lines:?}");
    }
    let (returned, lines) = run.end().await;
    assert_eq!(returned, Returned::Code(2));
    assert!(
        lines[1].starts_with("cancelled: requested by bob at 2"),
        "{lines:?}"
    );
    assert_eq!(lines[2], "stopped: the run was cancelled");
    assert_eq!(document.content().await, Holders::default());
    for call in [
        &["pause", RUN][..],
        &["cancel", "012"],
        &["resume", ""],
        &["throttle", RUN, "5"],
    ] {
        if call[1].is_empty() {
            continue;
        }
        let (returned, lines) = bob(&server, call).await;
        assert_eq!(returned, Returned::Code(2));
        assert_eq!(lines.len(), 1, "{lines:?}");
        let start = format!(
            "refused: no run \"{}\" holds the cluster lock or waits for it",
            call[1]
        );
        assert!(lines[0].starts_with(&start), "{lines:?}");
    }
    let (_, lines) = bob(&server, &["status"]).await;
    assert_eq!(
        lines,
        ["no run holds the cluster lock or waits for it".to_owned()]
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_and_foreign_requests_are_ignored_with_one_line() {
    let server = TestServer::start().await;
    let (run, document) = held(&server, RUN).await;
    let request = |order: &str, more: &str| {
        format!(
            r#"{{"id":"1","run":"{RUN}","order":"{order}","by":"eve\u001b[2J","at":"2026-01-02T03:04:05Z"{more}}}"#
        )
    };
    let other = request("cancel", "").replace(RUN, "another");
    let requests = [
        "17".to_owned(),
        r#"{"run":"0123456789abcdef"}"#.to_owned(),
        request("format", ""),
        request("throttle", r#","requests_per_second":0"#),
        request("throttle", r#","requests_per_second":1e300"#),
        request("cancel", "").replace("2026-01-02", "yesterday"),
        other,
    ];
    document
        .put_requests(&format!("[{}]", requests.join(",")))
        .await;
    let gone = async {
        let empty = |content: Holders| !content.document("x").contains("requests\":[");
        while !empty(document.content().await) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("they stay");
    assert_eq!(document.holders().await.len(), 1);
    // A second time, and one that can be read.
    let readable = request("throttle", r#","requests_per_second":7.5"#);
    document.put_requests(&format!("[[],{readable}]")).await;
    let throttled = async {
        let rate = async || {
            let holder = document.holders().await.remove(0);
            holder.report.unwrap().requests_per_second.unwrap()
        };
        while rate().await.to_string() != "7.5" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, throttled).await.expect("it stays");
    run.cancel.cancel();
    let (_, lines) = run.end().await;
    assert_eq!(
        lines,
        [
            "warning: 6 requests in the lock's document cannot be read, and are ignored",
            "throttled to 7.5 requests a second: requested by eve[2J at 2026-01-02T03:04:05Z",
            "stopped: the run was cancelled",
        ]
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_run_is_listed_and_cancelled() {
    let server = TestServer::start().await;
    let (run, document) = held(&server, RUN).await;
    let waits = Settings {
        run_id: Some("fedcba9876543210".to_owned()),
        ..settings("cid", Lock::Wait)
    };
    let call = ["fix_apps_for_number_dbs"];
    let waiting = RunningCommand::new(&server.url, &call, waits, ServerHook::Open);
    let listed = async {
        while document.content().await.waiting().next().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, listed).await.expect("it is not listed");
    let (_, lines) = bob(&server, &["status"]).await;
    let start = "fedcba9876543210: fix_apps_for_number_dbs by cid on here waits for the lock since";
    assert!(lines[1].starts_with(start), "{lines:?}");
    let (returned, lines) = bob(&server, &["cancel", "fedcba9876543210"]).await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    let (returned, lines) = waiting.end().await;
    assert_eq!(returned, Returned::Code(2));
    assert!(lines[1].starts_with("cancelled: requested by bob at"));
    let content = document.content().await;
    assert_eq!(content.waiting().count(), 0);
    assert_eq!(content.holders().count(), 1, "the holder is not disturbed");
    run.cancel.cancel();
    run.end().await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlock_refuses_a_run_that_renews() {
    let server = TestServer::start().await;
    let (run, document) = held(&server, RUN).await;
    let (returned, lines) = bob(&server, &["unlock"]).await;
    assert_eq!(returned, Returned::Code(2), "{lines:?}");
    assert!(
        lines[1].starts_with("refused: purge_deleted by ann on here")
            && lines[1].ends_with("so it is alive; `cancel 0123456789abcdef` stops it")
            && lines[2].starts_with("hint: WARNING: `unlock anyway` removes"),
        "{lines:?}"
    );
    assert_eq!(document.holders().await.len(), 1);
    run.cancel.cancel();
    assert_eq!(run.end().await.1, ["stopped: the run was cancelled"]);
    // It looks alive by the clock, and is silent.
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    document
        .put(&format!("[{}]", leased("dead", &now, 9)))
        .await;
    let (returned, lines) = bob(&server, &["unlock"]).await;
    assert_eq!(returned, Returned::Ok, "{lines:?}");
    assert!(lines[1].ends_with(": its lock is removed"), "{lines:?}");
    assert_eq!(document.content().await, Holders::default());
    server.end().await;
}
