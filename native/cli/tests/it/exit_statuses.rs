//! Each exit status, on the command line (docs/specification.md#command-line-exit-status). 130 and
//! 143 are tested in `interrupts`.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::{CliServer, ProgramRun, run};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_generator::{DriftKind, Options};
use kazoo_numbers_testkit::server::PASSWORD;

const ACCOUNT: &str = "4b87ccf02d8846f06c3b1f0e04e76bfd";

fn seeded() -> CliServer {
    CliServer::seeded(&Options {
        accounts: 5,
        numbers: 60,
        number_databases: 4,
        kinds: BTreeSet::from([DriftKind::MissingCopy]),
        ..Options::default()
    })
}

/// Checks the status, and that JSON output says the same and why.
fn check(ran: &ProgramRun, json: &ProgramRun, status: ExitStatus, ended: &str) {
    let code = i32::from(status.code());
    assert_eq!(ran.status, code, "{}{}", ran.out, ran.err);
    assert_eq!(json.status, code, "{}{}", json.out, json.err);
    let events = json.json();
    let result = events.last().unwrap();
    assert_eq!(result["event"], "result", "{}", json.out);
    assert_eq!(result["data"]["exit_status"], status.code());
    assert_eq!(result["data"]["ended"], ended, "{}", json.out);
}

fn both(server: &CliServer, line: &[&str], status: ExitStatus, ended: &str) {
    let mut with_json = line.to_vec();
    with_json.push("--json");
    check(&server.run(line), &server.run(&with_json), status, ended);
}

#[test]
fn status_0_done_and_values_that_were_asked_for() {
    let server = seeded();
    let (number, account) = server.assigned_number();
    let (number, account) = (number.as_str(), account.as_str());
    for line in [
        &["copy_number_dbs_to_accounts"][..],
        &["audit"],
        &["all_features"],
        &["app_using", "+19995550100", account],
        &["copy_single_number_to_account_db", number, account],
    ] {
        both(&server, line, ExitStatus::Done, "done");
    }
}

#[test]
fn status_1_usage() {
    let server = seeded();
    for line in [
        &["fix_account_db_numbers", "bogus"][..],
        &["copy_single_number_to_account_db", "+14155550100", "bogus"],
        &["fix_numbers_apps_in_numbdb", "bogus"],
        &["convert_carrier_module", "knm_local", "bogus"],
        &["convert_carrier_module", "knm_local", "knm_local", "bogus"],
        &["add_allowed_feature_on_number", "bogus", "+14155550100"],
        &["undo", "20261123T042900Z-250000"],
        &["help", "bogus"],
        &["migrate"],
    ] {
        both(&server, line, ExitStatus::Usage, "usage");
    }
    for line in [&["bogus"][..], &[], &["fix_number", ACCOUNT]] {
        assert_eq!(server.run(line).status, 1, "{line:?}");
    }
}

#[test]
fn status_2_some_failed() {
    let server = seeded();
    for line in [
        &["copy_number_dbs_to_accounts", "+1999"][..],
        &["copy_single_number_db_to_accounts", "+1999"],
        &["fix_account_db_numbers", ACCOUNT],
        &["copy_number_from_db_to_assigned_account", "+19995550100"],
        &["feature_permissions_on_number", "+19995550100"],
        &["copy_single_number_to_account_db", "+19995550100", ACCOUNT],
        &["convert_carrier_module_number", "+19995550100", "knm_local"],
    ] {
        both(&server, line, ExitStatus::Failed, "failed");
    }
}

#[test]
fn status_3_refused_by_lock_other_cluster_or_journal() {
    let server = seeded();
    let mut running = server
        .program(&[
            "copy_number_dbs_to_accounts",
            "--requests-per-second",
            "4",
            "-v",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(running.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let locked = server.run(&["purge_deleted", "--json"]);
    check(
        &server.run(&["purge_deleted"]),
        &locked,
        ExitStatus::Refused,
        "refused",
    );
    let events = locked.json();
    assert_eq!(events.last().unwrap()["data"]["refused"], "locked");
    running.kill().unwrap();
    running.wait().unwrap();

    let server = seeded();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let with_journal = ["--journal", journal, "copy_number_dbs_to_accounts"];
    let run = server.run(&[&with_journal[..], &["--json"]].concat());
    let run = run.json().last().unwrap()["data"]["run"].clone();
    let run = run.as_str().unwrap();
    let other = seeded();
    let undo = ["undo", run, "--journal", journal];
    both(&other, &undo, ExitStatus::Refused, "refused");
    let refused = other.run(&[&undo[..], &["--json"]].concat()).json();
    assert_eq!(refused.last().unwrap()["data"]["refused"], "other_cluster");
    both(&server, &undo, ExitStatus::Done, "done");

    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let line = [
        "copy_number_dbs_to_accounts",
        "--journal",
        open.to_str().unwrap(),
    ];
    both(&server, &line, ExitStatus::Refused, "refused");
}

#[test]
fn status_4_couchdb_not_reachable_or_not_allowed() {
    let server = seeded();
    let wrong = format!("http://admin:{PASSWORD}-wrong@{}", server.address());
    for url in [wrong.as_str(), "bogus"] {
        let line = ["--couchdb", url, "copy_number_dbs_to_accounts"];
        both(&server, &line, ExitStatus::NoServer, "no_server");
    }
    let none = run(&["audit", "--json"]);
    check(&run(&["audit"]), &none, ExitStatus::NoServer, "no_server");
}
