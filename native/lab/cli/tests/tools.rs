//! Tests of the laboratory's program.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use exact_json::Value;
use kazoo_numbers_generator::{Options, Plan};
use kazoo_numbers_testkit::program::{self, ProgramRun};
use kazoo_numbers_testkit::server::{EmbeddedServer, PASSWORD};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A sandbox process that is killed when the test ends.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sandbox {
    fn interrupted(mut self) -> Option<i32> {
        let process = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        kill(process, Signal::SIGINT).unwrap();
        self.0.wait().unwrap().code()
    }
}

/// Starts a sandbox and returns its URL.
fn sandbox(data: &Path, more: &[&str]) -> (Sandbox, String) {
    let mut child = program(&["sandbox", "--port", "0", "--data"])
        .arg(data)
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    (Sandbox(child), url.trim_end().to_owned())
}

/// The program in an environment without a CouchDB address.
fn program(arguments: &[&str]) -> Command {
    program::program(
        env!("CARGO_BIN_EXE_kazoo-numbers-lab"),
        env!("CARGO_TARGET_TMPDIR"),
        arguments,
    )
}

fn run(arguments: &[&str]) -> ProgramRun {
    ProgramRun::of(&program(arguments).output().unwrap())
}

fn on(url: &str, arguments: &[&str]) -> ProgramRun {
    ProgramRun::of(&program(arguments).env("COUCHDB_URL", url).output().unwrap())
}

#[test]
fn sandbox_serves_until_interrupt_and_keeps_data() {
    let folder = tempfile::tempdir().unwrap();
    let (child, url) = sandbox(folder.path(), &[]);
    let password = url
        .strip_prefix("http://admin:")
        .and_then(|rest| rest.split_once("@127.0.0.1:"))
        .map(|(password, _)| password.to_owned())
        .unwrap();
    assert_eq!(password.len(), 32, "generated: {url}");
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let metadata = entry.unwrap().metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    let seeded = on(&url, &["seed", "--numbers", "50", "--accounts", "3"]);
    assert_eq!(seeded.status, 0, "{}", seeded.err);
    assert_eq!(child.interrupted(), Some(0));

    let (child, url) = sandbox(folder.path(), &["--json"]);
    let listening: Value = exact_json::from_str(&url).unwrap();
    let url = listening["data"]["url"].as_str().unwrap();
    assert!(
        !url.contains(&password),
        "a new password at each start: {url}"
    );
    let ran = on(url, &["wipe", "--yes"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "ok\n"), "{}", ran.err);
    assert_eq!(child.interrupted(), Some(0));
}

#[test]
fn given_password_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (child, url) = sandbox(folder.path(), &["--password", "hidden", "--user", "me"]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let ran = on(
        &url.replace("http://", "http://me:hidden@"),
        &["seed", "--numbers", "5"],
    );
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(child.interrupted(), Some(0));
    assert_eq!(run(&["sandbox", "--bind", "0.0.0.0"]).status, 1);
}

#[test]
fn seed_prints_statistics_and_wipe_deletes_cluster() {
    let server = EmbeddedServer::start();
    let made = [
        "seed",
        "--numbers",
        "200",
        "--drift",
        "0.2",
        "--ugly",
        "--seed",
        "7",
    ];
    let seeded = on(&server.url(), &made);
    assert_eq!(seeded.status, 0, "{}", seeded.err);
    let (cluster, _) = server.data();
    let plan = Plan::new(&Options {
        numbers: 200,
        drift: 0.2,
        ugly: kazoo_numbers_generator::UglyKind::all(),
        seed: 7,
        ..Options::default()
    });
    let statistics = kazoo_numbers_generator::Statistics::of(&cluster);
    assert!(seeded.out.contains(&format!(
        "{} number databases with {} numbers",
        statistics.number_databases, statistics.numbers
    )));
    let missing = |drift: &&kazoo_numbers_generator::Drift| drift.kind.name() == "missing_copy";
    let count = plan.drift().iter().filter(missing).count();
    assert!(seeded.out.lines().any(|line| {
        line.split_whitespace().collect::<Vec<_>>() == ["missing_copy", &count.to_string()]
    }));

    let listed = run(&[&made[..], &["--list-drift"]].concat());
    let list: Vec<Value> = exact_json::from_str(&listed.out).unwrap();
    assert_eq!(list.len(), plan.drift().len());
    assert!(
        list.iter()
            .all(|one| one["kind"].is_string() && one["number"].is_string())
    );

    assert_eq!(on(&server.url(), &["wipe", "--yes"]).status, 0);
    assert!(server.data().0.databases.is_empty());
}

#[test]
fn seed_uses_only_requested_kinds() {
    let list = run(&[
        "seed",
        "--list-drift",
        "--kinds",
        "missing_copy,unassigned_but_used",
    ]);
    let list: Vec<Value> = exact_json::from_str(&list.out).unwrap();
    assert!(!list.is_empty());
    assert!(
        list.iter()
            .all(|one| one["kind"] == "missing_copy" || one["kind"] == "unassigned_but_used")
    );
    assert_eq!(run(&["seed", "--kinds", "bogus"]).status, 1);
}

#[test]
fn foreign_server_is_refused() {
    let server = EmbeddedServer::with_foreign_database();
    for line in [&["seed", "--numbers", "5"][..], &["wipe", "--yes"]] {
        let refused = on(&server.url(), line);
        assert_eq!(refused.status, 2, "{line:?}");
        assert_eq!(refused.err.lines().count(), 1);
        assert!(refused.err.contains("did not create"), "{}", refused.err);
    }
    let anyway = on(&server.url(), &["seed", "--numbers", "5", "--anyway"]);
    assert_eq!(anyway.status, 0, "{}", anyway.err);
}

#[test]
fn server_with_cluster_is_refused_before_writes() {
    let server = EmbeddedServer::start();
    let seeded = on(&server.url(), &["seed", "--numbers", "50", "--seed", "1"]);
    assert_eq!(seeded.status, 0, "{}", seeded.err);
    let (_, before) = server.data();
    let again = on(&server.url(), &["seed", "--numbers", "50", "--seed", "2"]);
    assert_eq!((again.status, again.out.as_str()), (2, ""));
    let start = "error: the server already holds a cluster that this tool created (";
    assert!(again.err.starts_with(start), "{}", again.err);
    assert_eq!(again.err.lines().count(), 1, "{}", again.err);
    assert_eq!(server.data().1, before);
    assert_eq!(on(&server.url(), &["wipe", "--yes"]).status, 0);
    assert_eq!(on(&server.url(), &["seed", "--numbers", "50"]).status, 0);
}

#[test]
fn wrong_lab_credentials_are_refused_and_not_printed() {
    let server = EmbeddedServer::start();
    let wrong = format!("http://admin:{PASSWORD}-wrong@{}", server.address());
    let failed = run(&["seed", "--numbers", "10", "--couchdb", &wrong]);
    assert_eq!(failed.status, 2, "{}", failed.out);
    assert!(failed.err.contains("unauthorized"), "{}", failed.err);
}
