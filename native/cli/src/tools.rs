//! The subcommands that are not functions of the library.

use std::io;

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _, Subcommand};
use clap_complete::Shell;
use kazoo_numbers_cli::program::USAGE;
use kazoo_numbers_cli::terminal;

use crate::arguments;

/// The options that do not change what a tool does.
const HARMLESS: [&str; 3] = ["couchdb", "json", "ca_file"];

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Tool {
    /// Tool: prints a shell completion script
    #[command(
        long_about = "Prints a shell completion script for this command line. For bash:\n\n  \
                      kazoo-numbers completion bash > /etc/bash_completion.d/kazoo-numbers"
    )]
    Completion {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Tool: serves one call of the Erlang application on standard input and output
    Port,
}

/// An option of functions. `port --dry-run` must not run without the dry run.
fn unsupported_option(matches: &ArgMatches) -> Option<String> {
    arguments::options()
        .filter(|option| !HARMLESS.contains(&option.get_id().as_str()))
        .find(|option| {
            matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        })
        .and_then(|option| option.get_long().map(|name| format!("--{name}")))
}

/// Runs the tool that the command line names and returns the exit status.
pub(crate) fn run(matches: &ArgMatches, name: &str, of_tool: &ArgMatches) -> io::Result<u8> {
    if let Some(option) = unsupported_option(of_tool) {
        terminal::say(&format!("error: {option} cannot be used with {name}"));
        return Ok(USAGE);
    }
    match Tool::from_arg_matches(matches).map_err(io::Error::other)? {
        Tool::Completion { shell } => completion(shell),
        Tool::Port => {
            kazoo_numbers_wire::panics::print_one_line();
            kazoo_numbers_wire::port::serve(io::stdin(), io::stdout())?;
            Ok(0)
        }
    }
}

fn completion(shell: Shell) -> io::Result<u8> {
    let mut script = Vec::new();
    let mut command = arguments::command_for_completion();
    clap_complete::generate(shell, &mut command, "kazoo-numbers", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
