//! The subcommands that are not functions of the library.

use std::path::PathBuf;

use clap::{ArgMatches, FromArgMatches as _, Subcommand};
use clap_complete::Shell;

use crate::watch::WatchOptions;

/// The tool that has the options of an audit.
pub(crate) const WATCH: &str = "watch";

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Tool {
    /// Tool: prints a shell completion script
    #[command(
        long_about = "Prints a shell completion script for this command line. For bash:\n\n  \
                            kazoo-numbers completion bash > /etc/bash_completion.d/kazoo-numbers\n\n\
                            The script calls this program, which knows the ids of runs, features and \
                            carrier modules."
    )]
    Completion {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Tool: prints the manual page, or writes all manual pages
    Man {
        /// Write a page for the program and one for each function to this directory
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Tool: serves one call of the Erlang application on standard input and output
    Port,
    /// Tool: watches the whole cluster, and reports drift as it arises and as it goes
    #[command(
        long_about = "Audits the whole cluster again and again, and reports the drift that arises and that goes. \
                            It reads only what changed, holds no lock, and changes nothing unless --repair is given.\n\n\
                            Drift is reported once, after a grace time: Kazoo never writes both documents of a \
                            number at the same moment. Drift that is there at the start is only counted."
    )]
    Watch(WatchOptions),
}

impl Tool {
    /// The names of the tools.
    pub(crate) const NAMES: [&str; 4] = ["completion", "man", "port", WATCH];

    /// The tool that the command line names.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches(matches)
    }
}
