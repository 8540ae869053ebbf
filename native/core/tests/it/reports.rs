//! Files of a run: its report according to the schema in `docs/`, and its counters.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kazoo_numbers::command::Argument;
use kazoo_numbers::report::Event;
use kazoo_numbers::run::{Finished, ReportTo, Returned, Settings};
use kazoo_numbers_generator::{DriftKind, Options, Plan};
use kazoo_numbers_testkit::command::{CommandRun, call_with, settings, text};
use kazoo_numbers_testkit::server::TestServer;
use serde_json::{Value, json};

/// The first violation of the schema in `docs/`. None if the report is valid.
fn error(report: &Value) -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource(path, read(Path::new(path))).unwrap();
    let schema = compiler.compile(path, &mut schemas).unwrap();
    let error = schemas.validate(report, schema).err();
    error.map(|error| error.to_string())
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_valid(report: &Value) {
    let error = error(report);
    assert_eq!(error, None, "{report:#}");
}

async fn drifted(server: &TestServer) {
    let options = Options {
        accounts: 4,
        numbers: 200,
        number_databases: 3,
        kinds: DriftKind::all().into_iter().collect(),
        ..Options::default()
    };
    Plan::new(&options).load(&server.url).await.unwrap();
}

fn warnings(ran: &CommandRun) -> Vec<&String> {
    let warnings = ran.events.iter().filter_map(|event| match event {
        Event::Warning(line) if line.contains("cannot be written") => Some(line),
        _ => None,
    });
    warnings.collect()
}

fn finished(ran: &CommandRun) -> &Finished {
    ran.finished.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_runs_match_the_schema() {
    let server = TestServer::start().await;
    drifted(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let account = "00000000000000000000000000000000";
    let runs: [(&str, Vec<Argument>, bool); 6] = [
        ("audit", vec![], false),
        ("copy_number_dbs_to_accounts", vec![], true),
        ("copy_number_dbs_to_accounts", vec![], false),
        ("copy_accounts_to_number_dbs", vec![], false),
        ("carrier_module_usage", vec![], false),
        ("fix_account_db_numbers", vec![text(account)], false),
    ];
    for (function, arguments, dry_run) in runs {
        let settings = Settings {
            report: Some(ReportTo::File(path.clone())),
            command_line: function.to_owned(),
            dry_run,
            ..settings()
        };
        let ran = call_with(&server.url, function, &arguments, settings).await;
        let report = read(&path);
        assert_valid(&report);
        let summary = serde_json::to_value(&finished(&ran).summary).unwrap();
        assert_eq!(report["summary"], summary, "{function}");
        assert_eq!(report["exit_status"], ran.returned.exit_status());
        assert_eq!(report["audit"].is_null(), function != "audit");
        assert_eq!(report["error"].is_null(), arguments.is_empty());
        let done = ran
            .events
            .iter()
            .filter(|e| matches!(e, Event::Database { .. }));
        assert_eq!(report["databases"].as_array().unwrap().len(), done.count());
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_gets_one_file_per_run_and_none_for_help() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("made/reports");
    let settings = || Settings {
        report: Some(ReportTo::Directory(directory.clone())),
        command_line: "all_features".to_owned(),
        ..settings()
    };
    for function in ["help", "all_features", "all_features"] {
        // Neither command needs a server.
        let ran = call_with("http://127.0.0.1:9", function, &[], settings()).await;
        assert_eq!(
            (ran.returned.clone(), finished(&ran).summary.requests),
            (Returned::NoReturn, 0)
        );
    }
    let files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert!(file.to_str().unwrap().ends_with("-all_features.json"));
        assert_valid(&read(&file));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unwritable_report_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("node.prom");
    std::fs::write(&metrics, "node_load1 0.5\n").unwrap();
    let settings = Settings {
        report: Some(ReportTo::File(folder.path().join("missing/report.json"))),
        metrics: Some(metrics.clone()),
        ..settings()
    };
    let ran = call_with("http://127.0.0.1:9", "all_features", &[], settings).await;
    assert_eq!(ran.returned, Returned::NoReturn);
    assert_eq!(warnings(&ran).len(), 2, "{:?}", ran.lines);
    let left = std::fs::read_to_string(&metrics).unwrap();
    assert_eq!(
        left, "node_load1 0.5\n",
        "somebody else's file is left alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_concurrent_runs_add_up() {
    const RUNS: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kazoo_numbers.prom");
    let runs = (0..RUNS).map(|_| {
        let settings = Settings {
            metrics: Some(path.clone()),
            ..settings()
        };
        tokio::spawn(
            async move { call_with("http://127.0.0.1:9", "all_features", &[], settings).await },
        )
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(warnings(&run.await.unwrap()), Vec::<&String>::new());
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let line = format!("kazoo_numbers_runs_total{{command=\"all_features\"}} {RUNS}\n");
    assert!(text.contains(&line), "{text}");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "node_exporter is another user");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_lock_refuses_link_and_fifo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kazoo_numbers.prom");
    let lock = folder.path().join("kazoo_numbers.prom.lock");
    let elsewhere = folder.path().join("elsewhere");
    let run = || {
        let settings = Settings {
            metrics: Some(path.clone()),
            ..settings()
        };
        call_with("http://127.0.0.1:9", "all_features", &[], settings)
    };
    std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
    assert_eq!(warnings(&run().await).len(), 1);
    assert!(!elsewhere.exists());

    for fifo in [&lock, &path] {
        let _ = std::fs::remove_file(fifo);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let ran = tokio::time::timeout(std::time::Duration::from_secs(20), run()).await;
        assert_eq!(warnings(&ran.unwrap()).len(), 1);
        std::fs::remove_file(fifo).unwrap();
    }
    assert!(warnings(&run().await).is_empty());
}

#[test]
fn schema_refuses_invalid_reports() {
    assert!(error(&json!({"version": 1})).is_some());
}
