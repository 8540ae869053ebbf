//! Help, and the command line against the table of functions.

use std::collections::BTreeSet;

use crate::support::run;
use kazoo_numbers::command::{CommandSpec, Frontend, commands, help};

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
fn help_lists_exactly_functions_and_tools() {
    let printed = run(&["--help"]);
    assert_eq!(printed.status, 0);
    assert!(printed.out.contains("http://user:password@host:port"));
    let list = printed.out.split("Functions and tools:").nth(1).unwrap();
    let listed: BTreeSet<&str> = list
        .lines()
        .take_while(|line| *line != "Options:")
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut expected: BTreeSet<&str> = specs().map(|spec| spec.name).collect();
    expected.extend(["completion", "port"]);
    assert_eq!(listed, expected);
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
    let erlangs = run(&["help", "cancel"]);
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
fn shell_completion_has_every_function() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completion", shell]);
        assert_eq!(script.status, 0, "{shell}");
        for spec in specs() {
            assert!(script.out.contains(spec.name), "{shell}: {}", spec.name);
        }
    }
    assert_eq!(run(&["completion", "cmd.exe"]).status, 1);
}

#[test]
fn version_is_printed() {
    let version = run(&["--version"]);
    assert_eq!(
        version.out,
        format!("kazoo-numbers {}\n", env!("CARGO_PKG_VERSION"))
    );
}
