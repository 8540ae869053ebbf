//! Folders of journals: which files are refused and which are kept, and how `undo` handles them.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kazoo_numbers::couchdb::{ClusterIdentity, Method};
use kazoo_numbers::journal::{Journals, LosingLeaf, PlannedWrite, Record, RunStart};
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_testkit::command::{CommandRun, WriteCounts, call_with, journalled, text};
use kazoo_numbers_testkit::server::TestServer;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::value::RawValue;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const ACCOUNT_DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const NUMBER: &str = "+14155550100";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The id of a run that started at this hour.
fn id(hour: u32) -> String {
    format!("20261126T{hour:02}0000Z-000000")
}

fn path(folder: &Path, run: &str) -> PathBuf {
    folder.join(format!("{run}.journal"))
}

fn start(run: &str, command: &str, server: &str) -> Record {
    Record::Start(RunStart {
        run: run.to_owned(),
        at: "2026-11-26T00:12:09Z".to_owned(),
        command: command.to_owned(),
        who: "ann@kz1".to_owned(),
        server: server.to_owned(),
        cluster: ClusterIdentity::default(),
    })
}

fn intent(database: &str, id: &str, before: &str) -> Record {
    Record::Intent(PlannedWrite {
        database: database.to_owned(),
        id: id.to_owned(),
        rev: None,
        cause: None,
        before: Some(RawValue::from_string(before.to_owned()).unwrap()),
        after: None,
        leaves: Vec::new(),
    })
}

fn end() -> Record {
    Record::End {
        at: "2026-11-26T00:12:10Z".to_owned(),
        created: 0,
        updated: 0,
        deleted: 1,
        failed: 0,
    }
}

/// Writes a journal as a run of this user does.
fn write(folder: &Path, run: &str, records: &[Record]) {
    let lines: String = records
        .iter()
        .map(|record| record.line().unwrap())
        .collect();
    let path = path(folder, run);
    fs::write(&path, lines).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// Creates a journal of this size and age, finished or not.
fn old_run(folder: &Path, hour: u32, bytes: usize, ended: bool, days: u32) -> String {
    let run = id(hour);
    let body = format!(r#"{{"_id":"{NUMBER}","note":"{}"}}"#, "x".repeat(bytes));
    let mut records = vec![
        start(&run, "purge_deleted", "http://127.0.0.1:5984"),
        intent("numbers/+1415", NUMBER, &body),
    ];
    records.extend(ended.then(end));
    write(folder, &run, &records);
    let file = File::options()
        .append(true)
        .open(path(folder, &run))
        .unwrap();
    file.set_modified(SystemTime::now() - DAY * days).unwrap();
    run
}

fn left(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn names(runs: &[String]) -> Vec<String> {
    runs.iter().map(|run| format!("{run}.journal")).collect()
}

/// A cluster with a number that the command below removes from the account.
async fn cluster(url: &str) {
    let mut cluster = Cluster::default();
    let other = "00112233445566778899aabbccddeeff";
    let number = exact_json::json!({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": other});
    let databases = &mut cluster.databases;
    let documents = &mut databases
        .entry(ACCOUNT_DATABASE.into())
        .or_default()
        .documents;
    documents.insert(NUMBER.into(), number.as_object().unwrap().clone());
    cluster.load(url).await.unwrap();
}

async fn remove(url: &str, settings: Settings) -> CommandRun {
    call_with(
        url,
        "remove_wrong_assigned_from_single_accountdb",
        &[text(ACCOUNT)],
        settings,
    )
    .await
}

async fn undo(url: &str, run: &str, folder: &tempfile::TempDir) -> CommandRun {
    let settings = Settings {
        command_line: format!("undo {run}"),
        ..journalled(folder)
    };
    call_with(url, "undo", &[text(run)], settings).await
}

/// Records of forged journals, each with the expected error.
fn forged() -> Vec<(Record, &'static str)> {
    let with_leaf = |leaf: &str| {
        Record::Intent(PlannedWrite {
            database: "numbers/+1415".to_owned(),
            id: NUMBER.to_owned(),
            rev: None,
            cause: None,
            before: Some(RawValue::from_string(format!(r#"{{"_id":"{NUMBER}"}}"#)).unwrap()),
            after: None,
            leaves: vec![LosingLeaf {
                rev: "2-x".to_owned(),
                text: RawValue::from_string(leaf.to_owned()).unwrap(),
            }],
        })
    };
    let user = r#"{"_id":"org.couchdb.user:eve","name":"eve","type":"user","roles":["_admin"],"password":"x"}"#;
    let code = r#"{"_id":"_design/numbers","validate_doc_update":"function () {}"}"#;
    let elsewhere = r#""+14155550100" in "numbers/+1415""#;
    vec![
        (
            intent("_users", "org.couchdb.user:eve", user),
            r#""org.couchdb.user:eve" in "_users""#,
        ),
        (
            intent(
                "_replicator",
                "evil",
                r#"{"_id":"evil","source":"numbers/+1415"}"#,
            ),
            r#""evil" in "_replicator""#,
        ),
        (
            intent("numbers/+1415", "_design/numbers", code),
            r#""_design/numbers" in "numbers/+1415""#,
        ),
        (
            intent(
                "accounts",
                ACCOUNT,
                r#"{"_id":"abcdef0123456789abcdef0123456789"}"#,
            ),
            r#""abcdef0123456789abcdef0123456789" in "accounts""#,
        ),
        // The id of the record is valid, and that of the document is not.
        (intent("numbers/+1415", NUMBER, code), elsewhere),
        (intent("numbers/+1415", NUMBER, "{}"), elsewhere),
        (with_leaf(code), elsewhere),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_journal_is_refused_completely() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let (before, _) = server.read().await;
    for (record, names) in forged() {
        let folder = tempfile::tempdir().unwrap();
        let valid = intent(
            "system_config",
            "number_manager",
            r#"{"_id":"number_manager","default":{}}"#,
        );
        let address = server.url.replace("admin:secret@", "");
        write(
            folder.path(),
            &id(1),
            &[start(&id(1), "purge_deleted", &address), valid, record],
        );
        let run = id(1);
        let ran = call_with(
            &server.url,
            "undo",
            &[text(&run), text("any_cluster")],
            journalled(&folder),
        )
        .await;
        assert_eq!(ran.returned, Returned::Code(2));
        let line = format!(
            "error: cannot undo {run}: its journal has a change of {names}, which no run makes; nothing is undone"
        );
        assert_eq!(ran.lines, [line]);
        let differences = before.differences(&server.read().await.0);
        assert!(differences.is_empty(), "{names}: {differences:?}");
        for path in ["/_users", "/_replicator"] {
            let answer = server.send(Method::GET, &format!("{path}/_all_docs")).await;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!body.contains("eve") && !body.contains("evil"), "{body}");
        }
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_folder_or_file_is_refused_in_one_line() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let folder = tempfile::tempdir().unwrap();
    remove(&server.url, journalled(&folder)).await;
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let run = runs[0].start.run.clone();
    let journal = path(folder.path(), &run);
    let aside = tempfile::tempdir().unwrap();
    let kept = aside.path().join("kept");

    let refused = async |why: &str| {
        for ran in [
            undo(&server.url, &run, &folder).await,
            call_with(&server.url, "runs", &[], journalled(&folder)).await,
        ] {
            assert_eq!(ran.returned, Returned::Code(2));
            let line = format!("error: cannot use the journal: {why}");
            assert!(
                ran.lines.len() == 1 && ran.lines[0].starts_with(&line),
                "{:?} {line}",
                ran.lines
            );
        }
    };
    let chmod =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();

    fs::rename(&journal, &kept).unwrap();
    symlink(&kept, &journal).unwrap();
    refused(&format!("{}: it is a symbolic link", journal.display())).await;
    fs::remove_file(&journal).unwrap();
    // A FIFO without a writer must not block.
    mknodat(CWD, &journal, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let time = Duration::from_secs(20);
    let why = format!("{}: it is not a regular file", journal.display());
    let no_wait = refused(&why);
    tokio::time::timeout(time, no_wait)
        .await
        .expect("it waits for a writer");
    fs::remove_file(&journal).unwrap();
    fs::rename(&kept, &journal).unwrap();
    chmod(&journal, 0o666);
    refused(&format!(
        "{}: others may write to it (mode 0666)",
        journal.display()
    ))
    .await;
    chmod(&journal, 0o600);
    chmod(folder.path(), 0o777);
    refused(&format!(
        "{}: others may write to it (mode 0777)",
        folder.path().display()
    ))
    .await;
    chmod(folder.path(), 0o700);
    let ran = undo(&server.url, &run, &folder).await;
    assert_eq!(ran.returned, Returned::Ok, "{:?}", ran.lines);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_without_usable_journal_stops_before_writes() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let (_, before) = server.read().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let settings = Settings {
        journals: Some(Journals::new(file.join("journal"))),
        ..journalled(&folder)
    };
    let ran = remove(&server.url, settings).await;
    assert_eq!(ran.returned, Returned::Code(2));
    let start = format!(
        "error: cannot use the journal: {}/journal: Not a directory",
        file.display()
    );
    assert!(ran.lines[0].starts_with(&start), "{:?}", ran.lines);
    assert!(
        ran.lines[0].ends_with("this run could not be undone, and nothing was changed"),
        "{:?}",
        ran.lines
    );
    assert!(
        ran.lines[1].contains("{journal, off} runs without one"),
        "{:?}",
        ran.lines
    );
    assert_eq!(server.read().await.1, before);
    assert_eq!(ran.finished.map(|end| end.summary.documents_read), Some(0));
    let settings = Settings {
        journals: None,
        ..journalled(&folder)
    };
    assert_eq!(
        remove(&server.url, settings).await.writes(),
        WriteCounts::deleted(1)
    );
    server.end().await;
}

#[test]
fn newest_and_unfinished_runs_are_kept_at_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = old_run(folder.path(), 0, 5000, false, 50);
    let ended: Vec<String> = (1..6)
        .map(|hour| old_run(folder.path(), hour, 5000, true, 1))
        .collect();
    let mut journals = Journals::new(folder.path().to_owned());
    journals.keep_bytes = 1;
    journals.prune(None);
    let mut stay = vec![unfinished];
    stay.extend_from_slice(&ended[2..]);
    assert_eq!(left(folder.path()), names(&stay));
}

#[test]
fn finished_runs_expire_and_unfinished_ones_after_undo() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = old_run(folder.path(), 0, 10, false, 40);
    old_run(folder.path(), 1, 10, true, 31);
    let young = old_run(folder.path(), 2, 10, true, 29);
    let needed = old_run(folder.path(), 3, 10, true, 40);
    let journals = Journals::new(folder.path().to_owned());
    journals.prune(Some(&needed));
    assert_eq!(
        left(folder.path()),
        names(&[unfinished.clone(), young.clone(), needed])
    );
    let undoing = id(4);
    let command = format!("undo {unfinished}");
    write(
        folder.path(),
        &undoing,
        &[start(&undoing, &command, "http://127.0.0.1:5984"), end()],
    );
    journals.prune(None);
    assert_eq!(left(folder.path()), names(&[young, undoing]));
}

#[test]
fn foreign_files_are_not_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let of_another = old_run(folder.path(), 1, 10, true, 90);
    fs::rename(
        path(folder.path(), &of_another),
        path(folder.path(), &id(2)),
    )
    .unwrap();
    let ours_no_longer = folder.path().join("postgres.journal");
    fs::write(&ours_no_longer, "their data").unwrap();
    fs::write(path(folder.path(), &id(3)), "their data\n").unwrap();
    for name in left(folder.path()) {
        let file = File::options()
            .append(true)
            .open(folder.path().join(name))
            .unwrap();
        file.set_modified(SystemTime::now() - DAY * 400).unwrap();
    }
    let before = left(folder.path());
    let mut journals = Journals::new(folder.path().to_owned());
    journals.keep_bytes = 0;
    journals.prune(None);
    assert_eq!(left(folder.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_prune_and_undo_keeps_its_run() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    for command in ["audit", "carrier_module_usage", "runs"] {
        let folder = tempfile::tempdir().unwrap();
        old_run(folder.path(), 1, 10, true, 31);
        call_with(&server.url, command, &[], journalled(&folder)).await;
        let mut names = left(folder.path());
        // The history of audits is not a journal.
        names.retain(|name| name != "audits.jsonl");
        assert!(names.is_empty(), "{command}: {names:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    remove(&server.url, journalled(&folder)).await;
    let run = Journals::new(folder.path().to_owned()).runs().unwrap()[0]
        .start
        .run
        .clone();
    let file = File::options()
        .append(true)
        .open(path(folder.path(), &run))
        .unwrap();
    file.set_modified(SystemTime::now() - DAY * 31).unwrap();
    let ran = undo(&server.url, &run, &folder).await;
    assert_eq!(ran.returned, Returned::Ok, "{:?}", ran.lines);
    assert_eq!(ran.writes(), WriteCounts::created(1));
    server.end().await;
}

/// Version 0.1 created folders that other users could list; its journals have the current format.
#[tokio::test(flavor = "multi_thread")]
async fn folder_of_version_0_1_is_accepted() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("journal");
    fs::create_dir(&old).unwrap();
    fs::set_permissions(&old, Permissions::from_mode(0o755)).unwrap();
    let settings = Settings {
        journals: Some(Journals::new(old.clone())),
        ..journalled(&folder)
    };
    assert_eq!(
        remove(&server.url, settings).await.writes(),
        WriteCounts::deleted(1)
    );
    assert_eq!(
        fs::metadata(&old).unwrap().permissions().mode() & 0o777,
        0o700
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_of_unknown_run_is_refused_before_the_lock() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let folder = tempfile::tempdir().unwrap();
    for (run, line) in [
        (id(1), format!("error: cannot undo \"{}\": there is no such run; `runs` lists those that can be undone", id(1))),
        ("../../etc/passwd".to_owned(), "error: cannot undo \"../../etc/passwd\": there is no such run; `runs` lists those that can be undone".to_owned()),
    ] {
        let settings = Settings {
            lock: kazoo_numbers::lease::Lock::Refuse,
            ..journalled(&folder)
        };
        let ran = call_with(&server.url, "undo", &[text(&run)], settings).await;
        assert_eq!(ran.returned, Returned::Code(2));
        assert_eq!(ran.lines, [line]);
        assert_eq!(ran.finished.unwrap().summary.requests, 0);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_undo_reports_the_first() {
    let server = TestServer::start().await;
    cluster(&server.url).await;
    let folder = tempfile::tempdir().unwrap();
    remove(&server.url, journalled(&folder)).await;
    let runs = || Journals::new(folder.path().to_owned()).runs().unwrap();
    let run = runs()[0].start.run.clone();
    let first = undo(&server.url, &run, &folder).await;
    assert!(!first.lines[0].starts_with("run "), "{:?}", first.lines);
    let undone = runs()[1].start.clone();
    let second = undo(&server.url, &run, &folder).await;
    assert_eq!(second.returned, Returned::Ok);
    assert_eq!(second.writes(), WriteCounts::default());
    let line = format!(
        "run {run} is already undone, by run {} at {}: nothing is undone; to undo it again: undo {run} again; to make its changes again: undo {}",
        undone.run, undone.at, undone.run
    );
    assert_eq!(second.lines, [line]);
    let again = [text(&run), text("again")];
    let insisting = call_with(&server.url, "undo", &again, journalled(&folder)).await;
    assert_eq!(
        (&insisting.returned, insisting.writes()),
        (&Returned::Ok, WriteCounts::default())
    );
    let line = format!(
        "run {run} was undone before, by run {} at {}",
        undone.run, undone.at
    );
    assert_eq!(insisting.lines[1], line);
    undo(&server.url, &undone.run, &folder).await;
    let again = &runs()[2].start.run;
    let third = undo(&server.url, &run, &folder).await;
    let line = format!(
        "run {run} was undone by run {}, and that was undone by run {again}: to undo it again, undo {again}",
        undone.run
    );
    assert_eq!(third.lines[1], line);
    server.end().await;
}
