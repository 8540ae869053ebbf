//! The subcommands that are not functions of the library.

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _, Subcommand};
use clap_complete::Shell;

use crate::options;

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
    options::all()
        .filter(|option| !HARMLESS.contains(&option.get_id().as_str()))
        .find(|option| {
            matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        })
        .and_then(|option| option.get_long().map(|name| format!("--{name}")))
}

impl Tool {
    /// The tool that the command line names.
    ///
    /// # Errors
    ///
    /// An option of functions is given, which no tool supports. The error is one line.
    pub(crate) fn of(
        matches: &ArgMatches,
        name: &str,
        of_tool: &ArgMatches,
    ) -> Result<Self, String> {
        if let Some(option) = unsupported_option(of_tool) {
            return Err(format!("error: {option} cannot be used with {name}"));
        }
        Self::from_arg_matches(matches).map_err(|error| error.to_string())
    }
}
