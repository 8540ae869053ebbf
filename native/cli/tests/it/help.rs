//! Help, and the command line against the table of functions.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{CliServer, ProgramRun, plan_id, program, run};
use kazoo_numbers::command::{CommandSpec, Effect, Frontend, Group, commands, help, usage};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_generator::Options;

fn specs() -> impl Iterator<Item = &'static CommandSpec> {
    commands()
}

#[test]
fn function_help_names_parameters_and_deletion() {
    for spec in specs() {
        let printed = run(&[spec.name, "--help"]);
        let text = printed.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (printed.status, printed.err.as_str()),
            (0, ""),
            "{}",
            spec.name
        );
        assert!(text.contains(spec.help), "{}: {text}", spec.name);
        assert_eq!(
            text.contains("deletes documents"),
            spec.deletes_documents(),
            "{text}"
        );
        assert_eq!(
            text.contains("needs a running Kazoo"),
            spec.needs_kazoo,
            "{text}"
        );
        for parameter in spec.parameters {
            let name = parameter.name().trim_end_matches('…');
            assert!(text.contains(&format!("{name}]")) || text.contains(&format!("<{name}>")));
        }
        assert!(text.contains(&format!("Example: kazoo-numbers {}", spec.name)));
    }
}

#[test]
fn first_page_is_one_screen_with_groups_and_marks() {
    let printed = run(&["--help"]);
    assert_eq!((printed.status, printed.err.as_str()), (0, ""));
    let lines = printed.lines();
    assert!(lines.len() <= 50, "{}: {}", lines.len(), printed.out);
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(printed.out.contains("http://user:password@host:port"));
    let words: BTreeSet<&str> = printed.out.split([' ', ',', '\n']).collect();
    for group in Group::ALL {
        let mut rows = specs().filter(|spec| spec.group == group).peekable();
        let is_named = lines.iter().any(|line| {
            let name = line.split(' ').next();
            name == Some(group.name())
        });
        assert_eq!(is_named, rows.peek().is_some(), "{}", group.name());
    }
    let deleting: BTreeSet<&str> = specs()
        .filter(|spec| spec.deletes_documents())
        .map(|spec| spec.name)
        .collect();
    for spec in specs().filter(|spec| spec.is_main) {
        let mark = if deleting.contains(spec.name) {
            "!"
        } else {
            ""
        };
        let shown = format!("{}{mark}", spec.name);
        assert!(words.contains(shown.as_str()), "{shown}: {}", printed.out);
    }
    for status in ExitStatus::ALL {
        assert!(words.contains(status.code().to_string().as_str()));
    }
}

/// The names that a listing of functions begins lines with.
fn listed(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter(|line| !line.starts_with(' ') && !line.contains(": "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn groups_list_exactly_functions_and_tools() {
    let mut all = BTreeSet::new();
    for group in Group::ALL {
        let printed = run(&["help", group.name()]);
        assert_eq!((printed.status, printed.err.as_str()), (0, ""));
        let title = format!("{}: {}", group.name(), group.title());
        assert!(printed.out.contains(&title), "{}", printed.out);
        let (_, list) = printed.out.split_once(&title).unwrap();
        for name in listed(list) {
            assert!(all.insert(name.to_owned()), "{name} is in two groups");
        }
    }
    let functions = specs().map(|spec| spec.name);
    let expected: BTreeSet<String> = functions
        .chain(["completion", "man", "port", "watch"])
        .map(str::to_owned)
        .collect();
    assert_eq!(all, expected);
    let both = run(&["help", "runs"]);
    assert!(both.out.starts_with("runs\n    Lists the runs"));
}

#[test]
fn options_are_offered_and_accepted_only_where_they_mean_something() {
    let has = |function: &str, option: &str| {
        let shown = run(&[function, "--help"]).out;
        let words: Vec<&str> = shown.split_whitespace().collect();
        words.contains(&option)
    };
    for (function, option, expected) in [
        ("audit", "--dry-run", false),
        ("audit", "--wait", false),
        ("audit", "--journal", true),
        ("audit", "--format", true),
        ("runs", "--journal", true),
        ("runs", "--no-journal", false),
        ("runs", "--parallel", false),
        ("undo", "--dry-run", true),
        ("plan", "--full", true),
        ("show_plan", "--full", true),
        ("apply", "--full", false),
        ("apply", "--skip-stale", true),
        ("show_plan", "--skip-stale", false),
        ("undo", "--no-journal", false),
        ("undo", "--wait", true),
        ("fix_number", "--wait", false),
        ("fix_number", "--dry-run", true),
        ("migrate_unassigned_numbers", "--no-lock", true),
        ("migrate", "--dry-run", false),
        ("migrate", "--json", true),
        ("help", "--report", false),
        ("copy_number_dbs_to_accounts", "--format", false),
        ("completion", "--dry-run", false),
    ] {
        assert_eq!(has(function, option), expected, "{function} {option}");
    }
    for line in [
        &["audit", "--dry-run"][..],
        &["--dry-run", "audit"],
        &["runs", "--parallel", "3"],
        &["fix_number", "a", "+1", "--wait"],
        &["undo", "x", "--no-journal"],
    ] {
        let refused = run(line);
        let option = line.iter().find(|word| word.starts_with("--")).unwrap();
        let function = line.iter().find(|word| !word.starts_with("--")).unwrap();
        let expected = format!("error: {option} cannot be used with {function}\n");
        assert_eq!((refused.status, refused.err), (1, expected), "{line:?}");
    }
}

#[test]
fn help_for_functions_and_tools_needs_no_server() {
    let function = run(&["help", "fix_numbers"]);
    assert_eq!((function.status, function.err.as_str()), (0, ""));
    assert_eq!(
        function.out,
        help(Some("fix_numbers"), Frontend::CommandLine).join("\n") + "\n"
    );
    let json = run(&["help", "fix_numbers", "--json"]);
    assert!(
        json.out
            .starts_with(r#"{"event":"output","data":"fix_numbers ACCOUNT NUMBER…"}"#)
    );
    let tool = run(&["help", "completion"]);
    assert_eq!(
        (tool.status, &tool.out),
        (0, &run(&["completion", "--help"]).out)
    );
    let all = run(&["help"]);
    assert_eq!((all.status, &all.out), (0, &run(&["--help"]).out));
    assert!(all.lines().len() < 51);
    let erlangs = run(&["help", "dry_run"]);
    assert!(erlangs.out.contains("not from here"), "{}", erlangs.out);
}

#[test]
fn help_for_unknown_name_lists_known_names() {
    let refused = run(&["help", "fix_numebr"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused
            .err
            .contains("the nearest are fix_number, fix_numbers")
    );
}

#[test]
fn unknown_function_names_the_nearest_first() {
    for (given, nearest) in [
        ("fix_numebr", "fix_number"),
        ("copy_number_db_to_accounts", "copy_number_dbs_to_accounts"),
        ("undu", "undo"),
        ("completoin", "completion"),
    ] {
        let refused = run(&[given]);
        assert_eq!((refused.status, refused.out.as_str()), (1, ""));
        let start = format!("error: there is no function \"{given}\"; the nearest are {nearest}");
        assert!(refused.err.starts_with(&start), "{}", refused.err);
    }
}

/// The candidates of the shell for the last of these words.
fn offered(words: &[&str], data: &Path) -> Vec<String> {
    let at = words.len().to_string();
    let line = [&["--", "kazoo-numbers"], words].concat();
    let ran = program(&line)
        .env("KAZOO_NUMBERS_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", at)
        .env("_CLAP_IFS", "\n")
        .env("XDG_DATA_HOME", data)
        .output()
        .unwrap();
    let ran = ProgramRun::of(&ran);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    ran.lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn completion_offers_functions_options_carriers_features_and_runs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completion", shell]);
        assert_eq!((script.status, script.err.as_str()), (0, ""), "{shell}");
        assert!(script.out.contains("KAZOO_NUMBERS_COMPLETE"), "{shell}");
    }
    assert_eq!(run(&["completion", "cmd.exe"]).status, 1);

    let data = tempfile::tempdir().unwrap();
    let names: BTreeSet<String> = offered(&[""], data.path()).into_iter().collect();
    for spec in specs() {
        assert!(names.contains(spec.name), "{}", spec.name);
    }
    let has = |words: &[&str], value: &str| {
        let offered = offered(words, data.path());
        assert!(
            offered.iter().any(|one| one == value),
            "{words:?}: {offered:?}"
        );
    };
    has(&["help", "ca"], "carrier");
    has(&["help", "ma"], "man");
    has(&["add_allowed_feature_on_number", ""], "e911");
    has(&["convert_carrier_module", "knm_te"], "knm_telnyx");
    has(&["convert_carrier_module", "x", "knm_lo"], "knm_local");
    has(&["undo", "x", ""], "any_cluster");
    has(&["undo", "x", "--dry"], "--dry-run");
    let of_audit = offered(&["audit", "--"], data.path());
    assert!(of_audit.contains(&"--format".to_owned()), "{of_audit:?}");
    assert!(!of_audit.contains(&"--dry-run".to_owned()), "{of_audit:?}");

    let server = CliServer::seeded(&Options {
        accounts: 3,
        numbers: 30,
        drift: 1.0,
        ..Options::default()
    });
    let own = tempfile::tempdir().unwrap();
    let own = own.path().to_str().unwrap();
    server.run(&["copy_number_dbs_to_accounts", "--journal", own]);
    let ids: Vec<String> = std::fs::read_dir(own)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".journal").to_owned())
        .collect();
    assert_eq!(ids.len(), 1);
    let of_others = offered(&["undo", "20"], data.path());
    assert_eq!(of_others, Vec::<String>::new());
    has(&["undo", "--journal", own, "20"], &ids[0]);

    let planned = server.run(&["plan", "fix_apps_for_number_dbs", "--journal", own]);
    let plan = plan_id(&planned);
    for function in ["apply", "show_plan"] {
        let plans = offered(&[function, "--journal", own, ""], data.path());
        assert!(plans.contains(&plan), "{function}: {plans:?}");
        assert!(!plans.contains(&ids[0]), "{function}: {plans:?}");
    }
    has(&["apply", "x", ""], "skip_stale");
    has(&["apply", "x", "--skip"], "--skip-stale");
    has(&["show_plan", "x", "--fu"], "--full");
}

#[test]
fn completion_of_plan_offers_functions_that_can_be_planned() {
    let data = tempfile::tempdir().unwrap();
    let functions = offered(&["plan", ""], data.path());
    let functions = functions.iter().map(String::as_str);
    let functions: BTreeSet<&str> = functions.filter(|word| !word.starts_with('-')).collect();
    let expected: BTreeSet<&str> = specs()
        .filter(|spec| spec.can_be_planned())
        .map(|spec| spec.name)
        .collect();
    assert_eq!(functions, expected);
    assert!(expected.contains("fix_account_db_numbers"));
    for other in ["audit", "apply", "plan", "fix", "man", "migrate", "cancel"] {
        assert!(!expected.contains(other), "{other}");
    }
}

#[test]
fn manual_pages_have_every_function_and_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("man1");
    let written = run(&["man", folder.to_str().unwrap()]);
    assert_eq!((written.status, written.out.as_str()), (0, ""));
    let plain = |page: &str| {
        assert!(page.is_ascii());
        let escapes = [("\\-", "-"), ("\\*(Aq", "'"), ("\\[u2026]", "…")];
        escapes
            .iter()
            .fold(page.to_owned(), |page, (from, to)| page.replace(from, to))
    };
    let read = |name: &str| plain(&std::fs::read_to_string(folder.join(name)).unwrap());
    let program = read("kazoo-numbers.1");
    assert_eq!(program, plain(&run(&["man"]).out));
    let mut names = BTreeSet::from(["kazoo-numbers.1".to_owned()]);
    for spec in specs() {
        assert!(program.contains(&usage(spec)), "{}", usage(spec));
        assert!(program.contains(spec.help), "{}", spec.help);
        let name = format!("kazoo-numbers-{}.1", spec.name);
        let page = read(&name);
        assert!(page.contains(spec.help), "{page}");
        let writes = spec.effect != Effect::Reads && !spec.needs_kazoo;
        assert_eq!(page.contains("--dry-run"), writes, "{name}");
        names.insert(name);
    }
    for status in ExitStatus::ALL {
        assert!(program.contains(status.meaning()), "{}", status.meaning());
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let files: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names);
    assert_eq!(run(&["man", "/proc/none"]).status, 2);
}

#[test]
fn version_is_printed() {
    let version = run(&["--version"]);
    assert_eq!(
        version.out,
        format!("kazoo-numbers {}\n", env!("CARGO_PKG_VERSION"))
    );
}
