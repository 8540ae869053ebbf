//! Help: the catalog as lines of text. `--help` of the command line and the manual use the same texts.

use super::argument::Refusal;
use super::catalog::all;
use super::group::Group;
use super::parameter::Parameter;
use super::spec::{CommandSpec, Effect, Origin};
use crate::report::{Frontend, nearest, shown};

/// Refuses a topic of `help` that is neither a group nor a function, with or without an arity.
pub(super) fn check_topic(given: &str) -> Result<(), Refusal> {
    let name = without_arity(given);
    if forms(name).is_empty() && Group::find(name).is_none() {
        return Err(Refusal::new(format!("help: {}", no_such(name))));
    }
    Ok(())
}

fn without_arity(given: &str) -> &str {
    match given.split_once('/') {
        Some((name, arity)) if arity.parse::<u8>().is_ok() => name,
        _ => given,
    }
}

/// The message for an unknown function, with suggestions.
pub(super) fn no_such(name: &str) -> String {
    unknown_function(name, &[])
}

/// The message for an unknown function. `tools`: names of the caller that are suggested, too.
pub fn unknown_function(name: &str, tools: &[&'static str]) -> String {
    let line = format!("there is no function {}", shown(name));
    let names = all().map(|spec| spec.name).chain(tools.iter().copied());
    match nearest(name, names).as_slice() {
        [] => line,
        names => format!("{line}; the nearest are {}", names.join(", ")),
    }
}

/// `help/0` and `help/1`: lists all functions or those of a group, or describes one function.
pub fn help(topic: Option<&str>, frontend: Frontend) -> Vec<String> {
    let Some(name) = topic else {
        return list(all(), frontend);
    };
    let mut lines = about(&forms(without_arity(name)), frontend);
    // Some functions are named like a group. In Erlang, help describes the function alone.
    if let Some(group) = Group::find(name)
        && (lines.is_empty() || frontend == Frontend::CommandLine)
    {
        lines.extend(help_of_group(group, frontend));
    }
    lines
}

/// The functions of a group.
pub fn help_of_group(group: Group, frontend: Frontend) -> Vec<String> {
    let title = format!("{}: {}", group.name(), group.title());
    let rows = all().filter(|spec| spec.group == group && is_called_by(spec, frontend));
    std::iter::once(title).chain(list(rows, frontend)).collect()
}

fn is_called_by(spec: &CommandSpec, frontend: Frontend) -> bool {
    frontend == Frontend::Erlang || spec.origin != Origin::Erlang
}

fn forms(name: &str) -> Vec<&'static CommandSpec> {
    let mut forms: Vec<_> = all().filter(|spec| spec.name == name).collect();
    forms.sort_by_key(|spec| spec.parameters.len());
    forms
}

fn list(rows: impl Iterator<Item = &'static CommandSpec>, frontend: Frontend) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .flat_map(|spec| {
            let mark = match (spec.needs_kazoo, spec.deletes_documents()) {
                (true, _) => " Needs Kazoo.",
                (false, true) => " Deletes.",
                (false, false) => "",
            };
            [usage(spec), format!("    {}{mark}", spec.help)]
        })
        .collect();
    lines.push(format!(
        "More about one of them: {} help {}",
        frontend.call(),
        Parameter::Function.example()
    ));
    lines
}

fn about(forms: &[&'static CommandSpec], frontend: Frontend) -> Vec<String> {
    let mut lines = Vec::new();
    for spec in forms {
        lines.extend([usage(spec), format!("    {}", spec.help)]);
    }
    let Some(longest) = forms.last() else {
        return lines;
    };
    lines.push(effect(longest, frontend));
    let mut explained: Vec<Parameter> = Vec::new();
    for parameter in forms.iter().flat_map(|spec| spec.parameters) {
        if !explained.contains(parameter) {
            explained.push(*parameter);
            lines.push(format!("{}: {}", parameter.name(), parameter.description()));
        }
    }
    lines.push(format!("Example: {}", example(longest, frontend)));
    lines
}

/// A function with its parameters: `fix_number ACCOUNT NUMBER`.
pub fn usage(spec: &CommandSpec) -> String {
    words(spec.name, spec, Parameter::name)
}

/// A valid call of a function.
pub fn example(spec: &CommandSpec, frontend: Frontend) -> String {
    let call = format!("{} {}", frontend.call(), spec.name);
    std::iter::once(call.as_str())
        .chain(spec.example_arguments())
        .collect::<Vec<_>>()
        .join(" ")
}

fn words(start: &str, spec: &CommandSpec, word: fn(&Parameter) -> &'static str) -> String {
    spec.parameters
        .iter()
        .fold(start.to_owned(), |line, parameter| {
            line + " " + word(parameter)
        })
}

/// Describes in one or two sentences what a function does to the data.
pub fn effect(spec: &CommandSpec, frontend: Frontend) -> String {
    match (spec.needs_kazoo, frontend) {
        (true, Frontend::Erlang) => return "It needs a running Kazoo.".to_owned(),
        (true, Frontend::CommandLine) => {
            return "It needs a running Kazoo: call it there, with sup. From here it says so, and exits with 1.".to_owned();
        }
        (false, Frontend::CommandLine) if spec.origin == Origin::Erlang => {
            return "It is called in Erlang, with sup, and not from here.".to_owned();
        }
        (false, _) => {}
    }
    let dry_run = frontend.dry_run();
    match spec.effect {
        Effect::Reads => "It changes nothing.".to_owned(),
        Effect::Writes => {
            format!("It writes documents, only those that differ; {dry_run} shows which.")
        }
        Effect::Deletes => format!("It deletes documents, too; {dry_run} shows which."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Result<(), String> {
        check_topic(name).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn help_describes_one_function() {
        assert_eq!(
            help(Some("carrier_module_usage"), Frontend::Erlang),
            [
                "carrier_module_usage",
                "    Counts the numbers of each carrier module, in all number databases.",
                "carrier_module_usage PREFIX",
                "    Counts the numbers of each carrier module, in the number databases of a prefix.",
                "It changes nothing.",
                "PREFIX: the first characters of a number; five or more name one database, fewer every database that starts so",
                "Example: sup kazoo_numbers_maintenance carrier_module_usage +1415",
            ]
        );
        let lines = help(Some("fix_number"), Frontend::CommandLine);
        assert!(lines.contains(&"It deletes documents, too; --dry-run shows which.".to_owned()));
        assert!(
            lines
                .last()
                .is_some_and(|line| line.starts_with("Example: kazoo-numbers fix_number 4b87"))
        );
    }

    #[test]
    fn help_lists_and_describes_every_function() {
        let listed = help(None, Frontend::Erlang);
        for spec in all() {
            assert!(listed.contains(&usage(spec)), "{}", spec.name);
            assert_eq!(asked(spec.name), Ok(()));
            let text = help(Some(spec.name), Frontend::Erlang).join("\n");
            assert!(text.contains(spec.help), "{text}");
            assert_eq!(
                text.contains("deletes documents"),
                spec.deletes_documents(),
                "{text}"
            );
            assert_eq!(text.contains("needs a running Kazoo"), spec.needs_kazoo);
        }
    }

    #[test]
    fn unknown_function_is_answered_with_nearest_names() {
        assert_eq!(asked("fix_numbers/2"), Ok(()));
        assert_eq!(
            asked("fix_numebr"),
            Err("help: there is no function \"fix_numebr\"; the nearest are fix_number, fix_numbers, fix_numbers_apps_in_numbdb".into())
        );
        assert_eq!(
            asked("\u{1b}[2J"),
            Err(r#"help: there is no function "\u{1b}[2J""#.into())
        );
        let endless = "x".repeat(1 << 20);
        assert!(asked(&endless).is_err_and(|line| line.len() < 200));
    }
}
