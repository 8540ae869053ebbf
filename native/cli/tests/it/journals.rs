//! Journals with a full or missing disk, and output that is not read to its end.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[cfg(target_os = "linux")]
use crate::support::memory_of;
use crate::support::{CliServer, Piped, ProgramRun, limited};
use kazoo_numbers_generator::{Cluster, DriftKind, Options, Revisions};

/// A cluster in which a copy to the accounts changes every number.
fn drifted() -> CliServer {
    CliServer::seeded(&Options {
        accounts: 40,
        numbers: 400,
        number_databases: 10,
        drift: 1.0,
        kinds: BTreeSet::from([DriftKind::DifferingCopy]),
        ..Options::default()
    })
}

/// The number of changed, new and missing documents.
fn changed(before: &Revisions, after: &Revisions) -> usize {
    let flat = |revisions: &Revisions| -> BTreeSet<(String, String, String)> {
        let databases = revisions.iter().filter(|(name, _)| *name != "tasks");
        databases
            .flat_map(|(name, all)| {
                let of = |(id, rev): (&String, &String)| (name.clone(), id.clone(), rev.clone());
                all.iter().map(of).collect::<Vec<_>>()
            })
            .collect()
    };
    let ids = |all: BTreeSet<(String, String, String)>| -> BTreeSet<(String, String)> {
        all.into_iter().map(|(name, id, _)| (name, id)).collect()
    };
    let (before, after) = (flat(before), flat(after));
    ids(before.symmetric_difference(&after).cloned().collect()).len()
}

/// Undoes a run and checks that the cluster is restored.
fn undoes(server: &CliServer, run: &str, journal: &str, before: Cluster) {
    assert_eq!(server.run(&["undo", run, "--journal", journal]).status, 0);
    let after = server.data().0.without_tombstones();
    assert_eq!(
        after.differences(&before.without_tombstones()),
        Vec::<String>::new()
    );
}

/// The program with these two folders as the user's data and state folders.
fn with_homes(server: &CliServer, data: &Path, state: &Path, arguments: &[&str]) -> Command {
    let mut program = server.program(arguments);
    program
        .env("XDG_DATA_HOME", data)
        .env("XDG_STATE_HOME", state);
    program
}

fn output(mut program: Command) -> ProgramRun {
    ProgramRun::of(&program.output().unwrap())
}

#[test]
fn unwritable_journal_stops_run_before_writes() {
    let server = drifted();
    let (_, before) = server.data();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let given = [
        "copy_number_dbs_to_accounts",
        "--journal",
        journal.to_str().unwrap(),
    ];
    let full = output(limited(&server.program(&given), 0));
    assert_eq!((full.status, full.out.as_str()), (3, ""), "{}", full.err);
    let line = format!("error: cannot use the journal: {}: ", journal.display());
    assert!(full.err.starts_with(&line), "{}", full.err);
    assert!(
        full.err.contains(
            "; this run could not be undone, and nothing was changed\nhint: --journal DIR "
        ),
        "{}",
        full.err
    );
    let missing = server.run(&["--journal", "/proc/none", "copy_number_dbs_to_accounts"]);
    assert_eq!(missing.status, 3);
    assert!(
        missing
            .err
            .starts_with("error: cannot use the journal: /proc/none: "),
        "{}",
        missing.err
    );
    assert_eq!(server.data().1, before);
    let without = server.run(&["--no-journal", "copy_number_dbs_to_accounts"]);
    assert_eq!((without.status, without.err.as_str()), (0, ""));
    assert!(changed(&before, &server.data().1) > 100);
}

#[test]
fn fallback_journal_is_private_and_found_by_runs_and_undo() {
    let server = drifted();
    let (before, _) = server.data();
    let state = tempfile::tempdir().unwrap();
    let none = Path::new("/proc/none");
    let ran = output(with_homes(
        &server,
        none,
        state.path(),
        &["copy_number_dbs_to_accounts"],
    ));
    assert_eq!(ran.status, 0, "{}", ran.err);
    let folder = state.path().join("kazoo_numbers_maintenance/journal");
    let journal = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let warning = format!("; the journal of this run is {}\n", journal.display());
    assert!(ran.out.contains(&warning), "{}", ran.out);
    let run = journal.file_stem().unwrap().to_str().unwrap();
    let runs = output(with_homes(&server, none, state.path(), &["runs"]));
    assert!(
        runs.out.starts_with(run) && runs.status == 0,
        "{}",
        runs.out
    );
    let undone = output(with_homes(&server, none, state.path(), &["undo", run]));
    assert_eq!(undone.status, 0, "{}", undone.err);
    let after = server.data().0.without_tombstones();
    assert_eq!(
        after.differences(&before.without_tombstones()),
        Vec::<String>::new()
    );

    let (_, before) = server.data();
    let homeless = output(with_homes(
        &server,
        none,
        none,
        &["copy_number_dbs_to_accounts"],
    ));
    assert_eq!(homeless.status, 3);
    assert!(
        homeless.err.contains("nothing was changed"),
        "{}",
        homeless.err
    );
    assert_eq!(server.data().1, before);
}

/// The documents that an interrupted run wrote, and those of which `runs` does not know it: their database was next when the run
/// stopped.
fn written_and_unknown(runs: &str) -> (usize, usize) {
    let (_, counts) = runs
        .split_once("copy_number_dbs_to_accounts: ")
        .unwrap_or_else(|| panic!("{runs}"));
    let (counts, _) = counts
        .split_once("; interrupted")
        .unwrap_or_else(|| panic!("{runs}"));
    let numbers: Vec<usize> = counts
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    (numbers[0], numbers.get(1).copied().unwrap_or(0))
}

#[test]
fn full_disk_stops_run_and_runs_counts_written_documents() {
    let server = drifted();
    let (before, revisions) = server.data();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let full = output(limited(
        &server.program(&[
            "copy_number_dbs_to_accounts",
            "--parallel",
            "1",
            "--journal",
            journal,
        ]),
        240,
    ));
    assert_eq!(full.status, 2, "{}", full.out);
    assert!(
        full.err.contains(".journal: file too large"),
        "{}",
        full.err
    );
    assert!(
        full.err
            .contains("hint: what this run changed before can be undone: undo 20"),
        "{}",
        full.err
    );
    let landed = changed(&revisions, &server.data().1);
    assert!(landed > 0, "{}", full.out);
    let runs = server.run(&["--journal", journal, "runs"]);
    let (written, unknown) = written_and_unknown(&runs.out);
    assert!(
        written > 0 && (written..=written + unknown).contains(&landed),
        "{landed}: {}",
        runs.out
    );
    let run = runs.out.split_whitespace().next().unwrap();
    undoes(&server, run, journal, before);
}

#[test]
fn run_goes_on_without_its_output_and_names_the_undo_command() {
    let server = drifted();
    let (before, revisions) = server.data();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let mut running = server
        .program(&[
            "copy_number_dbs_to_accounts",
            "--json",
            "--journal",
            journal,
        ])
        .piped();
    let mut line = String::new();
    let mut out = BufReader::new(running.stdout.take().unwrap());
    assert!(out.read_line(&mut line).unwrap() > 0);
    drop(out);
    let output = running.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{message}");
    let landed = changed(&revisions, &server.data().1);
    assert!(landed > 0);
    let run = message
        .split_whitespace()
        .skip_while(|word| *word != "undo")
        .find(|word| word.starts_with("20"));
    let run = run.unwrap();
    let lost = "warning: cannot write to standard output: Broken pipe (os error 32)";
    assert_eq!(
        message,
        format!(
            "{lost}; the run goes on; press Ctrl-C to stop it\n\
             {lost}; the run ended and changed {landed} documents\n\
             hint: to undo the changes, run: kazoo-numbers undo {run} --journal {journal}\n"
        )
    );
    assert_eq!(second_run_writes(&server), 0);
    undoes(&server, run, journal, before);
}

/// The number of documents that another run writes.
fn second_run_writes(server: &CliServer) -> usize {
    let (_, revisions) = server.data();
    server.run(&["copy_number_dbs_to_accounts", "--no-journal"]);
    changed(&revisions, &server.data().1)
}

/// As with `2>&1 | head -1`: no message can be printed.
#[test]
fn run_finishes_when_both_outputs_are_closed() {
    let server = drifted();
    let (before, revisions) = server.data();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let mut running = server
        .program(&[
            "copy_number_dbs_to_accounts",
            "--requests-per-second",
            "40",
            "--journal",
            journal,
        ])
        .piped();
    drop(running.stdout.take());
    drop(running.stderr.take());
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert!(changed(&revisions, &server.data().1) > 0);
    assert_eq!(second_run_writes(&server), 0);
    let runs = server.run(&["--journal", journal, "runs"]);
    assert!(!runs.out.contains("broken off"), "{}", runs.out);
    let run = runs.out.split_whitespace().next().unwrap().to_owned();
    undoes(&server, &run, journal, before);
}

#[test]
fn closed_output_of_read_is_not_an_error() {
    let server = drifted();
    for arguments in [
        &["audit"][..],
        &["audit", "--format", "csv"],
        &["carrier_module_usage", "--json"],
        &["copy_number_dbs_to_accounts", "--dry-run"],
        &["runs"],
        &["help"],
        &["help", "audit"],
        &["completion", "bash"],
    ] {
        let mut running = server.program(arguments).piped();
        drop(running.stdout.take());
        let output = running.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
        // An audit as CSV prints an additional line on standard error.
        let aside = if arguments.contains(&"csv") { 1 } else { 0 };
        assert_eq!(message.lines().count(), aside, "{arguments:?}: {message}");
        assert!(!message.contains("error"), "{arguments:?}: {message}");
    }
}

#[test]
fn user_is_system_user_whatever_the_environment_says() {
    let server = drifted();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let mut program =
        server.program(&["fix_apps_for_account_dbs", "--journal", journal, "--report"]);
    let report = folder.path().join("report.json");
    program.arg(&report);
    for name in ["SUDO_USER", "USER", "LOGNAME"] {
        program.env(name, "eve");
    }
    assert_eq!(output(program).status, 0);
    let report: exact_json::Value =
        exact_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let name = Command::new("id").arg("-un").output().unwrap().stdout;
    let name = String::from_utf8(name).unwrap();
    let who = format!("{}@", name.trim_end());
    assert!(
        report["who"].as_str().unwrap().starts_with(&who),
        "{report}"
    );
}

#[test]
fn journals_are_kept_for_requested_days() {
    let server = drifted();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    assert_eq!(
        server
            .run(&["copy_number_dbs_to_accounts", "--journal", journal])
            .status,
        0
    );
    let path = fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let file = fs::File::options().append(true).open(&path).unwrap();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    file.set_modified(std::time::SystemTime::now() - day * 8)
        .unwrap();
    server.run(&["runs", "--journal", journal, "--journal-keep-days", "9"]);
    assert!(path.exists());
    let runs = server.run(&["runs", "--journal", journal, "--journal-keep-days", "7"]);
    assert_eq!((runs.status, runs.out.as_str()), (0, "ok\n"));
    assert!(!path.exists());
}

/// The peak resident size of a program in KiB.
#[cfg(target_os = "linux")]
fn peak(mut program: Command) -> u64 {
    let mut running = program.stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    while running.try_wait().unwrap().is_none() {
        peak = memory_of(&running, "VmHWM:").unwrap_or(peak);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(running.wait().unwrap().success());
    peak
}

/// A run that deleted numbers of ten databases: 80 MB of journal. Undo with all documents in memory
/// would take 150 MB.
#[test]
#[cfg(target_os = "linux")]
fn undo_of_large_journal_uses_little_memory() {
    use kazoo_numbers::journal::{PlannedWrite, Record, RunStart};
    use std::io::Write;

    let server = drifted();
    let (cluster, _) = server.data();
    let database = cluster.number_databases().next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = "20261126T001209Z-487223";
    let mut file = fs::File::create(folder.path().join(format!("{run}.journal"))).unwrap();
    let mut write = |record: Record| file.write_all(record.line().unwrap().as_bytes()).unwrap();
    write(Record::Start(RunStart {
        run: run.to_owned(),
        at: "2026-11-26T00:12:09Z".to_owned(),
        command: "purge_deleted".to_owned(),
        who: "ann@kz1".to_owned(),
        server: format!("http://{}", server.address()),
        cluster: kazoo_numbers::couchdb::ClusterIdentity::default(),
    }));
    let note = "x".repeat(4000);
    for number in 0..20_000 {
        let id = format!("{}{number:08}", database.strip_prefix("numbers/").unwrap());
        let text = format!(r#"{{"_id":"{id}","pvt_type":"number","note":"{note}"}}"#);
        write(Record::Intent(PlannedWrite {
            database: database.to_owned(),
            id,
            rev: None,
            cause: None,
            before: Some(serde_json::value::RawValue::from_string(text).unwrap()),
            after: None,
            leaves: Vec::new(),
        }));
    }
    let journal = folder.path().to_str().unwrap();
    let peak = peak(server.program(&[
        "--journal",
        journal,
        "--dry-run",
        "undo",
        run,
        "any_cluster",
    ]));
    assert!((10_000..80_000).contains(&peak), "{peak} KiB");
}
