//! The questions before documents are deleted and before a plan is applied. Only a terminal is asked.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{CliServer, Terminal, plan_id};
use kazoo_numbers_generator::{DriftKind, Options};

/// A terminal on which a person can answer, with the output in a file.
const PERSON: Terminal = Terminal {
    input: true,
    output: false,
    error: true,
};

fn server() -> CliServer {
    CliServer::seeded(&Options {
        accounts: 6,
        numbers: 120,
        number_databases: 5,
        drift: 0.2,
        kinds: BTreeSet::from([DriftKind::FormerAccount, DriftKind::MissingCopy]),
        ..Options::default()
    })
}

/// The program with the terminal as the one whose keys send signals. The end of a session discards what was not read from its terminal,
/// so a shell leads the session and ends later.
fn with_keys(program: Command) -> Command {
    let mut session = Command::new("setsid");
    session
        .arg("--ctty")
        .args([
            "sh",
            "-c",
            "trap : INT; \"$0\" \"$@\"; status=$?; sleep 1; exit $status",
        ])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => session.env(name, value),
            None => session.env_remove(name),
        };
    }
    session
}

#[test]
fn plan_is_shown_and_applied_only_with_consent() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let planned = server.run(&["plan", "copy_number_dbs_to_accounts", "--journal", journal]);
    let plan = plan_id(&planned);
    let apply = ["apply", &plan, "--journal", journal];
    let with_json = [&apply[..], &["--json"]].concat();
    let (_, before) = server.data();
    for answer in ["n\n", "\n", "no\n", "Y es\n"] {
        let declined = PERSON.run(server.program(&apply), answer);
        assert_eq!((declined.status, declined.out.as_str()), (3, ""));
        let shown = declined.shown.replace('\r', "");
        assert!(shown.contains("by reason:\n"), "{shown}");
        assert!(shown.contains("Apply this plan? [y/N]"), "{shown}");
        assert!(shown.ends_with("nothing is done\n"), "{shown}");
    }
    let declined = PERSON.run(server.program(&with_json), "n\n");
    assert_eq!(declined.status, 3);
    let lines: Vec<&str> = declined.out.lines().collect();
    assert_eq!(lines.len(), 1, "{}", declined.out);
    let result: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(result["event"], "result");
    assert_eq!(result["data"]["ended"], "refused");
    assert_eq!(result["data"]["refused"], "declined");
    assert_eq!(result["data"]["exit_status"], 3);
    let missing = ["apply", "20261126T001209Z-487223", "--journal", journal];
    let missing = PERSON.run(server.program(&missing), "y\n");
    assert_eq!(missing.status, 2);
    assert!(
        missing.shown.contains("there is no plan"),
        "{}",
        missing.shown
    );
    assert!(!missing.shown.contains("[y/N]"), "{}", missing.shown);
    // Ctrl-C, and the end of the input.
    for (key, status) in [("\u{3}", 130), ("\u{4}", 3)] {
        let ended = PERSON.run(with_keys(server.program(&apply)), key);
        assert_eq!(ended.status, status, "{}", ended.shown);
        assert!(ended.shown.contains("nothing is done"), "{}", ended.shown);
    }
    assert_eq!(server.data().1, before);

    let applied = PERSON.run(server.program(&apply), "y\n");
    assert_eq!(applied.status, 0, "{}", applied.shown);
    assert!(applied.out.contains("apply: "), "{}", applied.out);
    assert!(!applied.out.contains("by reason:"), "{}", applied.out);
    assert_ne!(server.data().1, before);
}

#[test]
fn deletion_is_asked_for_on_terminals_only() {
    let function = "remove_former_copies";
    let server = server();
    let (_, before) = server.data();
    let call = [function, "--no-journal"];
    let declined = PERSON.run(server.program(&call), "n\n");
    assert_eq!((declined.status, declined.out.as_str()), (3, ""));
    let question = format!("{function} deletes documents. Go on? [y/N]");
    assert!(declined.shown.contains(&question), "{}", declined.shown);
    assert_eq!(server.data().1, before);

    // Neither a dry run nor a plan deletes.
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let dry_run = [function, "--dry-run"];
    let plan = ["plan", function, "--journal", journal];
    for harmless in [&dry_run[..], &plan] {
        let ran = PERSON.run(server.program(harmless), "n\n");
        assert_eq!(ran.status, 0, "{}", ran.shown);
        assert!(!ran.shown.contains("[y/N]"), "{}", ran.shown);
    }
    assert_eq!(server.data().1, before);

    let with_yes = [function, "--no-journal", "--yes"];
    let pipes = Terminal::default();
    let no_answer = Terminal {
        error: false,
        ..PERSON
    };
    let no_question = Terminal {
        input: false,
        ..PERSON
    };
    let answered = |terminal: Terminal, call: &[&str], answer: &str| {
        let server = self::server();
        let ran = terminal.run(server.program(call), answer);
        assert_eq!(ran.status, 0, "{}{}", ran.err, ran.shown);
        assert!(ran.out.contains(" deleted, 0 failed"), "{}", ran.out);
        assert!(!ran.out.contains(" 0 deleted, 0 failed"), "{}", ran.out);
        ran.shown.contains("[y/N]") || ran.err.contains("[y/N]")
    };
    assert!(answered(PERSON, &call, "y\n"));
    assert!(!answered(PERSON, &with_yes, "n\n"));
    for terminal in [pipes, no_answer, no_question] {
        assert!(!answered(terminal, &call, "n\n"));
    }
}
