//! `kazoo-numbers`: the number maintenance without Erlang, and the port program for Erlang.
//!
//! Every function of the library is a subcommand with the same name and arguments ([`functions`]).
//! It prints and exits like `sup` ([`perform`], [`returned`]). There are two additional tools:
//! shell completion and the port.
//!
//! Only [`terminal`] writes to the terminal.

mod arguments;
mod completion;
mod connection;
mod functions;
mod interrupt;
mod journal;
mod live;
mod logging;
mod options;
mod output;
mod perform;
mod returned;
mod tools;

use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, Subcommand as _};
use kazoo_numbers::command::Argument;
use kazoo_numbers_cli::{address, program, terminal};
use options::Options;
use tools::Tool;

fn main() -> ExitCode {
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return program::print_usage_error(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitCode::from(program::USAGE);
    };
    let options = match Options::of(name, sub) {
        Ok(options) => options,
        Err(error) => return program::print_usage_error(&error),
    };
    if let Some(text) = program_help(name, sub, &options) {
        return program::exit_code(terminal::print(&text).map(|()| 0));
    }
    if let Some(url) = &options.address.couchdb {
        address::hide(url);
    }
    let ended = if Tool::has_subcommand(name) {
        Tool::of(&matches, name, sub).map(run_tool)
    } else {
        logging::start(options.verbose)
            .map(|()| perform::function(name, &function_arguments(name, sub, &options), &options))
    };
    let ended = ended.unwrap_or_else(|line| {
        terminal::say(&line);
        Ok(program::USAGE)
    });
    program::exit_code(ended)
}

/// The arguments of a function. The option `--trend` is the argument of that name.
fn function_arguments(name: &str, sub: &ArgMatches, options: &Options) -> Vec<Argument> {
    if options.audit.trend {
        return vec![Argument::Text("trend".to_owned())];
    }
    functions::arguments(name, sub)
}

fn run_tool(tool: Tool) -> io::Result<u8> {
    match tool {
        Tool::Completion { shell } => completion::print(shell)?,
        Tool::Port => {
            kazoo_numbers_wire::panics::print_one_line();
            kazoo_numbers_wire::port::serve(io::stdin(), io::stdout())?;
        }
    }
    Ok(0)
}

/// Help that the library does not have: for the program and its tools.
fn program_help(name: &str, sub: &ArgMatches, options: &Options) -> Option<String> {
    if name != "help" || options.output.json {
        return None;
    }
    let mut all = arguments::command();
    all.build();
    let topic = match functions::arguments(name, sub).as_slice() {
        [Argument::Text(topic)] if Tool::has_subcommand(topic) => all.find_subcommand_mut(topic)?,
        [_, ..] => return None,
        _ => &mut all,
    };
    Some(topic.render_long_help().to_string())
}
