//! `kazoo-numbers`: the number maintenance without Erlang, and the port program for Erlang.
//!
//! Every function of the library is a subcommand with the same name and arguments ([`functions`]).
//! It prints and exits like `sup` ([`perform`], [`returned`]). There are two additional tools:
//! shell completion and the port.
//!
//! Only [`terminal`] writes to the terminal.

mod arguments;
mod connection;
mod functions;
mod interrupt;
mod journal;
mod live;
mod logging;
mod output;
mod perform;
mod returned;
mod tools;

use std::process::ExitCode;

use arguments::Options;
use clap::ArgMatches;
use kazoo_numbers::command::Argument;
use kazoo_numbers_cli::{address, program, terminal};
use tools::Tool;

fn main() -> ExitCode {
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return program::print_usage_error(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitCode::from(program::USAGE);
    };
    let options = Options::of(&matches, sub);
    if let Some(text) = program_help(name, sub, &options) {
        return program::exit_code(terminal::print(&text).map(|()| 0));
    }
    if let Some(url) = &options.couchdb {
        address::hide(url);
    }
    let ended = match Tool::from_name(name) {
        Some(tool) => tools::run(tool, sub, &options),
        None => {
            if let Err(line) = logging::start(options.verbosity) {
                terminal::say(&line);
                return ExitCode::from(program::USAGE);
            }
            perform::function(name, &functions::arguments(name, sub), &options)
        }
    };
    program::exit_code(ended)
}

/// Help that the library does not have: for the program and its tools.
fn program_help(name: &str, sub: &ArgMatches, options: &Options) -> Option<String> {
    if name != "help" || options.json {
        return None;
    }
    let mut all = arguments::command();
    all.build();
    let topic = match functions::arguments(name, sub).as_slice() {
        [Argument::Text(topic)] => {
            Tool::from_name(topic).and_then(|_| all.find_subcommand_mut(topic))?
        }
        _ => &mut all,
    };
    Some(topic.render_long_help().to_string())
}
