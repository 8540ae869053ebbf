//! The output: databases, failures, progress, and JSON (docs/events.schema.json).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use crate::schema::Schema;
use crate::support::{CliServer, Piped, ProgramRun, Terminal, plan_id, run};
use kazoo_numbers_generator::{DriftKind, Options};

fn options(kinds: &[DriftKind]) -> Options {
    Options {
        accounts: 6,
        numbers: 120,
        number_databases: 5,
        drift: 0.2,
        kinds: kinds.iter().copied().collect(),
        ..Options::default()
    }
}

fn database_lines(ran: &ProgramRun) -> Vec<&str> {
    let lines = ran.out.lines();
    lines
        .filter(|line| line.contains(" read, ") && line.contains("%2F"))
        .collect()
}

#[test]
fn databases_without_changes_are_printed_on_demand() {
    let server = CliServer::seeded(&options(&[DriftKind::MissingCopy]));
    let call = ["copy_number_dbs_to_accounts", "--dry-run"];
    let with = |option: &str| server.run(&[&call[..], &[option]].concat());
    let usual = server.run(&call);
    let lines = database_lines(&usual);
    assert!(!lines.is_empty());
    for line in &lines {
        let is_quiet = line.ends_with(" 0 created, 0 updated, 0 deleted, 0 failed");
        assert!(!is_quiet, "{line}");
    }
    let (cluster, _) = server.data();
    let all = cluster.number_databases().count() + cluster.account_databases().count();
    let verbose = with("--verbose");
    assert_eq!(database_lines(&verbose).len(), all, "{}", verbose.out);
    assert!(verbose.err.contains(" INFO "), "{}", verbose.err);
    for option in ["-q", "--quiet"] {
        let quiet = with(option);
        assert_eq!((quiet.status, database_lines(&quiet).len()), (0, 0));
        assert!(quiet.out.contains("would be created"), "{}", quiet.out);
        assert!(quiet.out.contains(" databases, "), "{}", quiet.out);
    }
    assert_eq!(with("-qv").status, 1);
    let json = with("--json");
    let json = json.json();
    let of_json = json.iter().filter(|event| event["event"] == "database");
    assert_eq!(of_json.count(), all);
}

/// The text that a program prints on a terminal.
fn on_terminal(server: &CliServer, arguments: &[&str]) -> String {
    let output = Terminal {
        output: true,
        ..Terminal::default()
    };
    let ran = output.run(server.program(arguments), "");
    assert_eq!(ran.status, 2);
    ran.shown
}

#[test]
fn failures_are_a_table_on_a_terminal_and_the_last_line_elsewhere() {
    let server = CliServer::seeded(&options(&[DriftKind::AccountMissing]));
    for call in [
        &["copy_number_dbs_to_accounts"][..],
        &["feature_permissions_on_number", "+19995550100"],
        &["copy_number_from_db_to_assigned_account", "+19995550100"],
    ] {
        let elsewhere = server.run(call);
        let last = elsewhere.out.lines().last().unwrap_or_default();
        let shown = on_terminal(&server, call);
        assert!(!shown.contains('{'), "{shown}");
        if call[0] == "feature_permissions_on_number" {
            continue;
        }
        let report: serde_json::Value = serde_json::from_str(last).unwrap();
        let report = report.as_object().unwrap();
        assert!(!report.is_empty());
        assert!(shown.contains("  failed  reason\r\n"), "{shown}");
        assert!(shown.contains("\r\n          meaning     "), "{shown}");
        assert!(shown.contains("\r\n          what to do  "), "{shown}");
        for (database, failures) in report {
            for (reason, numbers) in failures["failed"].as_object().unwrap() {
                assert!(shown.contains(reason.as_str()), "{reason}: {shown}");
                assert!(!numbers.as_array().unwrap().is_empty());
            }
            assert!(database.contains("%2F"));
        }
    }
}

#[test]
fn progress_is_reported_at_most_three_times_a_second() {
    let server = CliServer::seeded(&Options {
        accounts: 150,
        numbers: 600,
        number_databases: 40,
        ..options(&[DriftKind::MissingCopy])
    });
    let mut running = server
        .program(&[
            "copy_number_dbs_to_accounts",
            "--dry-run",
            "--json",
            "--requests-per-second",
            "100",
        ])
        .piped();
    let began = Instant::now();
    let out = BufReader::new(running.stdout.take().unwrap());
    let mut at = Vec::new();
    for line in out.lines() {
        if line.unwrap().starts_with(r#"{"event":"progress""#) {
            at.push(began.elapsed());
        }
    }
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert!(at.len() >= 2, "{at:?}");
    // The reader of this test may be late, so single gaps say nothing.
    let seconds = began.elapsed().as_secs_f64();
    assert!(at.len() as f64 <= seconds * 3.0 + 1.0, "{at:?}");
    assert!(*at.last().unwrap() > Duration::ZERO);
}

/// Printing draws the line again, so lines and the steps of the clock share the pace.
#[test]
fn progress_line_is_drawn_at_most_three_times_a_second() {
    let server = CliServer::seeded(&Options {
        accounts: 150,
        numbers: 600,
        number_databases: 40,
        ..options(&[DriftKind::MissingCopy])
    });
    let program = server.program(&[
        "copy_number_dbs_to_accounts",
        "--dry-run",
        "--requests-per-second",
        "100",
    ]);
    let began = Instant::now();
    let error = Terminal {
        error: true,
        ..Terminal::default()
    };
    let ran = error.run(program, "");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(ran.status, 0);
    assert!(ran.out.contains("would be created"), "{}", ran.out);
    let draws = ran.shown.matches(" 00:00:").count();
    assert!(draws >= 3, "{draws}: {:?}", ran.shown);
    // The first draw, and the last text at the end of the run.
    assert!(draws as f64 <= seconds * 3.0 + 2.0, "{draws}: {seconds}");
}

#[test]
fn json_output_matches_the_schema_errors_included() {
    let schema = Schema::new();
    let all: Vec<DriftKind> = DriftKind::all().into_iter().collect();
    let server = CliServer::seeded(&options(&all));
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let account = "00000000000000000000000000000000";
    let (cluster, _) = server.data();
    let of_missing = |database: &str| {
        let mut documents = cluster.databases[database].documents.iter();
        let found = documents.find(|(_, document)| {
            let account = document.get("pvt_assigned_to");
            let account = account.and_then(|account| account.as_str());
            account.is_some_and(|account| {
                let database = format!(
                    "account/{}/{}/{}",
                    &account[..2],
                    &account[2..4],
                    &account[4..]
                );
                !cluster.databases.contains_key(&database)
            })
        });
        found.map(|(number, _)| number.clone())
    };
    let orphan = cluster.number_databases().find_map(of_missing).unwrap();
    let mut seen = BTreeSet::new();
    for line in [
        &["copy_number_dbs_to_accounts", "--dry-run"][..],
        &["copy_number_dbs_to_accounts"],
        &["copy_accounts_to_number_dbs"],
        &["audit"],
        &["carrier_module_usage"],
        &["carrier_module_usage", "+9999"],
        &["convert_carrier_module", "knm_local", "knm_telnyx"],
        &["convert_carrier_module_number", "+19995550100", "knm_local"],
        &["convert_carrier_module", "knm_local", "bogus"],
        &["all_features"],
        &["feature_permissions_on_number", "+19995550100"],
        &["add_allowed_feature_on_number", "e911", &orphan],
        &["feature_permissions_on_system_config"],
        &["add_allowed_feature_on_system_config", "bogus"],
        &["reset_allowed_features_to_defaults_on_system_config"],
        &["purge_deleted"],
        &["app_using", "+19995550100", account],
        &["fix_account_db_numbers", "bogus"],
        &["fix_account_db_numbers", account],
        &["runs"],
        &["undo", "bogus"],
        &["status"],
        &["show", &orphan],
        &["plan", "copy_number_dbs_to_accounts"],
        &["plan", "fix_apps_for_account_dbs"],
        &["plan", "audit"],
        &["plans"],
        &["show_plan", "bogus"],
        &["audit", "--trend"],
        &["unlock"],
        &["repair"],
        &["doctor"],
        &["help"],
        &["migrate"],
    ] {
        // An option that a function does not have is an error, too.
        for more in [&["--json"][..], &["--json", "--journal", journal]] {
            let ran = server.run(&[line, more].concat());
            assert_eq!(ran.err, "", "{line:?}");
            seen.extend(schema.check(&ran));
        }
    }
    for (line, message) in [
        (&["bogus", "--json"][..], "there is no function"),
        (&["--json", "fix_number"], "required arguments"),
        (
            &["audit", "--json", "--dry-run"],
            "cannot be used with audit",
        ),
        (&["audit", "--json", "--parallel", "0"], "--parallel"),
    ] {
        let refused = run(line);
        assert_eq!((refused.status, refused.err.as_str()), (1, ""));
        assert_eq!(schema.check(&refused), ["error", "result"]);
        assert!(refused.out.contains(message), "{}", refused.out);
    }
    let unreachable = run(&["audit", "--json"]);
    assert_eq!(schema.check(&unreachable), ["error", "finished", "result"]);
    let expected = [
        "audit",
        "carrier_usage",
        "check",
        "conversion",
        "database",
        "error",
        "failures",
        "features",
        "finished",
        "number",
        "number_warning",
        "output",
        "plan",
        "plan_change",
        "plan_database",
        "plan_totals",
        "planned",
        "plans",
        "progress",
        "purged",
        "result",
        "runs",
        "status",
        "trend",
        "undecided",
        "warning",
    ];
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, expected);
}

/// The events of a kind.
fn of_kind<'a>(events: &'a [exact_json::Value], name: &str) -> Vec<&'a exact_json::Value> {
    let events = events.iter().filter(|event| event["event"] == name);
    events.map(|event| &event["data"]).collect()
}

#[test]
fn plan_as_json_has_each_change() {
    let schema = Schema::new();
    let kinds = [DriftKind::WrongUsedByInAccount, DriftKind::FormerAccount];
    let server = CliServer::seeded(&options(&kinds));
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    for function in ["fix_apps_for_account_dbs", "remove_former_copies"] {
        let lines = server.run(&["plan", function, "--journal", journal]);
        let plan = plan_id(&lines);
        let made = server.run(&["plan", function, "--journal", journal, "--json"]);
        let shown = server.run(&["show_plan", &plan, "--journal", journal, "--json"]);
        schema.check(&made);
        schema.check(&shown);
        let (made, shown) = (made.json(), shown.json());
        for name in ["plan_totals", "plan_database", "plan_change"] {
            assert_eq!(of_kind(&made, name), of_kind(&shown, name), "{name}");
        }
        let head = of_kind(&shown, "plan");
        assert_eq!(head.len(), 1);
        assert_eq!(head[0]["plan"], *plan);
        assert_eq!(head[0]["function"], *function);
        let changes = of_kind(&shown, "plan_change");
        assert!(!changes.is_empty());
        let totals = of_kind(&shown, "plan_totals");
        assert_eq!(totals[0]["documents"], changes.len());
        let (cluster, revisions) = server.data();
        for change in changes {
            let text = |field: &str| change[field].as_str().unwrap();
            let database = text("database").replace("%2F", "/").replace("%2B", "+");
            let revision = &revisions[&database][text("id")];
            assert_eq!(text("revision"), revision);
            let document = &cluster.databases[&database].documents[text("id")];
            let fields = change["fields"].as_array().unwrap();
            if function == "remove_former_copies" {
                assert_eq!(text("change"), "delete");
                assert_eq!(
                    fields.len(),
                    document.keys().filter(|key| *key != "_id").count()
                );
            } else {
                assert_eq!((text("change"), fields.len()), ("update", 1));
                assert_eq!(fields[0]["field"], "pvt_used_by");
                let old = document.get("pvt_used_by").map(ToString::to_string);
                assert_eq!(fields[0]["old"].as_str(), old.as_deref());
            }
        }
    }
}

const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const RED: &str = "\u{1b}[31m";

#[test]
fn plans_and_audits_are_coloured_on_terminals_only() {
    let kinds = [
        DriftKind::MissingCopy,
        DriftKind::DifferingCopy,
        DriftKind::AccountMissing,
    ];
    let server = CliServer::seeded(&options(&kinds));
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let output = Terminal {
        output: true,
        ..Terminal::default()
    };
    let plan = &[
        "plan",
        "copy_number_dbs_to_accounts",
        "--full",
        "--journal",
        journal,
    ][..];
    let dry_run = &["copy_number_dbs_to_accounts", "--dry-run"][..];
    for (line, expected) in [
        (plan, &[GREEN, YELLOW][..]),
        (dry_run, &[GREEN, YELLOW]),
        (&["audit"], &[RED, YELLOW]),
    ] {
        let shown = output.run(server.program(line), "").shown;
        for colour in expected {
            assert!(shown.contains(colour), "{line:?}: {shown:?}");
        }
        let mut program = server.program(line);
        program.env("NO_COLOR", "1");
        let plain = output.run(program, "").shown;
        assert!(!plain.contains('\u{1b}'), "{line:?}: {plain:?}");
        let piped = server.run(line);
        assert!(!piped.out.contains('\u{1b}'), "{line:?}: {}", piped.out);
        let with_json = [line, &["--json"]].concat();
        let json = output.run(server.program(&with_json), "").shown;
        assert!(!json.contains('\u{1b}'), "{line:?}: {json}");
    }
}
