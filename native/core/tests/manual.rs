//! The manual and the table of commands say the same.
#![allow(clippy::unwrap_used)]

use kazoo_numbers::command::{Door, Spec, erlangs_own, extras, help, table, usage};

fn manual() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual.md")).unwrap()
}

fn specs() -> impl Iterator<Item = &'static Spec> {
    table().iter().chain(extras()).chain(erlangs_own())
}

#[test]
fn every_argument_is_in_the_manual_as_help_has_it() {
    let manual = manual();
    for parameter in specs().flat_map(|spec| spec.parameters) {
        let row = format!(
            "| `{}` | {} |\n",
            parameter.name().replace('|', "\\|"),
            parameter.description()
        );
        assert!(manual.contains(&row), "the manual lacks:\n{row}");
    }
}

#[test]
fn the_example_of_help_is_what_help_prints() {
    let printed: String = help(Some("fix_number"), Door::Erlang)
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect();
    assert!(manual().contains(&printed), "{printed}");
}

#[test]
fn every_function_is_in_the_manual_as_the_table_has_it() {
    let manual = manual();
    let mut documented = 0;
    for spec in specs() {
        let needs = if spec.needs_kazoo { "*Kazoo.* " } else { "" };
        let deletes = if spec.deletes() { " **Deletes.**" } else { "" };
        let entry = format!("`{}`\n: {needs}{}{deletes}\n", usage(spec), spec.help);
        assert!(manual.contains(&entry), "the manual lacks:\n{entry}");
        documented += 1;
    }
    assert_eq!(
        manual.matches("\n: ").count(),
        documented,
        "and nothing else"
    );
}
