//! Commands of the real program on a real server.

use std::collections::BTreeSet;

use crate::support::{CliServer, ProgramRun};
use exact_json::{Value, json};
use kazoo_numbers::report::sanitise::is_unsafe;
use kazoo_numbers_generator::{Cluster, DriftKind, Options};

/// A cluster without failures.
fn clean() -> Options {
    Options {
        accounts: 5,
        numbers: 120,
        number_databases: 4,
        drift: 0.3,
        kinds: BTreeSet::from([DriftKind::MissingCopy, DriftKind::DifferingCopy]),
        ..Options::default()
    }
}

fn summary(ran: &ProgramRun) -> &str {
    ran.lines()
        .into_iter()
        .find(|line| line.contains(" documents read, "))
        .unwrap()
}

#[test]
fn copy_prints_line_per_database_summary_and_ok() {
    let server = CliServer::seeded(&clean());
    let (before, _) = server.data();
    let first = server.run(&["copy_number_dbs_to_accounts", "-v"]);
    assert_eq!(first.status, 0, "{}", first.out);
    assert_eq!(first.lines().last(), Some(&"ok"));
    let databases = before.number_databases().count() + before.account_databases().count();
    let lines = first.lines();
    let reported = lines.iter().filter(|line| line.contains(": ")).count();
    assert_eq!(reported, databases + 1, "{}", first.out);
    assert!(summary(&first).contains(&format!(": {databases} databases, ")));
    assert!(!summary(&first).contains(" 0 created, 0 updated, "));

    let (after, revisions) = server.data();
    assert_ne!(after.differences(&before), Vec::<String>::new());
    let second = server.run(&["copy_number_dbs_to_accounts"]);
    assert!(summary(&second).contains(" 0 created, 0 updated, 0 deleted, 0 failed"));
    assert_eq!(server.data().1, revisions);
}

#[test]
fn failures_exit_with_2_and_report_as_last_line() {
    let server = CliServer::seeded(&Options {
        kinds: BTreeSet::from([DriftKind::AccountMissing]),
        ..clean()
    });
    let ran = server.run(&["copy_number_dbs_to_accounts"]);
    assert_eq!(ran.status, 2);
    let lines = ran.lines();
    let report: Value = exact_json::from_str(lines.last().unwrap()).unwrap();
    assert!(report.to_string().contains("save_docs-db_not_found"));
}

#[test]
fn dry_run_writes_nothing_and_prints_changes() {
    let server = CliServer::seeded(&clean());
    let (_, revisions) = server.data();
    for line in [
        &["--dry-run", "copy_number_dbs_to_accounts"][..],
        &["copy_number_dbs_to_accounts", "--dry-run"],
    ] {
        let ran = server.run(line);
        assert!(ran.out.contains("would be created"), "{}", ran.out);
        assert!(summary(&ran).contains("dry run"));
        assert_eq!(server.data().1, revisions);
    }
}

#[test]
fn json_output_is_one_object_per_line_ending_with_result() {
    let server = CliServer::seeded(&clean());
    let plain = server.run(&["copy_number_dbs_to_accounts", "--dry-run"]);
    let ran = server.run(&["copy_number_dbs_to_accounts", "--json", "--dry-run"]);
    let events = ran.json();
    let (result, rest) = events.split_last().unwrap();
    assert_eq!(result["event"], "result");
    assert_eq!(result["data"]["returned"], "ok");
    assert_eq!(result["data"]["exit_status"], 0);
    let (finished, rest) = rest.split_last().unwrap();
    assert_eq!(finished["event"], "finished");
    let figures = &finished["data"]["summary"];
    assert_eq!(figures["command"], "copy_number_dbs_to_accounts");
    assert_eq!(figures["dry_run"], true);
    let planned = rest.iter().filter(|event| event["event"] == "planned");
    let would_be = |ran: &ProgramRun| {
        ran.lines()
            .iter()
            .filter(|line| line.contains(": would be "))
            .count()
    };
    assert_eq!(planned.count(), would_be(&plain));
    assert_eq!(
        figures["created"].as_u64().unwrap() + figures["updated"].as_u64().unwrap(),
        would_be(&plain) as u64
    );
}

#[test]
fn list_arguments_are_the_rest_of_the_line() {
    let server = CliServer::seeded(&clean());
    let ran = server.run(&[
        "-v",
        "copy_number_dbs_to_accounts",
        "numbers%2F%2B1415",
        "+9999",
        "numbers/+1415",
    ]);
    assert_eq!(ran.status, 2);
    assert!(ran.out.contains("numbers%2F%2B1415: "));
    assert_eq!(
        ran.lines().last(),
        Some(&r#"{"numbers%2F%2B9999":{"last_error":"db_not_found"}}"#)
    );
}

#[test]
fn values_are_printed_as_terms_and_exit_with_0() {
    let server = CliServer::seeded(&clean());
    let (number, account) = server.assigned_number();
    let (number, account) = (number.as_str(), account.as_str());
    let copied = server.run(&["copy_single_number_to_account_db", number, account]);
    assert_eq!(
        (copied.status, copied.lines().last().copied()),
        (0, Some(format!("{{ok,<<\"{number}\">>}}").as_str()))
    );
    let unknown = server.run(&["app_using", "+19995550100", account]);
    assert_eq!((unknown.status, unknown.out.as_str()), (0, "undefined\n"));
    let json = server.run(&["--json", "app_using", "+19995550100", account]);
    assert_eq!(
        json.json().last().unwrap()["data"]["returned"],
        exact_json::json!({"app": null})
    );
}

#[test]
fn request_limits_are_respected() {
    let server = CliServer::seeded(&clean());
    let ran = server.run(&[
        "copy_number_dbs_to_accounts",
        "--json",
        "--parallel",
        "1",
        "--requests-per-second",
        "20",
    ]);
    let events = ran.json();
    let figures = &events[events.len() - 2]["data"]["summary"];
    let requests = figures["requests"].as_f64().unwrap();
    // The requests of one second may be sent at once.
    assert!(requests > 10.0, "{figures}");
    assert!(
        figures["seconds"].as_f64().unwrap() > (requests - 20.0).max(5.0) / 20.0,
        "{figures}"
    );
}

#[test]
fn run_is_listed_and_undone() {
    let server = CliServer::seeded(&clean());
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let (before, _) = server.data();
    assert_eq!(
        server
            .run(&["copy_number_dbs_to_accounts", "--journal", journal])
            .status,
        0
    );
    assert_ne!(server.data().0.differences(&before), Vec::<String>::new());
    let runs = server.run(&["--journal", journal, "runs"]);
    assert_eq!(runs.status, 0);
    assert!(
        runs.out.contains("copy_number_dbs_to_accounts"),
        "{}",
        runs.out
    );
    let run = runs.out.split_whitespace().next().unwrap();
    let undone = server.run(&["undo", run, "--journal", journal]);
    assert_eq!(undone.status, 0, "{}", undone.out);
    let after = server.data().0.without_tombstones();
    assert_eq!(
        after.differences(&before.without_tombstones()),
        Vec::<String>::new()
    );
    let without = server.run(&["--no-journal", "undo", run]);
    assert_eq!(without.status, 1);
}

#[test]
fn audit_is_printed_as_table_or_document() {
    let server = CliServer::seeded(&clean());
    let table = server.run(&["audit"]);
    assert_eq!(table.status, 0, "{}", table.out);
    assert!(table.out.contains("missing_copy") && table.out.ends_with("ok\n"));
    let json = server.run(&["audit", "--format", "json"]);
    let whole: Value = exact_json::from_str(&json.out).unwrap();
    let findings = whole["findings"].as_array().unwrap().len();
    assert!(findings > 0);
    let csv = server.run(&["audit", "--format", "csv"]);
    assert_eq!(csv.lines().len(), 1 + findings);
    let html = server.run(&["audit", "--format", "html"]);
    assert!(html.out.starts_with("<!") && html.out.trim_end().ends_with("</html>"));
    let events = server.run(&["audit", "--json"]).json();
    assert!(events.iter().any(|event| event["event"] == "audit"));
    assert_eq!(server.run(&["runs", "--format", "csv"]).status, 1);
}

#[test]
fn carrier_module_that_no_number_has_is_reported_with_the_nearest() {
    let server = CliServer::start();
    let mut cluster = Cluster::default();
    for (number, module) in [
        ("+14155550100", "knm_telnyx"),
        ("+14155550101", "knm_local"),
    ] {
        let document = json!({"_id": number, "pvt_type": "number", "pvt_module_name": module});
        let Value::Object(document) = document else {
            panic!("no object");
        };
        let database = cluster.databases.entry("numbers/+1415".into());
        database.or_default().insert(document);
    }
    server.load(&cluster);
    let (_, before) = server.data();
    for (source, line) in [
        ("knm_telnix", "\"knm_telnix\"; did you mean knm_telnyx?"),
        ("knm_simwood", "\"knm_simwood\""),
        ("zzz", "\"zzz\""),
    ] {
        let ran = server.run(&["convert_carrier_module", source, "knm_local"]);
        let line = format!("warning: no number has the carrier module {line}\n");
        assert_eq!((ran.status, ran.err), (0, line));
        assert!(ran.out.ends_with("failed for 0:\nok\n"), "{}", ran.out);
    }
    assert_eq!(server.data().1, before);
    let ran = server.run(&["convert_carrier_module", "knm_telnyx", "knm_local"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let again = server.run(&["convert_carrier_module", "knm_telnyx", "knm_local"]);
    assert!(!again.err.contains("did you mean"), "{}", again.err);
}

#[test]
fn audit_in_json_lines_ends_with_the_totals() {
    let server = CliServer::seeded(&clean());
    let json = server.run(&["audit", "--format", "json"]);
    let whole: Value = exact_json::from_str(&json.out).unwrap();
    let ran = server.run(&["audit", "--format", "jsonl"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let lines: Vec<Value> = ran
        .lines()
        .iter()
        .map(|line| exact_json::from_str(line).unwrap())
        .collect();
    let (last, findings) = lines.split_last().unwrap();
    assert!(findings.iter().all(|line| line["type"] == "finding"));
    assert_eq!(findings.len(), whole["findings"].as_array().unwrap().len());
    assert_eq!(last["type"], "audit");
    assert_eq!(last["numbers"], whole["numbers"]);
    assert_eq!(last["kinds"], whole["kinds"]);
}

#[test]
fn audit_options_choose_kinds_and_the_exit_status() {
    let server = CliServer::seeded(&clean());
    let kinds = |arguments: &[&str]| {
        let line = [&["audit", "--format", "json"], arguments].concat();
        let ran = server.run(&line);
        let whole: Value = exact_json::from_str(&ran.out).unwrap();
        let findings = whole["findings"].as_array().unwrap().iter();
        let kinds: BTreeSet<String> = findings
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect();
        (ran.status, kinds)
    };
    let (status, all) = kinds(&["--fail-on-drift"]);
    assert_eq!(status, 5);
    let kind = all.first().unwrap().as_str();
    let one = BTreeSet::from([kind.to_owned()]);
    assert_eq!(kinds(&["--kind", kind]), (0, one.clone()));
    let both = format!("{kind},odd_assignment");
    assert_eq!(kinds(&["--kind", &both, "--fail-on-drift"]), (5, one));
    let (status, _) = kinds(&["--kind", "odd_assignment", "--fail-on-drift"]);
    assert_eq!(status, 0);
    let json = server.run(&["--json", "audit", "--fail-on-drift"]);
    assert_eq!(json.status, 5);
    assert_eq!(json.json().last().unwrap()["data"]["exit_status"], 5);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accepted.toml");
    let entries: Vec<String> = exact_json::from_str::<Value>(
        &server.run(&["audit", "--format", "json"]).out,
    )
    .unwrap()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "[[accepted]]\nkind = {}\nnumber = {}\ndatabase = {}\nreason = \"known\"\nexpires = 2999-12-31\n",
                one["kind"], one["number"], one["database"]
            )
        })
        .collect();
    std::fs::write(&file, entries.concat()).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        kinds(&["--ignore", file, "--fail-on-drift"]),
        (0, BTreeSet::new())
    );

    for refused in [
        &["audit", "--kind", "mising_copy"][..],
        &["audit", "--trend", "+1415"],
        &["audit", "--trend", "--fail-on-drift"],
        &["runs", "--fail-on-drift"],
        &["runs", "--kind", "misfiled"],
    ] {
        let ran = server.run(refused);
        assert_eq!(ran.status, 1, "{refused:?}: {}", ran.out);
    }
    let ran = server.run(&["audit", "--kind", "mising_copy"]);
    assert!(ran.err.contains("missing_copy"), "{}", ran.err);
}

#[test]
fn trend_lists_earlier_audits() {
    let server = CliServer::seeded(&clean());
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    for _ in 0..2 {
        assert_eq!(server.run(&["audit", "--journal", journal]).status, 0);
    }
    let trend = server.run(&["audit", "--trend", "--journal", journal]);
    assert_eq!(trend.status, 0, "{}", trend.err);
    let word = server.run(&["audit", "trend", "--journal", journal]);
    assert_eq!(trend.out, word.out);
    // A heading, the names of columns, two audits, and ok.
    assert_eq!(trend.lines().len(), 5, "{}", trend.out);
    let events = server.run(&["--json", "audit", "--trend", "--journal", journal]);
    let events = events.json();
    let trend = events
        .iter()
        .find(|event| event["event"] == "trend")
        .unwrap();
    assert_eq!(trend["data"].as_array().unwrap().len(), 2);
}

#[test]
fn report_and_counters_are_written_to_given_files() {
    let server = CliServer::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (report, metrics) = (path("report.json"), path("numbers.prom"));
    for _ in 0..2 {
        let line = [
            "carrier_module_usage",
            "--report",
            &report,
            "--metrics",
            &metrics,
        ];
        assert_eq!(server.run(&line).status, 0);
    }
    let text = std::fs::read_to_string(&report).unwrap();
    let report: Value = exact_json::from_str(&text).unwrap();
    assert_eq!(report["command_line"], "carrier_module_usage");
    assert!(report["who"].as_str().unwrap().contains('@'));
    let metrics = std::fs::read_to_string(&metrics).unwrap();
    assert!(
        metrics.contains("kazoo_numbers_runs_total{command=\"carrier_module_usage\"} 2\n"),
        "{metrics}"
    );
}

#[test]
fn unlock_without_lock_prints_one_line() {
    let server = CliServer::seeded(&Options::default());
    let ran = server.run(&["unlock"]);
    assert_eq!(
        (ran.status, ran.out.trim()),
        (0, "no run holds the lock\nok"),
        "{}",
        ran.err
    );
}

/// A document with terminal control sequences in its id, fields, values and carrier, and an account
/// with such a name.
fn hostile() -> Cluster {
    const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\nerror: forged\u{7f};=1+1";
    let account = "abcdef0123456789abcdef0123456789";
    let number = |id: &str| {
        json!({
            "_id": id,
            "pvt_type": "number",
            "pvt_assigned_to": account,
            "pvt_module_name": HOSTILE,
        })
    };
    let id = format!("+1415{HOSTILE}");
    let mut copy = number(&id);
    copy[HOSTILE] = json!(HOSTILE);
    let mut cluster = Cluster::default();
    for (database, document) in [
        ("numbers/+1415", number(&id)),
        ("account/ab/cd/ef0123456789abcdef0123456789", copy),
        (
            "account/ab/cd/ef0123456789abcdef0123456789",
            json!({"_id": account, "pvt_type": "account", "name": HOSTILE}),
        ),
    ] {
        let Value::Object(document) = document else {
            panic!("no object");
        };
        cluster
            .databases
            .entry(database.into())
            .or_default()
            .insert(document);
    }
    cluster
}

#[test]
fn hostile_names_cannot_control_terminal_or_forge_lines() {
    let server = CliServer::start();
    server.load(&hostile());
    let account = "abcdef0123456789abcdef0123456789";
    let argument = "\u{1b}[2J\nerror: forged";
    for arguments in [
        &["--dry-run", "copy_number_dbs_to_accounts"][..],
        &["--dry-run", "--json", "copy_number_dbs_to_accounts"],
        &["--dry-run", "copy_single_account_to_number_dbs", account],
        &["carrier_module_usage"],
        &["--json", "carrier_module_usage"],
        &["audit"],
        &["--json", "audit"],
        &["--format", "json", "audit"],
        &["--format", "csv", "audit"],
        &["--format", "html", "audit"],
        &["copy_single_account_to_number_dbs", account],
        &["--json", "copy_single_account_to_number_dbs", account],
        &["convert_carrier_module", argument, "knm_local"],
        &["convert_carrier_module", "x", argument],
        &["audit", argument],
        &["--json", "audit", argument],
        &["no_such", argument],
        &[argument],
        &["copy_number_dbs_to_accounts"],
        &["runs"],
    ] {
        let ran = server.run(arguments);
        for line in ran.out.lines().chain(ran.err.lines()) {
            assert!(!line.contains(is_unsafe), "{arguments:?}: {line:?}");
            assert!(!line.starts_with("error: forged"), "{arguments:?}: {line}");
        }
        if arguments.contains(&"--json") {
            let _ = ran.json();
        }
    }
}
