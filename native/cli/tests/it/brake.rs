//! The limits of deletions and changes, on the command line.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::{CliServer, ProgramRun, program};
use exact_json::{Value, json};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_generator::Cluster;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const OTHER: &str = "00112233445566778899aabbccddeeff";
const DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const REMOVE: &str = "remove_wrong_assigned_from_single_accountdb";
const DESTROY: &str = "destructively_remove_from_single_account_db_if_not_in_numdb";

/// The numbers of the account in the simulated import.
const IMPORTED: usize = 2770;

/// An account with so many numbers, which a bad import assigned to another account, and a system config with this limit.
fn imported(numbers: usize, limit: Option<Value>) -> CliServer {
    let server = CliServer::start();
    let mut cluster = Cluster::default();
    let documents = cluster.databases.entry(DATABASE.into()).or_default();
    for index in 0..numbers {
        let id = format!("+1415555{index:04}");
        let number = json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": OTHER});
        documents.insert(number.as_object().unwrap().clone());
    }
    cluster.databases.entry("numbers/+1415".into()).or_default();
    if let Some(limit) = limit {
        let config = json!({"_id": "number_manager", "default": {"max_delete": limit}});
        let database = cluster.databases.entry("system_config".into()).or_default();
        database.insert(config.as_object().unwrap().clone());
    }
    server.load(&cluster);
    server
}

fn left(server: &CliServer) -> usize {
    server.data().0.databases[DATABASE].documents.len()
}

fn has_status(ran: &ProgramRun, status: ExitStatus) {
    let code = i32::from(status.code());
    assert_eq!(ran.status, code, "{}{}", ran.out, ran.err);
}

/// Runs a printed line in a shell that finds the program.
fn typed(server: &CliServer, folder: &Path, line: &str) -> ProgramRun {
    let here = program(&[]);
    let _ = symlink(here.get_program(), folder.join("kazoo-numbers"));
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder);
    for (name, value) in here.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
        .env("COUCHDB_URL", server.url())
        .env("PATH", format!("{}:{path}", folder.display()));
    ProgramRun::of(&shell.output().unwrap())
}

/// The command of the hint that makes the deletions.
fn printed_command(ran: &ProgramRun) -> &str {
    let hint = ran.err.lines().find(|line| line.starts_with("hint: "));
    let (_, command) = hint.unwrap().split_once("to do it: ").unwrap();
    command
}

#[test]
fn bad_import_is_stopped_and_the_printed_command_applies_it() {
    let server = imported(IMPORTED, None);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("Ann's journals");
    for arguments in [
        &["remove_wrong_assigned_from_accounts"][..],
        &[REMOVE, ACCOUNT],
        // Its steps in number databases and copies are no numbers that it would delete from.
        &["fix_account_db_numbers", ACCOUNT],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--journal", journal.to_str().unwrap()]);
        let ran = server.run(&arguments);
        has_status(&ran, ExitStatus::Refused);
        assert!(
            ran.err.contains(
                "error: this would delete 2770 of the 2770 numbers that it looked at; nothing of this was done\n"
            ),
            "{}",
            ran.err
        );
        assert_eq!(left(&server), IMPORTED);
        let mut with_json = arguments.clone();
        with_json.push("--json");
        let ran = server.run(&with_json);
        let result = ran.json().pop().unwrap();
        assert_eq!(
            (&result["data"]["refused"], &result["data"]["exit_status"]),
            (&json!("brake"), &json!(3)),
            "{}",
            ran.out
        );
    }
    let ran = server.run(&[
        "remove_wrong_assigned_from_accounts",
        "--journal",
        journal.to_str().unwrap(),
    ]);
    let applied = typed(&server, folder.path(), printed_command(&ran));
    has_status(&applied, ExitStatus::Done);
    assert_eq!(left(&server), 0);
    let undone = typed(
        &server,
        folder.path(),
        "kazoo-numbers undo last --journal \"Ann's journals\"",
    );
    has_status(&undone, ExitStatus::Done);
    assert_eq!(left(&server), IMPORTED);
}

#[test]
fn limits_are_a_count_a_share_or_off() {
    for (function, options, numbers, deleted) in [
        (REMOVE, &["--max-delete", "100%"][..], 150, 150),
        (REMOVE, &["--max-delete", "off"], 150, 150),
        (REMOVE, &["--max-delete", "99%"], 150, 0),
        (REMOVE, &["--max-delete", "150"], 150, 150),
        (REMOVE, &["--max-delete", "149"], 150, 0),
        (REMOVE, &["--max-delete", "0"], 1, 0),
        (REMOVE, &[], 100, 100),
        (REMOVE, &[], 101, 0),
        (REMOVE, &["--max-changes", "2"], 3, 0),
        (REMOVE, &["--max-changes", "3"], 3, 3),
        (REMOVE, &["--limit", "2"], 3, 2),
        (REMOVE, &["--limit", "2", "--max-changes", "2"], 3, 2),
        // The limit of deletions counts what would be deleted.
        (REMOVE, &["--limit", "2", "--max-delete", "2"], 3, 2),
        (DESTROY, &[], 150, 150),
        (DESTROY, &["--max-delete", "50%"], 150, 0),
        (DESTROY, &["--max-delete", "149"], 150, 0),
        (DESTROY, &["--max-changes", "149"], 150, 0),
    ] {
        let server = imported(numbers, None);
        let mut arguments = vec![function, ACCOUNT];
        arguments.extend(options);
        let ran = server.run(&arguments);
        assert_eq!(
            numbers - left(&server),
            deleted,
            "{arguments:?}\n{}",
            ran.err
        );
        let status = match deleted {
            0 => ExitStatus::Refused,
            _ => ExitStatus::Done,
        };
        has_status(&ran, status);
    }
    let server = imported(1, None);
    for limit in ["half", "101%", "-1", "0.5"] {
        let ran = server.run(&[REMOVE, ACCOUNT, &format!("--max-delete={limit}")]);
        has_status(&ran, ExitStatus::Usage);
        assert!(ran.err.contains("max-delete"), "{}", ran.err);
    }
    assert_eq!(left(&server), 1);
}

#[test]
fn limit_of_the_system_config_is_used_unless_one_is_given() {
    for (limit, options, numbers, removed, destroyed) in [
        (json!("off"), &[][..], 150, 150, 150),
        (json!("100%"), &[], 150, 150, 150),
        (json!("50%"), &[], 150, 0, 0),
        (json!(2), &[], 3, 0, 0),
        (json!("2"), &[], 3, 0, 0),
        // As without one.
        (json!(null), &[], 150, 0, 150),
        (json!(2), &["--max-delete", "off"], 3, 3, 3),
        (json!("off"), &["--max-delete", "2"], 3, 0, 0),
        (json!("nonsense"), &["--max-delete", "3"], 3, 3, 3),
    ] {
        for (function, deleted) in [(REMOVE, removed), (DESTROY, destroyed)] {
            let server = imported(numbers, Some(limit.clone()));
            let mut arguments = vec![function, ACCOUNT];
            arguments.extend(options);
            let ran = server.run(&arguments);
            let found = numbers - left(&server);
            assert_eq!(found, deleted, "{limit} {arguments:?}\n{}", ran.err);
        }
    }
}

#[test]
fn unusable_limit_of_the_system_config_refuses_deletions() {
    for limit in [json!("half"), json!(-1), json!(0.5), json!(true), json!({})] {
        let server = imported(1, Some(limit));
        for function in [REMOVE, DESTROY] {
            let ran = server.run(&[function, ACCOUNT]);
            has_status(&ran, ExitStatus::Refused);
            assert_eq!(
                ran.err,
                "error: cannot use max_delete of system_config/number_manager: expected a number of documents, \
                 a share such as 50%, or off; nothing is done; --max-delete goes before it\n"
            );
        }
        assert_eq!(left(&server), 1);
        for arguments in [
            &["copy_number_dbs_to_accounts"][..],
            &["plan", REMOVE, ACCOUNT],
            &[REMOVE, ACCOUNT, "--dry-run"],
        ] {
            has_status(&server.run(arguments), ExitStatus::Done);
        }
    }
}

#[test]
fn plan_in_a_file_is_applied_by_the_printed_command() {
    let server = imported(3, None);
    let folder = tempfile::tempdir().unwrap();
    for file in ["plan", "my plan.txt"] {
        let line = format!("kazoo-numbers plan {REMOVE} {ACCOUNT} -o '{file}'");
        let planned = typed(&server, folder.path(), &line);
        has_status(&planned, ExitStatus::Done);
        let command = planned
            .lines()
            .into_iter()
            .find_map(|line| line.strip_prefix("apply it: "));
        let applied = typed(&server, folder.path(), command.unwrap());
        has_status(&applied, ExitStatus::Done);
        assert_eq!(left(&server), 0);
        has_status(&server.run(&["undo", "last"]), ExitStatus::Done);
        assert_eq!(left(&server), 3);
    }
}
