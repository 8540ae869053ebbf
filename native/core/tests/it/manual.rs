//! Checks the documentation: the manual of commands, and the tests named on the page on
//! reliability.

use kazoo_numbers::command::{CommandSpec, Frontend, all, help, usage};

fn manual() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual.md")).unwrap()
}

fn specs() -> impl Iterator<Item = &'static CommandSpec> {
    all()
}

#[test]
fn manual_has_every_argument_as_in_help() {
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
fn manual_has_the_output_of_help() {
    let printed: String = help(Some("fix_number"), Frontend::Erlang)
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect();
    assert!(manual().contains(&printed), "{printed}");
}

#[test]
fn manual_has_every_function_as_in_the_table() {
    let manual = manual();
    let mut documented = 0;
    for spec in specs() {
        let needs = if spec.needs_kazoo { "*Kazoo.* " } else { "" };
        let deletes = if spec.deletes_documents() {
            " **Deletes.**"
        } else {
            ""
        };
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

#[test]
fn every_test_on_the_reliability_page_exists() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = std::fs::read_to_string(format!("{root}/docs/reliability.md")).unwrap();
    let mut named = 0;
    for (file, test) in page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_once("::"))
        .filter(|(file, _)| *file != "file")
    {
        let source = std::fs::read_to_string(format!("{root}/{file}"))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        // The function must be a test, and be in a group of its suite.
        let is_there = if file.ends_with(".erl") {
            source.contains(&format!("\n{test}(Config) ->")) && source.matches(test).count() > 2
        } else {
            source
                .split_once(&format!("fn {test}("))
                .is_some_and(|(before, _)| {
                    let mut lines = before.lines().rev().take(4).map(str::trim);
                    lines.any(|line| {
                        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
                    })
                })
        };
        assert!(is_there, "there is no test {test} in {file}");
        named += 1;
    }
    assert!(named > 50, "only {named} tests are named");
}
