//! The Erlang module `kazoo_numbers_maintenance`, made of the catalog of commands.

use std::fmt::Write as _;

use kazoo_numbers::command::{CommandSpec, Family, JOB, Parameter, Returns, commands};

/// All that is the same whatever the commands are.
const TEMPLATE: &str = include_str!("template.erl");

/// The width of a line of text, and of a line of code.
const TEXT: usize = 80;
const CODE: usize = 110;

/// The families in the module's order, each with its title.
const FAMILIES: [(Family, &str); 9] = [
    (
        Family::CopyToNumberDatabases,
        "Copies from account databases to number databases",
    ),
    (
        Family::CopyToAccounts,
        "Copies from number databases to account databases",
    ),
    (Family::Fix, "Everything for one account"),
    (Family::Apps, "Which application uses a number"),
    (
        Family::Removal,
        "Numbers and fields that should not be there",
    ),
    (Family::Carriers, "Carrier modules"),
    (Family::Features, "Features"),
    (Family::Kazoo, "Commands that need a running Kazoo"),
    (Family::Ours, "Audit, undo, runs in progress, help"),
];

/// The source of the module.
pub(crate) fn source() -> String {
    let (mut exports, mut functions) = (String::new(), String::new());
    for (family, title) in FAMILIES {
        let rows: Vec<&CommandSpec> = commands().filter(|spec| spec.family == family).collect();
        exports += &export(&rows);
        functions += &heading(title);
        for row in rows {
            for arity in row.arities() {
                functions += &function(row, arity);
            }
        }
    }
    TEMPLATE
        .replacen("<exports>\n", &exports, 1)
        .replacen("<functions>\n", &functions, 1)
}

fn export(rows: &[&CommandSpec]) -> String {
    let names: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            row.arities()
                .map(move |arity| format!("{}/{arity}", row.name))
        })
        .collect();
    format!("-export([{}\n        ]).\n", names.join("\n        ,"))
}

fn heading(title: &str) -> String {
    let rule = "=".repeat(TEXT - 2);
    format!("%%{rule}\n%% {title}\n%%{rule}\n\n")
}

fn function(row: &CommandSpec, arity: usize) -> String {
    let parameters = parameters(row, arity);
    let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let typed: Vec<String> = parameters
        .iter()
        .map(|(name, of)| format!("{name} :: {of}"))
        .collect();
    let head = format!("-spec {}({}) ->", row.name, typed.join(", "));
    let returned = returned(row.returns);
    let gap = if head.len() + returned.len() + 2 > CODE {
        "\n          "
    } else {
        " "
    };
    let name = row.name;
    let body = match row.erlang_module {
        JOB => format!("call('{name}', [{names}])"),
        module => format!("with_library('{module}', '{name}', [{names}])"),
    };
    format!(
        "{doc}{head}{gap}{returned}.\n{name}({names}) ->\n    {body}.\n\n",
        doc = doc(row.help)
    )
}

fn doc(help: &str) -> String {
    let mut lines = vec!["%% @doc".to_owned()];
    for word in help.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= TEXT => {
                let _ = write!(line, " {word}");
            }
            _ => lines.push(format!("%% {word}")),
        }
    }
    if lines.len() > 1 {
        lines.push("%% @end".to_owned());
    }
    lines.join("\n") + "\n"
}

/// The names of the arguments of another function.
const OF_FUNCTION: [&str; 3] = ["A1", "A2", "A3"];

/// The names and types of a function's parameters.
fn parameters(row: &CommandSpec, arity: usize) -> Vec<(&'static str, &'static str)> {
    if !row.erlang_parameters.is_empty() {
        return row.erlang_parameters.to_vec();
    }
    let own = row
        .parameters
        .iter()
        .filter(|parameter| **parameter != Parameter::OfFunction);
    let mut all: Vec<_> = own.map(parameter).collect();
    let others = OF_FUNCTION.iter().take(arity - all.len());
    all.extend(others.map(|name| (*name, "any()")));
    all
}

fn parameter(parameter: &Parameter) -> (&'static str, &'static str) {
    match parameter {
        Parameter::Account => ("Account", "account()"),
        Parameter::Accounts => ("Accounts", "[account()]"),
        Parameter::Database => ("NumberDb", "number_db()"),
        Parameter::Databases => ("NumberDbs", "[number_db()]"),
        Parameter::Prefix => ("Prefix", "text()"),
        Parameter::Number => ("Number", "num()"),
        Parameter::Numbers => ("Numbers", "[num()]"),
        Parameter::DatabaseOrNumber => ("NumberDbOrNumber", "number_db() | num()"),
        Parameter::Source => ("Source", "text()"),
        Parameter::Target => ("Target", "text()"),
        Parameter::Feature => ("Feature", "text()"),
        Parameter::Run | Parameter::RunInProgress => ("Run", "text()"),
        Parameter::Insistence => ("Insistence", "text() | 'any_cluster' | 'again'"),
        Parameter::RequestRate => ("Requests", "text() | number()"),
        Parameter::Anyway => ("Anyway", "text() | 'anyway'"),
        Parameter::AuditTarget | Parameter::Parts => (
            "Parts",
            "account() | number_db() | num() | [account() | number_db() | num()]",
        ),
        Parameter::Plan => ("Plan", "text()"),
        Parameter::SkipStale => ("SkipStale", "text() | 'skip_stale'"),
        Parameter::Full => ("Full", "text() | 'full'"),
        Parameter::Function | Parameter::PlannedFunction => ("Function", "text()"),
        Parameter::OfFunction | Parameter::Other => ("Argument", "any()"),
    }
}

fn returned(returns: Returns) -> &'static str {
    match returns {
        Returns::Ok => "'ok' | {'no_return', pos_integer()}",
        Returns::NoReturn => "'no_return' | {'no_return', pos_integer()}",
        Returns::Value => "{'ok' | 'error', binary()}",
        Returns::App => "binary() | 'undefined' | {'no_return', pos_integer()}",
        Returns::Text => "iolist() | {'no_return', pos_integer()}",
        Returns::Any => "any()",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_in_the_tree_is_the_one_that_the_catalog_makes() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../erlang/src/kazoo_numbers_maintenance.erl"
        );
        let in_tree = std::fs::read_to_string(path).unwrap();
        assert!(source() == in_tree, "run `make generate`");
    }

    #[test]
    fn every_command_is_in_one_family() {
        let module = source();
        let called = |start: &str| module.matches(start).count();
        let elsewhere =
            called("    with_library('") - called("    with_library('kazoo_numbers_job'");
        let exported = called("    call('") + elsewhere;
        let arities = commands().map(|spec| spec.arities().count());
        assert_eq!(exported, arities.sum::<usize>());
    }
}
