//! `kazoo-numbers`: the number maintenance without Erlang, and the program behind Erlang's port.
//!
//! Every function of the library's table is a subcommand of the same name with the same
//! arguments ([`functions`]); it prints what `sup` prints and exits as `sup` exits ([`perform`],
//! [`returned`]). Beside them stand a few tools: a CouchDB to rehearse on ([`sandbox`]), a made-up
//! cluster to put into it ([`seed`]), shell completion, and the port.
//!
//! Only [`output`] writes to the terminal.

mod arguments;
mod connection;
mod functions;
mod interrupt;
mod journal;
mod live;
mod output;
mod perform;
mod returned;
mod sandbox;
mod secrets;
mod seed;
mod tools;

use std::io;
use std::process::ExitCode;

use arguments::Options;
use clap::ArgMatches;
use clap::error::ErrorKind;
use kazoo_numbers::command::Argument;
use tools::Tool;

/// The exit status of a command line that cannot be understood, as `sup` has it.
const USAGE: u8 = 1;

/// The exit status of a tool that could not do its work.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return not_run(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitCode::from(USAGE);
    };
    let options = Options::of(&matches, sub);
    if let Some(text) = help_of_ours(name, sub, &options) {
        return ExitCode::from(output::print(&text).map_or(FAILED, |()| 0));
    }
    if let Some(url) = &options.couchdb {
        connection::hide(url);
    }
    let ended = match Tool::named(name) {
        Some(tool) => tools::run(tool, sub, &options),
        None => perform::function(name, &functions::arguments(name, sub), &options),
    };
    ExitCode::from(ended.unwrap_or_else(|error| {
        output::say(&format!("error: {error}"));
        FAILED
    }))
}

/// The help that the library has none of: of the program, and of its tools.
fn help_of_ours(name: &str, sub: &ArgMatches, options: &Options) -> Option<String> {
    if name != "help" || options.json {
        return None;
    }
    let mut program = arguments::command();
    program.build();
    let told = match functions::arguments(name, sub).as_slice() {
        [Argument::Text(topic)] => {
            Tool::named(topic).and_then(|_| program.find_subcommand_mut(topic))?
        }
        _ => &mut program,
    };
    Some(told.render_long_help().to_string())
}

/// Runs to its end what waits for the network.
fn in_runtime(work: impl Future<Output = io::Result<u8>>) -> io::Result<u8> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Help that was asked for, or what is wrong with the command line.
fn not_run(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let text = error.render().to_string();
    let clean = secrets::without_credentials(&text);
    if asked_for || clean == text {
        // In colours, where there are colours. Nobody there to read it: nobody misses it.
        let _ = error.print();
    } else {
        output::say(clean.trim_end());
    }
    ExitCode::from(if asked_for { 0 } else { USAGE })
}
