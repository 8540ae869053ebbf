//! The tools beside the functions.
#![allow(clippy::unwrap_used, reason = "a test says what it expected")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use kazoo_numbers_cluster::{Options, Plan};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Ran, Stage, program, run};

/// A sandbox of its own process, which does not outlive a test that fails.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sandbox {
    fn interrupted(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        self.0.wait().unwrap().code()
    }
}

/// A sandbox, and its address.
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

fn on(url: &str, arguments: &[&str]) -> Ran {
    Ran::of(&program(arguments).env("COUCHDB_URL", url).output().unwrap())
}

#[test]
fn a_sandbox_serves_until_it_is_interrupted_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let (child, url) = sandbox(folder.path(), &[]);
    assert!(url.starts_with("http://admin:secret@127.0.0.1:"), "{url}");
    let seeded = on(&url, &["seed", "--numbers", "50", "--accounts", "3"]);
    assert_eq!(seeded.status, 0, "{}", seeded.err);
    assert_eq!(child.interrupted(), Some(0));

    let (child, url) = sandbox(folder.path(), &["--json"]);
    let listening: Value = serde_json::from_str(&url).unwrap();
    let url = listening["data"]["url"].as_str().unwrap();
    let ran = on(url, &["copy_number_dbs_to_accounts", "--dry-run"]);
    assert!(ran.out.contains("numbers%2F%2B1415: "), "{}", ran.out);
    assert_eq!(child.interrupted(), Some(0));
}

#[test]
fn a_password_of_one_s_own_is_not_printed() {
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
fn seeding_tells_what_it_made_and_wiping_takes_it_away() {
    let stage = Stage::new();
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
    let seeded = stage.run(&made);
    assert_eq!(seeded.status, 0, "{}", seeded.err);
    let (cluster, _) = stage.data();
    let plan = Plan::new(&Options {
        numbers: 200,
        drift: 0.2,
        ugly: kazoo_numbers_cluster::UglyKind::all(),
        seed: 7,
        ..Options::default()
    });
    let statistics = kazoo_numbers_cluster::Statistics::of(&cluster);
    assert!(seeded.out.contains(&format!(
        "{} number databases with {} numbers",
        statistics.number_databases, statistics.numbers
    )));
    let missing = |drift: &&kazoo_numbers_cluster::Drift| drift.kind.name() == "missing_copy";
    let count = plan.drift().iter().filter(missing).count();
    assert!(seeded.out.lines().any(|line| {
        line.split_whitespace().collect::<Vec<_>>() == ["missing_copy", &count.to_string()]
    }));

    let listed = run(&[&made[..], &["--list-drift"]].concat());
    let list: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(list.len(), plan.drift().len());
    assert!(
        list.iter()
            .all(|one| one["kind"].is_string() && one["number"].is_string())
    );

    assert_eq!(stage.run(&["wipe", "--yes"]).status, 0);
    assert!(stage.data().0.databases.is_empty());
}

#[test]
fn only_the_kinds_that_were_asked_for() {
    let list = run(&[
        "seed",
        "--list-drift",
        "--kinds",
        "missing_copy,unassigned_but_used",
    ]);
    let list: Vec<Value> = serde_json::from_str(&list.out).unwrap();
    assert!(!list.is_empty());
    assert!(
        list.iter()
            .all(|one| one["kind"] == "missing_copy" || one["kind"] == "unassigned_but_used")
    );
    assert_eq!(run(&["seed", "--kinds", "bogus"]).status, 1);
}

#[test]
fn a_server_of_somebody_else_s_is_refused() {
    let stage = Stage::of_somebody_else();
    for line in [&["seed", "--numbers", "5"][..], &["wipe", "--yes"]] {
        let refused = stage.run(line);
        assert_eq!(refused.status, 2, "{line:?}");
        assert_eq!(refused.err.lines().count(), 1);
        assert!(refused.err.contains("not made here"), "{}", refused.err);
    }
    let anyway = stage.run(&["seed", "--numbers", "5", "--anyway"]);
    assert_eq!(anyway.status, 0, "{}", anyway.err);
}

#[test]
fn the_port_says_what_is_no_request_and_ends_with_its_input() {
    let mut child = program(&["port"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // 131 and an atom: a frame, and no start request.
    let frame = b"\x83w\x06cancel";
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(&(frame.len() as u32).to_be_bytes())
        .unwrap();
    input.write_all(frame).unwrap();
    let mut answer = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut answer)
        .unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("failed"));
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let ended = program(&["port"]).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(0), 0));
}

/// Half of what was said would be done.
#[test]
fn a_tool_that_knows_no_dry_run_does_not_pretend() {
    let stage = Stage::seeded(&Options {
        numbers: 5,
        ..Options::default()
    });
    let refused = stage.run(&["--dry-run", "wipe", "--yes"]);
    assert_eq!(
        (refused.status, refused.err.as_str()),
        (1, "error: wipe knows no --dry-run\n")
    );
    assert!(!stage.data().0.databases.is_empty());
}
