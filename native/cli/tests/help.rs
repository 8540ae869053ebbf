//! Help, and that the command line is the table.

mod support;

use std::collections::BTreeSet;

use kazoo_numbers::command::{Spec, extras, table};
use support::run;

fn specs() -> impl Iterator<Item = &'static Spec> {
    table().iter().chain(extras())
}

#[test]
fn every_function_has_help_that_says_what_it_takes_and_whether_it_deletes() {
    for spec in specs() {
        let help = run(&[spec.name, "--help"]);
        let text = help.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!((help.status, help.err.as_str()), (0, ""), "{}", spec.name);
        assert!(text.contains(spec.help), "{}: {text}", spec.name);
        assert_eq!(text.contains("deletes documents"), spec.deletes(), "{text}");
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
fn the_help_of_all_lists_the_table_and_the_tools_and_nothing_else() {
    let help = run(&["--help"]);
    assert_eq!(help.status, 0);
    assert!(help.out.contains("http://user:password@host:port"));
    let list = help.out.split("Functions and tools:").nth(1).unwrap();
    let listed: BTreeSet<&str> = list
        .lines()
        .take_while(|line| *line != "Options:")
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut expected: BTreeSet<&str> = specs().map(|spec| spec.name).collect();
    expected.extend(["sandbox", "seed", "wipe", "completion", "port", "help"]);
    assert_eq!(listed, expected);
}

#[test]
fn shells_complete_every_function() {
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
fn the_version_is_told() {
    let version = run(&["--version"]);
    assert_eq!(
        version.out,
        format!("kazoo-numbers {}\n", env!("CARGO_PKG_VERSION"))
    );
}
