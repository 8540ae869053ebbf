//! Plans on the command line: what is printed, and that printed commands can be typed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::{CliServer, ProgramRun, plan_id};
use kazoo_numbers::couchdb::Method;
use kazoo_numbers_generator::{DriftKind, Options};
use kazoo_numbers_testkit::server::send;

fn seeded(kinds: &[DriftKind]) -> CliServer {
    CliServer::seeded(&Options {
        accounts: 40,
        numbers: 800,
        number_databases: 60,
        drift: 0.5,
        kinds: kinds.iter().copied().collect(),
        ..Options::default()
    })
}

/// The command that a line names after this text.
fn named<'a>(ran: &'a ProgramRun, text: &str) -> &'a str {
    let mut lines = ran.out.lines();
    let command = lines.find_map(|line| line.strip_prefix(text));
    command.unwrap_or_else(|| panic!("{}", ran.out))
}

/// Runs a command as it is printed, in a shell.
fn typed(server: &CliServer, command: &str, directory: &Path) -> ProgramRun {
    let program = server.program(&[]);
    let folder = Path::new(program.get_program()).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(directory)
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", format!("{}:{path}", folder.display()));
    ProgramRun::of(&shell.output().unwrap())
}

#[test]
fn printed_commands_can_be_typed() {
    let server = seeded(&[DriftKind::MissingCopy]);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("a 'journal'");
    let journal = journal.to_str().unwrap();
    let call = ["plan", "copy_number_dbs_to_accounts", "--journal", journal];
    let mut program = server.program(&call);
    let kept = ProgramRun::of(&program.output().unwrap());
    let mut program = server.program(&[&call[..], &["-o", "my plan"]].concat());
    let in_file = ProgramRun::of(&program.current_dir(folder.path()).output().unwrap());
    assert!(folder.path().join("my plan").exists(), "{}", in_file.err);
    for planned in [&kept, &in_file] {
        assert_eq!(planned.status, 0, "{}{}", planned.out, planned.err);
        let show = typed(
            &server,
            named(planned, "show each document: "),
            folder.path(),
        );
        assert_eq!(show.status, 0, "{}", show.err);
        let documents = show
            .lines()
            .into_iter()
            .filter(|line| line.starts_with("  create "));
        assert!(documents.count() > 100, "{}", show.out);
    }
    let applied = typed(&server, named(&in_file, "apply it: "), folder.path());
    assert_eq!(applied.status, 0, "{}", applied.err);
    let again = typed(&server, named(&kept, "apply it: "), folder.path());
    assert_eq!(again.status, 0, "{}", again.err);
    assert!(
        again
            .out
            .contains(" 0 created, 0 updated, 0 deleted, 0 failed"),
        "{}",
        again.out
    );
}

#[test]
fn default_view_is_short_and_full_view_has_all() {
    let all: Vec<DriftKind> = DriftKind::all().into_iter().collect();
    let server = seeded(&all);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    for function in ["copy_number_dbs_to_accounts", "fix_apps_for_number_dbs"] {
        let call = ["plan", function, "--journal", journal];
        let short = server.run(&call);
        assert!(short.lines().len() < 120, "{}", short.out);
        let is_of_database = |line: &&str| line.contains("%2F") && line.contains(" read, ");
        assert_eq!(
            short
                .lines()
                .iter()
                .filter(|line| is_of_database(line))
                .count(),
            0
        );
        let warnings: Vec<&str> = short
            .out
            .lines()
            .filter(|line| line.contains("belong in another number database"))
            .collect();
        assert_eq!(warnings.len(), 1, "{}", short.out);
        assert!(warnings[0].contains(" more databases") || warnings[0].contains("numbers%2F"));
        let full = server.run(&[&call[..], &["--full"]].concat());
        let plan = plan_id(&short);
        let shown = server.run(&["show_plan", &plan, "--full", "--journal", journal]);
        let word = server.run(&["show_plan", &plan, "full", "--journal", journal]);
        let documents = |ran: &ProgramRun| -> Vec<String> {
            let lines = ran.out.lines().skip_while(|line| *line != "by database:");
            let lines = lines.take_while(|line| !line.ends_with(" is saved") && *line != "ok");
            lines.map(str::to_owned).collect()
        };
        assert_eq!(documents(&full), documents(&shown));
        assert_eq!(documents(&shown), documents(&word));
        assert!(
            documents(&full).len() > documents(&short).len() + 50,
            "{}",
            full.out
        );
    }
}

#[test]
fn warnings_are_one_line_a_kind() {
    let server = seeded(&[DriftKind::Misfiled]);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let function = "copy_number_dbs_to_accounts";
    for call in [
        &[function, "--dry-run"][..],
        &[function, "--journal", journal],
        &["plan", function, "--journal", journal],
        &["purge_deleted", "--journal", journal],
    ] {
        let lines = server.run(call);
        let warnings = |text: &str| {
            let lines = lines.out.lines().filter(|line| line.contains(text));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let all = warnings("warning: ");
        assert_eq!(all.len(), 1, "{call:?}: {}", lines.out);
        let json = server.run(&[call, &["--json"]].concat()).json();
        let numbers = json
            .iter()
            .filter(|event| event["event"] == "number_warning");
        let numbers: BTreeSet<&str> = numbers
            .map(|event| {
                assert_eq!(event["data"]["kind"], "misfiled");
                event["data"]["number"].as_str().unwrap()
            })
            .collect();
        assert!(numbers.len() > 10, "{call:?}");
        let start = format!(
            "warning: {} numbers belong in another number database and are left alone: numbers%2F",
            numbers.len()
        );
        assert!(all[0].starts_with(&start), "{}: {all:?}", numbers.len());
    }
}

#[test]
fn skip_stale_can_be_an_option() {
    let server = seeded(&[DriftKind::MissingCopy]);
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().to_str().unwrap();
    let planned = server.run(&["plan", "copy_number_dbs_to_accounts", "--journal", journal]);
    let plan = plan_id(&planned);
    let json = server
        .run(&["show_plan", &plan, "--journal", journal, "--json"])
        .json();
    let mut changes = json.iter().filter(|event| event["event"] == "plan_change");
    let change = &changes.next().unwrap()["data"];
    assert_eq!(change["change"], "create");
    let (database, id) = (
        change["database"].as_str().unwrap(),
        change["id"].as_str().unwrap(),
    );
    let path = format!("/{database}/{}", id.replace('+', "%2B"));
    // Somebody else creates one of the documents.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let theirs = Some(r#"{"pvt_type":"number","note":"theirs"}"#.to_owned());
    let made = runtime.block_on(send(&server.url(), Method::PUT, &path, theirs));
    assert!(made.status.is_success());
    let apply = ["apply", &plan, "--journal", journal];
    let (_, before) = server.data();
    let refused = server.run(&apply);
    assert_eq!(refused.status, 3, "{}", refused.out);
    assert!(refused.out.contains(id), "{}", refused.out);
    assert_eq!(server.data().1, before);
    let with_option = server.run(&[&apply[..], &["--skip-stale"]].concat());
    assert_eq!(with_option.status, 2, "{}", with_option.err);
    assert!(
        with_option.out.contains("changed_since"),
        "{}",
        with_option.out
    );
    let (cluster, after) = server.data();
    assert_ne!(after, before);
    let plain = database.replace("%2F", "/");
    assert_eq!(cluster.databases[&plain].documents[id]["note"], "theirs");
    // The word and the option together are the word.
    let with_both = server.run(&[
        "apply",
        &plan,
        "skip_stale",
        "--skip-stale",
        "--journal",
        journal,
    ]);
    assert_eq!(with_both.status, 2, "{}", with_both.err);
    assert_eq!(server.data().1, after);
}
