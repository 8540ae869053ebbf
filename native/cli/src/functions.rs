//! The library's functions as subcommands.

use clap::{Arg, ArgMatches, Command};
use kazoo_numbers::command::{
    Argument, CommandSpec, Frontend, Parameter, commands, effect, example, usage,
};

use crate::completion;
use crate::options::{self, AUDIT};
use crate::tools::WATCH;
use crate::word_file;

/// A function with all its arities. The parameters of the shortest arity are required.
struct Function {
    name: &'static str,
    /// Sorted by arity. Shorter ones are prefixes of the longest.
    forms: Vec<&'static CommandSpec>,
}

impl Function {
    fn parameters(&self) -> &'static [Parameter] {
        self.forms.last().map_or(&[], |spec| spec.parameters)
    }

    /// The number of its arguments on the command line. The last one takes all words that are left.
    fn words(&self) -> usize {
        let parameters = self.parameters();
        let rest = parameters
            .iter()
            .position(|parameter| *parameter == Parameter::OfFunction);
        rest.map_or(parameters.len(), |at| at + 1)
    }

    fn required(&self) -> usize {
        self.forms.first().map_or(0, |spec| *spec.arities().start())
    }
}

fn functions() -> Vec<Function> {
    let mut all: Vec<Function> = Vec::new();
    for spec in specs() {
        match all.iter_mut().find(|function| function.name == spec.name) {
            Some(function) => function.forms.push(spec),
            None => all.push(Function {
                name: spec.name,
                forms: vec![spec],
            }),
        }
    }
    for function in &mut all {
        function.forms.sort_by_key(|spec| spec.parameters.len());
    }
    all
}

/// Kazoo's functions, then the additional ones.
fn specs() -> impl Iterator<Item = &'static CommandSpec> {
    commands()
}

/// The rows of a function. A tool has none, except `watch`, which repeats an audit.
pub(crate) fn forms(name: &str) -> Vec<&'static CommandSpec> {
    let name = if name == WATCH { AUDIT } else { name };
    specs().filter(|spec| spec.name == name).collect()
}

/// One subcommand for each function, in the table's order.
pub(crate) fn subcommands() -> Vec<Command> {
    functions().iter().map(subcommand).collect()
}

fn subcommand(function: &Function) -> Command {
    let positional = function
        .parameters()
        .iter()
        .take(function.words())
        .enumerate()
        .map(|(at, parameter)| positional(at, parameter, at < function.required()));
    let about = function.forms.first().map_or("", |spec| spec.help);
    let command = Command::new(function.name).args(positional);
    options::own(function.name, command)
        .about(about)
        .long_about(long_about(function))
}

fn positional(at: usize, parameter: &Parameter, required: bool) -> Arg {
    let arg = Arg::new(at.to_string())
        .value_name(parameter.name().trim_end_matches('…'))
        .required(required)
        .help(parameter.description());
    let arg = match completion::candidates(*parameter) {
        Some(candidates) => arg.add(candidates),
        None => arg,
    };
    if parameter.is_list() || *parameter == Parameter::OfFunction {
        arg.num_args(1..)
    } else {
        arg
    }
}

fn long_about(function: &Function) -> String {
    let mut text: Vec<String> = match function.forms.as_slice() {
        [only] => vec![only.help.to_owned()],
        forms => forms.iter().map(|spec| about_form(spec)).collect(),
    };
    if let Some(spec) = function.forms.last() {
        text.push(effect(spec, Frontend::CommandLine));
        text.push(format!("Example: {}", example(spec, Frontend::CommandLine)));
    }
    text.join("\n\n")
}

fn about_form(spec: &CommandSpec) -> String {
    if spec.parameters.is_empty() {
        format!("Without arguments: {}", spec.help)
    } else {
        format!("{}: {}", usage(spec), spec.help)
    }
}

/// The arguments of a function for the library. The values of a list parameter are one list.
///
/// # Errors
///
/// A file of words cannot be read.
pub(crate) fn arguments(name: &str, matches: &ArgMatches) -> Result<Vec<Argument>, String> {
    let all = functions();
    let Some(function) = all.iter().find(|function| function.name == name) else {
        return Ok(Vec::new());
    };
    let mut arguments = Vec::new();
    for (at, parameter) in function
        .parameters()
        .iter()
        .take(function.words())
        .enumerate()
    {
        let Some(values) = matches.get_many::<String>(&at.to_string()) else {
            break;
        };
        let values = values.cloned();
        if *parameter == Parameter::OfFunction {
            let planned = match arguments.last() {
                Some(Argument::Text(planned)) => planned.clone(),
                _ => String::new(),
            };
            arguments.extend(as_typed(&all, &planned, values.collect())?);
        } else if parameter.is_list() {
            arguments.push(Argument::List(word_file::expanded(values)?));
        } else {
            arguments.extend(values.map(Argument::Text));
        }
    }
    Ok(arguments)
}

/// Words as the arguments of this function. The values of a list parameter are one list.
fn as_typed(all: &[Function], name: &str, words: Vec<String>) -> Result<Vec<Argument>, String> {
    let function = all.iter().find(|function| function.name == name);
    let parameters = function.map_or(&[][..], Function::parameters);
    let list = parameters.iter().position(Parameter::is_list);
    let mut words = words.into_iter();
    let before = words.by_ref().take(list.unwrap_or(usize::MAX));
    let mut arguments: Vec<Argument> = before.map(Argument::Text).collect();
    let rest: Vec<String> = words.collect();
    if !rest.is_empty() {
        arguments.push(Argument::List(word_file::expanded(rest)?));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &[&str]) -> Vec<Argument> {
        let words = std::iter::once("kazoo-numbers").chain(line.iter().copied());
        let matches = crate::arguments::command()
            .try_get_matches_from(words)
            .unwrap();
        let (name, sub) = matches.subcommand().unwrap();
        arguments(name, sub).unwrap()
    }

    fn list(texts: &[&str]) -> Argument {
        Argument::List(texts.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn command_line_is_valid() {
        crate::arguments::command().debug_assert();
    }

    #[test]
    fn every_function_can_be_called() {
        for spec in specs() {
            let mut line = vec![spec.name];
            line.extend(spec.example_arguments());
            let expected: Vec<Argument> = spec
                .parameters
                .iter()
                .zip(spec.example_arguments())
                .map(|(parameter, example)| match parameter.is_list() {
                    true => list(&[example]),
                    false => Argument::Text(example.to_owned()),
                })
                .collect();
            assert_eq!(given(&line), expected, "{}", spec.name);
        }
    }

    #[test]
    fn shorter_forms_are_prefixes_and_lists_come_last() {
        for function in functions() {
            let longest = function.parameters();
            for spec in &function.forms {
                assert!(longest.starts_with(spec.parameters), "{}", spec.name);
            }
            let lists = longest.iter().rev().skip(1).filter(|p| p.is_list()).count();
            assert_eq!(lists, 0, "{}", function.name);
        }
    }

    #[test]
    fn remaining_words_are_the_list() {
        assert_eq!(
            given(&["fix_numbers", "--dry-run", "account", "+1", "+2", "+3"]),
            [Argument::Text("account".into()), list(&["+1", "+2", "+3"])]
        );
        assert_eq!(given(&["copy_accounts_to_number_dbs"]), []);
    }
}
