//! `watch` reports each change of the drift once, in time, and repairs the chosen kinds.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::schema::Schema;
#[cfg(target_os = "linux")]
use crate::support::memory_of;
use crate::support::{CliServer, run};
use exact_json::{Value, json};
use kazoo_numbers::couchdb::Method;
use kazoo_numbers_generator::{Cluster, DriftKind, Options};
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::server::send;
use rustix::process::{Pid, Signal, kill_process};

const INTERVAL: u64 = 1;
const GRACE: u64 = 2;

/// The time that an audit, the start of a process and a slow machine may add.
const SLACK: Duration = Duration::from_secs(20);

struct Watch {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    index: tempfile::TempDir,
}

fn lines_of(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    lines
}

impl Watch {
    fn start(server: &CliServer, options: &[&str]) -> Self {
        let index = tempfile::tempdir().unwrap();
        let (interval, grace) = (INTERVAL.to_string(), GRACE.to_string());
        let times = ["watch", "--interval", &interval, "--grace", &grace];
        let folder = ["--index", index.path().to_str().unwrap()];
        let mut program = server.program(&[&times[..], &folder, options].concat());
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        Self {
            lines: lines_of(child.stdout.take().unwrap()),
            errors: lines_of(child.stderr.take().unwrap()),
            child,
            index,
        }
    }

    fn line(&self) -> String {
        let line = self.lines.recv_timeout(SLACK);
        line.unwrap_or_else(|_| panic!("{:?}", self.errors.try_iter().collect::<Vec<_>>()))
    }

    /// Asserts that no line comes during some audits.
    fn is_quiet(&self) {
        let quiet = self
            .lines
            .recv_timeout(Duration::from_secs(3 * INTERVAL + GRACE));
        assert_eq!(quiet, Err(RecvTimeoutError::Timeout));
    }

    /// Ends it as systemd does. Returns its standard error.
    fn stop(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert!(self.index.path().exists());
        self.errors.iter().collect()
    }
}

/// A cluster without drift.
fn in_sync() -> CliServer {
    CliServer::seeded(&Options {
        drift: 0.0,
        numbers: 100,
        ..Options::default()
    })
}

/// Writes a document, or deletes it.
fn put(server: &CliServer, database: &str, id: &str, change: impl FnOnce(&mut Value)) {
    let (cluster, revisions) = server.data();
    let mut document = Value::Object(cluster.document(database, id).unwrap().clone());
    document["_rev"] = json!(revisions[database][id]);
    change(&mut document);
    write_all(server, database, &[document]);
}

/// Writes documents.
fn write_all(server: &CliServer, database: &str, documents: &[Value]) {
    let escaped = database.replace('/', "%2F").replace('+', "%2B");
    let (url, path) = (server.url(), format!("/{escaped}/_bulk_docs"));
    let body = json!({"docs": documents}).to_string();
    let sent = cases::network_runtime().block_on(send(&url, Method::POST, &path, Some(body)));
    assert!(sent.status.is_success());
}

fn account_database(account: &str) -> String {
    format!(
        "account/{}/{}/{}",
        &account[..2],
        &account[2..4],
        &account[4..]
    )
}

/// The assigned numbers of an account.
fn assigned_in(cluster: &Cluster, database: &str) -> Vec<String> {
    let documents = cluster.databases[database].documents.iter();
    let assigned = documents
        .filter(|(id, document)| id.starts_with('+') && document.contains_key("pvt_assigned_to"));
    assigned.map(|(id, _)| id.clone()).collect()
}

#[test]
fn drift_is_reported_once_and_in_time() {
    let server = in_sync();
    let (number, account) = server.assigned_number();
    let database = account_database(&account);
    let watch = Watch::start(&server, &[]);
    assert!(watch.line().starts_with("watch: "));
    let changed = Instant::now();
    put(&server, &database, &number, |document| {
        document["note"] = json!("another")
    });
    assert_eq!(
        watch.line(),
        format!("drift: differing_copy {number} in {database}: note")
    );
    let took = changed.elapsed();
    assert!(took >= Duration::from_secs(GRACE), "{took:?}");
    assert!(
        took < Duration::from_secs(GRACE + INTERVAL) + SLACK,
        "{took:?}"
    );
    watch.is_quiet();
    put(&server, &database, &number, |document| {
        document.as_object_mut().unwrap().remove("note");
    });
    assert_eq!(
        watch.line(),
        format!("gone: differing_copy {number} in {database}")
    );
    // Drift within the grace time is not reported.
    put(&server, &database, &number, |document| {
        document["note"] = json!("a moment")
    });
    put(&server, &database, &number, |document| {
        document.as_object_mut().unwrap().remove("note");
    });
    watch.is_quiet();
    assert_eq!(watch.stop(), Vec::<String>::new());
}

/// Changes both documents of each number. Returns the number of documents.
fn change_all(server: &CliServer, round: usize) -> usize {
    let (cluster, revisions) = server.data();
    let mut count = 0;
    for (database, content) in &cluster.databases {
        let numbers = content.documents.iter();
        let changed: Vec<Value> = numbers
            .filter(|(id, _)| id.starts_with('+'))
            .map(|(id, document)| {
                let mut document = Value::Object(document.clone());
                document["_rev"] = json!(revisions[database][id]);
                document["round"] = json!(round);
                document
            })
            .collect();
        count += changed.len();
        write_all(server, database, &changed);
    }
    count
}

/// `KAZOO_NUMBERS_CHANGES` sets the number of changes.
#[test]
#[cfg(target_os = "linux")]
fn many_changes_hold_memory_level() {
    let wanted = std::env::var("KAZOO_NUMBERS_CHANGES");
    let wanted = wanted.map_or(8000, |wanted| wanted.parse().unwrap());
    let server = in_sync();
    let watch = Watch::start(&server, &[]);
    watch.line();
    let resident = || memory_of(&watch.child, "VmRSS:").unwrap() / 1024;
    let (mut changes, mut before, mut round) = (0, None, 0);
    while changes < wanted {
        changes += change_all(&server, round);
        round += 1;
        if changes >= wanted / 4 {
            before.get_or_insert_with(resident);
        }
    }
    std::thread::sleep(Duration::from_secs(2 * INTERVAL));
    let (before, after) = (before.unwrap(), resident());
    assert!(after <= before + 4, "{before} MiB, then {after} MiB");
    assert_eq!(watch.stop(), Vec::<String>::new());
}

#[test]
fn watch_prints_json_lines() {
    let schema = Schema::new();
    let server = in_sync();
    let (number, account) = server.assigned_number();
    let database = account_database(&account);
    let watch = Watch::start(&server, &["--json"]);
    let start = schema.event(&watch.line());
    assert_eq!(start["event"], "watch_started");
    assert_eq!(start["data"]["findings"], 0);
    put(&server, &database, &number, |document| {
        document["note"] = json!("another");
    });
    for event in ["drift", "drift_gone"] {
        if event == "drift_gone" {
            put(&server, &database, &number, |document| {
                document.as_object_mut().unwrap().remove("note");
            });
        }
        let change = schema.event(&watch.line());
        assert_eq!(change["event"], event);
        assert_eq!(change["data"]["kind"], "differing_copy");
        assert_eq!(change["data"]["number"], number);
    }
    watch.stop();
}

#[test]
fn only_the_chosen_kinds_are_repaired() {
    let server = in_sync();
    let (number, account) = server.assigned_number();
    let database = account_database(&account);
    let (before, _) = server.data();
    let ids = assigned_in(&before, &database);
    let other = ids.into_iter().find(|id| *id != number).unwrap();
    let watch = Watch::start(&server, &["--repair", "missing_copy"]);
    watch.line();
    put(&server, &database, &other, |document| {
        document["note"] = json!("another")
    });
    put(&server, &database, &number, |document| {
        document["_deleted"] = json!(true)
    });
    let mut lines = [watch.line(), watch.line(), watch.line()];
    lines.sort();
    assert_eq!(
        lines,
        [
            format!("drift: differing_copy {other} in {database}: note"),
            format!("drift: missing_copy {number} in {database}"),
            format!("gone: missing_copy {number} in {database}"),
        ]
    );
    let (after, _) = server.data();
    assert_eq!(
        after.document(&database, &number),
        before.document(&database, &number)
    );
    assert_eq!(
        after.document(&database, &other).unwrap()["note"],
        json!("another")
    );
    watch.is_quiet();
    let errors = watch.stop();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("watch: repaired 1 documents in run "),
        "{errors:?}"
    );
}

#[test]
fn repairs_stop_at_the_limit_of_a_day() {
    let server = in_sync();
    let (_, account) = server.assigned_number();
    let database = account_database(&account);
    let (before, _) = server.data();
    let ids = assigned_in(&before, &database);
    let ids: Vec<String> = ids.into_iter().take(3).collect();
    assert_eq!(ids.len(), 3);
    let options = ["--repair", "missing_copy", "--repair-limit", "2"];
    let watch = Watch::start(&server, &options);
    watch.line();
    for id in &ids {
        put(&server, &database, id, |document| {
            document["_deleted"] = json!(true)
        });
    }
    let lines: Vec<String> = (0..5).map(|_| watch.line()).collect();
    let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        (count("drift: missing_copy"), count("gone: missing_copy")),
        (3, 2),
        "{lines:?}"
    );
    watch.is_quiet();
    let (after, _) = server.data();
    let missing = ids
        .iter()
        .filter(|id| after.document(&database, id).is_none());
    assert_eq!(missing.count(), 1);
    watch.stop();
    // The limit is of the day, and not of the process.
    let watch = Watch::start(&server, &options);
    let started = watch.line();
    assert!(started.starts_with("watch: "), "{started}");
    let another = assigned_in(&before, &database).pop().unwrap();
    put(&server, &database, &another, |document| {
        document["_deleted"] = json!(true)
    });
    let line = watch.line();
    assert!(line.starts_with("drift: missing_copy"), "{line}");
    watch.is_quiet();
    assert_eq!(server.data().0.document(&database, &another), None);
    watch.stop();
}

#[test]
fn excluded_number_is_neither_reported_nor_repaired() {
    let server = in_sync();
    let (number, account) = server.assigned_number();
    let database = account_database(&account);
    let options = ["--exclude", &number, "--repair", "missing_copy"];
    let watch = Watch::start(&server, &options);
    watch.line();
    put(&server, &database, &number, |document| {
        document["_deleted"] = json!(true)
    });
    watch.is_quiet();
    assert_eq!(server.data().0.document(&database, &number), None);
    watch.stop();
}

#[test]
fn page_has_metrics_health_and_the_audit() {
    let server = CliServer::seeded(&Options {
        kinds: [DriftKind::MissingCopy].into(),
        ..Options::default()
    });
    let watch = Watch::start(&server, &["--listen", "127.0.0.1:0"]);
    let listens = watch.errors.recv_timeout(SLACK).unwrap();
    let address = listens
        .strip_prefix("watch: listens on http://")
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    watch.line();
    let get = |path: &str, host: &str| {
        let mut connection = TcpStream::connect(&address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    };
    // The first line comes before the audit is shown.
    let deadline = Instant::now() + SLACK;
    while !get("/healthz", &address).starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline);
    }
    let metrics = get("/metrics", &address);
    assert!(
        metrics.contains("\nkazoo_numbers_drift{kind=\"missing_copy\"} 100\n"),
        "{metrics}"
    );
    assert!(get("/", &address).contains("missing_copy"));
    assert!(get("/", "localhost:1").starts_with("HTTP/1.1 200"));
    assert!(get("/", "example.com").starts_with("HTTP/1.1 403"));
    assert!(get("/other", &address).starts_with("HTTP/1.1 404"));
    watch.stop();
}

#[test]
fn failed_audit_is_reported_once() {
    let server = in_sync();
    let address = server.address();
    let url = format!("http://admin:wrong@{address}");
    let watch = Watch::start(&server, &["--couchdb", &url]);
    let line = watch.errors.recv_timeout(SLACK).unwrap();
    assert!(
        line.starts_with("warning: ") && line.ends_with("; trying again"),
        "{line}"
    );
    let more = watch.errors.recv_timeout(Duration::from_secs(5));
    assert_eq!(more, Err(RecvTimeoutError::Timeout));
    watch.stop();
}

#[test]
fn bad_option_is_refused_in_one_line() {
    for (options, expected) in [
        (
            vec!["--listen", "0.0.0.0:9107"],
            "must be an address of this machine",
        ),
        (vec!["--listen", "there"], "expected an address and a port"),
        (
            vec!["--repair", "contested"],
            "error: cannot repair contested: a person must decide",
        ),
        (vec!["--interval", "0"], "0 is not in 1.."),
        (
            vec!["--dry-run"],
            "error: --dry-run cannot be used with watch",
        ),
    ] {
        let ran = run(&[&["watch"], &options[..]].concat());
        assert_eq!(ran.status, 1, "{options:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{options:?}: {}", ran.err);
    }
}
