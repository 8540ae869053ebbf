//! Ctrl-C, and the output on a terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{CliServer, Piped, on_terminal};
use kazoo_numbers_generator::Options;
use rustix::process::{Pid, Signal, kill_process};

fn options(numbers: usize) -> Options {
    Options {
        accounts: 10,
        numbers,
        number_databases: 10,
        drift: 0.5,
        ..Options::default()
    }
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn ends_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    None
}

#[test]
fn first_interrupt_stops_cleanly_and_next_run_completes() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let server = CliServer::seeded(&options(200));
        let mut running = server
            .program(&[
                "copy_number_dbs_to_accounts",
                "--requests-per-second",
                "4",
                "--json",
            ])
            .piped();
        let mut out = BufReader::new(running.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.contains("progress"), "{line}");
        send(&running, signal);
        assert_eq!(
            ends_within(&mut running, Duration::from_secs(1)),
            Some(status)
        );
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        let error = r#"{"event":"error","data":{"line":"stopped: the run was cancelled","hint":null,"kind":"cancelled"}}"#;
        assert!(rest.contains(error), "{rest}");
        let result = format!(r#""exit_status":{status}"#);
        assert!(rest.lines().last().unwrap().contains(&result), "{rest}");
        let mut message = String::new();
        let mut err = running.stderr.take().unwrap();
        err.read_to_string(&mut message).unwrap();
        assert!(message.starts_with("stopping: "), "{message}");

        // Only failures (missing accounts) remain.
        server.run(&["copy_number_dbs_to_accounts"]);
        let again = server.run(&["copy_number_dbs_to_accounts"]);
        assert!(again.out.contains(" 0 created, 0 updated, 0 deleted, "));
    }
}

/// The output is not read, as in a pager, so the run cannot finish.
#[test]
fn second_interrupt_stops_immediately() {
    let server = CliServer::seeded(&options(4000));
    let mut running = server
        .program(&["copy_number_dbs_to_accounts", "--dry-run", "--json"])
        .piped();
    let mut err = BufReader::new(running.stderr.take().unwrap());
    sleep(Duration::from_secs(2));
    assert_eq!(running.try_wait().unwrap(), None);
    send(&running, Signal::INT);
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert!(line.contains("again to stop immediately"), "{line}");
    assert_eq!(running.try_wait().unwrap(), None);
    send(&running, Signal::INT);
    assert_eq!(ends_within(&mut running, Duration::from_secs(1)), Some(130));
}

#[test]
fn terminal_shows_progress_line_and_same_output() {
    let server = CliServer::seeded(&options(60));
    let program = server.program(&[
        "fix_apps_for_number_dbs",
        "--dry-run",
        "--requests-per-second",
        "25",
    ]);
    let (out, shown) = on_terminal(program);
    assert!(shown.contains(" of 11 databases, "), "{shown:?}");
    assert!(!shown.contains(" 0 failed"), "{shown:?}");
    assert!(
        out.contains("fix_apps_for_number_dbs: ")
            && !out.contains(" databases, 0 documents read, ")
    );
}

#[test]
fn concurrent_run_is_refused_waits_or_skips_lock() {
    let server = CliServer::seeded(&options(200));
    let mut running = server
        .program(&[
            "copy_number_dbs_to_accounts",
            "--requests-per-second",
            "4",
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let refused = server.run(&["purge_deleted"]);
    assert_eq!(refused.status, 3);
    assert_eq!(refused.out, "");
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    assert!(
        refused
            .err
            .starts_with("refused: copy_number_dbs_to_accounts by "),
        "{}",
        refused.err
    );
    let process = format!(" on process {} has been running since ", running.id());
    assert!(refused.err.contains(&process), "{}", refused.err);
    assert_eq!(server.run(&["--no-lock", "purge_deleted"]).status, 0);
    assert_eq!(server.run(&["purge_deleted", "--dry-run"]).status, 0);
    let mut waiting = server
        .program(&["purge_deleted", "--wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut message = BufReader::new(waiting.stdout.take().unwrap());
    line.clear();
    message.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("waiting: copy_number_dbs_to_accounts by "),
        "{line}"
    );
    send(&running, Signal::INT);
    assert_eq!(ends_within(&mut running, Duration::from_secs(1)), Some(130));
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    let both = server.run(&["purge_deleted", "--wait", "--no-lock"]);
    assert_eq!(both.status, 1);
}
