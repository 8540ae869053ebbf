//! `kazoo-numbers`: the number maintenance without Erlang, and the program behind Erlang's port.
//!
//! Every function of the library's table is a subcommand of the same name with the same
//! arguments ([`functions`]); it prints what `sup` prints and exits as `sup` exits ([`perform`],
//! [`returned`]). Two tools come with them: shell completion, and the port.
//!
//! Only [`terminal`] writes to the terminal.

mod arguments;
mod connection;
mod functions;
mod interrupt;
mod journal;
mod live;
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
        Err(error) => return program::not_run(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitCode::from(program::USAGE);
    };
    let options = Options::of(&matches, sub);
    if let Some(text) = help_of_ours(name, sub, &options) {
        return program::ended(terminal::print(&text).map(|()| 0));
    }
    if let Some(url) = &options.couchdb {
        address::hide(url);
    }
    let ended = match Tool::named(name) {
        Some(tool) => tools::run(tool, sub, &options),
        None => perform::function(name, &functions::arguments(name, sub), &options),
    };
    program::ended(ended)
}

/// The help that the library has none of: of the program, and of its tools.
fn help_of_ours(name: &str, sub: &ArgMatches, options: &Options) -> Option<String> {
    if name != "help" || options.json {
        return None;
    }
    let mut all = arguments::command();
    all.build();
    let told = match functions::arguments(name, sub).as_slice() {
        [Argument::Text(topic)] => {
            Tool::named(topic).and_then(|_| all.find_subcommand_mut(topic))?
        }
        _ => &mut all,
    };
    Some(told.render_long_help().to_string())
}
