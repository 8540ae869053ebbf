//! A run in progress, controlled by commands in other processes.

use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crate::schema::Schema;
use crate::support::{CliServer, Piped, ProgramRun, on_terminal};
use kazoo_numbers_generator::Options;
use rustix::process::{Pid, Signal, kill_process};

/// The longest time between two renewals of a lock, and for the requests around them.
const RENEWAL: Duration = Duration::from_secs(20);

fn server() -> CliServer {
    CliServer::seeded(&Options {
        accounts: 200,
        numbers: 2000,
        number_databases: 10,
        drift: 0.5,
        ..Options::default()
    })
}

/// A run that takes minutes, since it sends so few requests.
fn slow_run(server: &CliServer) -> Command {
    server.program(&[
        "copy_number_dbs_to_accounts",
        "--requests-per-second",
        "1",
        "--json",
    ])
}

/// Waits for a run that holds the lock. Returns its id and its line.
fn held(server: &CliServer) -> (String, String) {
    let began = Instant::now();
    loop {
        let status = server.run(&["status"]);
        assert_eq!((status.status, status.err.as_str()), (0, ""));
        if let Some((id, _)) = status.out.split_once(": copy_number_dbs_to_accounts ") {
            return (id.to_owned(), status.lines()[0].to_owned());
        }
        assert_eq!(
            status.out,
            "no run holds the cluster lock or waits for it\nok\n"
        );
        assert!(began.elapsed() < RENEWAL, "no run begins");
        sleep(Duration::from_millis(100));
    }
}

/// Asks a run for something. Returns the line that says that it was done.
fn ask(server: &CliServer, call: &[&str], expected: &str) -> String {
    let began = Instant::now();
    let asked = server.run(call);
    assert_eq!((asked.status, asked.err.as_str()), (0, ""), "{}", asked.out);
    assert!(began.elapsed() < RENEWAL, "{:?}", began.elapsed());
    let lines = asked.lines();
    assert_eq!((lines.len(), lines[2]), (3, "ok"), "{lines:?}");
    assert!(
        lines[0].starts_with("asked to ")
            && lines[0].ends_with("; it reads this within 10 seconds"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with(expected), "{lines:?}");
    lines[1].to_owned()
}

/// The requests that the server gets in these seconds.
fn requests(server: &CliServer, seconds: u64) -> u64 {
    let before = server.requests();
    sleep(Duration::from_secs(seconds));
    server.requests() - before
}

#[test]
fn run_of_another_process_is_listed_paused_throttled_and_cancelled() {
    let server = server();
    let program = slow_run(&server);
    let running = spawn(move || on_terminal(program));
    let (id, line) = held(&server);
    assert!(id.len() == 16, "{line}");
    assert!(line.contains(" on process "), "{line}");
    assert!(line.contains(" holds the lock since 20"), "{line}");

    ask(&server, &["pause", &id[..6]], &format!("paused: {id}: "));
    // The renewals of the lock go on: a read and a write in ten seconds, sometimes two of them.
    assert!(requests(&server, 3) <= 4);
    let (_, line) = held(&server);
    assert!(line.contains("; paused by "), "{line}");
    assert!(line.contains("; at most 1 requests a second"), "{line}");
    let typed = server.run(&["status", "--json"]);
    let names = Schema::new().check(&typed);
    assert!(names.iter().any(|name| name == "status"), "{names:?}");
    let events = typed.json();
    let status = events.iter().find(|event| event["event"] == "status");
    let entry = &status.unwrap()["data"][0];
    assert_eq!(entry["state"], "holds_lock");
    assert_eq!(entry["run"], *id);
    assert_eq!(entry["paused"], true);
    assert_eq!(entry["requests_per_second"], 1.0);

    let done = format!("throttled to 8 requests a second: {id}: ");
    ask(&server, &["throttle", &id, "8"], &done);
    assert!(requests(&server, 3) <= 4, "a new limit resumes nothing");
    ask(&server, &["resume", &id], &format!("resumed: {id}: "));
    let sent = requests(&server, 3);
    assert!((15..=40).contains(&sent), "{sent} in 3 seconds");
    let cancelled = server.run(&["cancel", &id]);
    assert_eq!(cancelled.status, 0, "{}", cancelled.err);
    // The run may end before the command looks for its answer.
    let line = cancelled.lines()[1].to_owned();
    let is_done = |word: &str| line.starts_with(&format!("{word}: {id}: "));
    assert!(is_done("cancelled") || is_done("ended"), "{line}");

    let (out, shown) = running.join().unwrap();
    assert!(out.contains(r#""paused":true"#), "{out}");
    for line in [
        "paused: requested by ",
        "throttled to 8 requests a second: requested by ",
        "resumed: requested by ",
        "cancelled: requested by ",
    ] {
        assert!(out.contains(line), "{line} is not in {out}");
    }
    assert!(
        shown.contains(" paused; ") && shown.contains(" databases, "),
        "{shown:?}"
    );
    let last = out.lines().last().unwrap();
    assert!(last.contains(r#""ended":"cancelled""#), "{last}");
    assert_eq!(
        server.run(&["status"]).out,
        "no run holds the cluster lock or waits for it\nok\n"
    );
}

#[test]
fn run_that_is_not_in_progress_is_refused() {
    let server = server();
    let call = |arguments: &[&str], status| -> ProgramRun {
        let run = server.run(arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}{}", run.out, run.err);
        run
    };
    for arguments in [
        &["cancel", "0123456789abcdef"][..],
        &["pause", "0123"],
        &["resume", "20261126T001209Z-016123"],
        &["throttle", "0123456789abcdef", "off"],
    ] {
        let refused = call(arguments, 3);
        let line = format!(
            "refused: no run \"{}\" holds the cluster lock or waits for it (`status` lists those that do): it has ended, or it took no lock; ",
            arguments[1]
        );
        assert!(refused.err.starts_with(&line), "{}", refused.err);
        assert_eq!((refused.out.as_str(), refused.err.lines().count()), ("", 1));
    }
    let json = call(&["cancel", "0123456789abcdef", "--json"], 3);
    assert!(
        json.out.contains(r#""refused":"no_such_run""#),
        "{}",
        json.out
    );
    for rate in ["fast", "0", "-1", "1e9", "nan"] {
        call(&["throttle", "0123456789abcdef", "--", rate], 1);
    }
    assert_eq!(call(&["unlock"], 0).out, "no run holds the lock\nok\n");
}

#[test]
fn unlock_refuses_a_live_run_and_removes_the_lock_of_a_killed_one() {
    let server = server();
    let mut running = slow_run(&server).piped();
    let (id, _) = held(&server);
    let refused = server.run(&["unlock"]);
    assert_eq!(refused.status, 3, "{}{}", refused.out, refused.err);
    assert!(
        refused.out.starts_with("watching the lock for 21 seconds"),
        "{}",
        refused.out
    );
    let advice = format!("it renews its lock, so it is alive; `cancel {id}` stops it");
    assert!(refused.err.contains(&advice), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("WARNING: `unlock anyway` removes the lock of a run that is alive"),
        "{}",
        refused.err
    );
    kill_process(Pid::from_child(&running), Signal::KILL).unwrap();
    running.wait().unwrap();
    let unlocked = server.run(&["unlock"]);
    assert_eq!(unlocked.status, 0, "{}{}", unlocked.out, unlocked.err);
    assert!(
        unlocked.out.ends_with(": its lock is removed\nok\n"),
        "{}",
        unlocked.out
    );
    let after = server.run(&["copy_number_dbs_to_accounts"]);
    assert_ne!(after.status, 3, "{}", after.err);
}
