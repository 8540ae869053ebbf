//! `kazoo-numbers`: the number maintenance without Erlang, and the port program for Erlang.
//!
//! Every function of the library is a subcommand with the same name and arguments ([`functions`]).
//! It prints like `sup` ([`perform`], [`returned`]). There are three additional tools:
//! shell completion, the manual pages and the port.
//!
//! Only [`terminal`] writes to the terminal.

mod arguments;
mod colour;
mod completion;
mod confirm;
mod connection;
mod failure_table;
mod first_page;
mod functions;
mod interrupt;
mod journal;
mod live;
mod logging;
mod man;
mod options;
mod output;
mod pace;
mod perform;
mod returned;
mod tools;
mod watch;
mod word_file;

use std::env;
use std::io;
use std::process::ExitCode;

use arguments::PROGRAM;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Subcommand as _};
use kazoo_numbers::command::{
    Argument, Frontend, Group, Parameter, help_of_group, unknown_function,
};
use kazoo_numbers::report::sanitise;
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::{address, program, terminal};
use options::Options;
use output::Form;
use tools::Tool;

fn main() -> ExitCode {
    completion::answer_shell();
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage_error(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitStatus::Usage.into();
    };
    let options = match Options::of(name, sub) {
        Ok(options) => options,
        Err(error) => return usage_error(&error),
    };
    if let Some(line) = options::unsupported(name, &functions::forms(name), sub) {
        return refuse(&line, None);
    }
    if let Some(text) = program_help(name, sub, &options) {
        return program::exit_code(terminal::print(&text).map(|()| ExitStatus::Done));
    }
    if let Some(url) = &options.address.couchdb {
        address::hide(url);
    }
    let ended = if Tool::has_subcommand(name) {
        match Tool::of(&matches) {
            Ok(tool) => run_tool(tool, options),
            Err(error) => return usage_error(&error),
        }
    } else {
        match logging::start(options.verbose) {
            Ok(()) => match function_arguments(name, sub, &options) {
                Ok(arguments) => perform::function(name, &arguments, &options),
                Err(line) => return refuse(&line, None),
            },
            Err(line) => return refuse(&line, None),
        }
    };
    program::exit_code(ended)
}

/// Reports an error of the command line. For an unknown function the most similar name comes first,
/// which clap names last.
fn usage_error(error: &clap::Error) -> ExitCode {
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
    {
        let line = sanitise::message(&unknown_function(name, &Tool::NAMES));
        let hint = format!("{PROGRAM} --help lists the groups of functions");
        return refuse(&format!("error: {line}"), Some(&hint));
    }
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_help || !wants_json() {
        return program::print_usage_error(error);
    }
    let text = program::usage_error(error);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines
        .next()
        .unwrap_or("error: the command line is not complete");
    let rest = lines.collect::<Vec<_>>().join("; ");
    refuse(line, Some(rest.as_str()).filter(|rest| !rest.is_empty()))
}

/// Refuses the command line.
fn refuse(line: &str, hint: Option<&str>) -> ExitCode {
    let form = if wants_json() {
        Form::Json
    } else {
        Form::Lines
    };
    program::exit_code(perform::refused(form, line, hint, None))
}

/// Whether the command line asks for JSON, whatever else is wrong with it.
fn wants_json() -> bool {
    let words = env::args_os().skip(1).take_while(|word| word != "--");
    words.into_iter().any(|word| word == "--json")
}

/// The arguments of a function. The options `--trend` and `--skip-stale` are the arguments of these names.
fn function_arguments(
    name: &str,
    sub: &ArgMatches,
    options: &Options,
) -> Result<Vec<Argument>, String> {
    if options.audit.trend {
        return Ok(vec![Argument::Text("trend".to_owned())]);
    }
    let mut arguments = functions::arguments(name, sub)?;
    let word = Argument::Text(Parameter::SkipStale.name().to_owned());
    if options.skip_stale && !arguments.contains(&word) {
        arguments.push(word);
    }
    Ok(arguments)
}

fn run_tool(tool: Tool, options: Options) -> io::Result<ExitStatus> {
    match tool {
        Tool::Completion { shell } => completion::print(shell)?,
        Tool::Man { directory } => man::print(directory.as_deref())?,
        Tool::Port => {
            kazoo_numbers_wire::panics::print_one_line();
            kazoo_numbers_wire::port::serve(io::stdin(), io::stdout())?;
        }
        Tool::Watch(watch) => return program::in_runtime(watch::watch(watch, options)),
    }
    Ok(ExitStatus::Done)
}

/// Help that the library does not have: for the program and its tools.
fn program_help(name: &str, sub: &ArgMatches, options: &Options) -> Option<String> {
    if name != "help" || options.output.json {
        return None;
    }
    let mut all = arguments::command();
    all.build();
    let topic = match functions::arguments(name, sub).ok()?.as_slice() {
        [Argument::Text(topic)] if Tool::has_subcommand(topic) => all.find_subcommand_mut(topic)?,
        [Argument::Text(topic)] if topic == Group::Setup.name() => {
            let mut lines = help_of_group(Group::Setup, Frontend::CommandLine);
            // Before the line about a single function.
            let last = lines.pop();
            for tool in Tool::NAMES {
                let about = all.find_subcommand(tool)?.get_about()?.to_string();
                lines.extend([tool.to_owned(), format!("    {about}.")]);
            }
            lines.extend(last);
            return Some(lines.join("\n") + "\n");
        }
        [_, ..] => return None,
        _ => &mut all,
    };
    Some(topic.render_long_help().to_string())
}
