//! The subcommands that are not functions of the library.

use std::io;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use kazoo_numbers_cli::program::USAGE;
use kazoo_numbers_cli::terminal;

use crate::arguments::{self, Options};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Completion,
    Port,
}

impl Tool {
    const ALL: [Self; 2] = [Self::Completion, Self::Port];

    fn name(self) -> &'static str {
        match self {
            Self::Completion => "completion",
            Self::Port => "port",
        }
    }

    /// The tool with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// An option of functions that was given before a tool's name. `--dry-run port` must not run
    /// without the dry run.
    fn unsupported_option(options: &Options) -> Option<&'static str> {
        [
            (options.dry_run, "--dry-run"),
            (options.parallel.is_some(), "--parallel"),
            (
                options.requests_per_second.is_some(),
                "--requests-per-second",
            ),
            (options.journal.is_some(), "--journal"),
            (options.no_journal, "--no-journal"),
            (options.journal_keep_days.is_some(), "--journal-keep-days"),
            (options.report.is_some(), "--report"),
            (options.metrics.is_some(), "--metrics"),
            (options.wait, "--wait"),
            (options.no_lock, "--no-lock"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

/// One subcommand for each tool.
pub(crate) fn subcommands() -> Vec<Command> {
    Tool::ALL
        .into_iter()
        .map(|tool| match tool {
            Tool::Completion => Command::new(tool.name())
                .about("Tool: prints a shell completion script")
                .long_about(
                    "Prints a shell completion script for this command line. For bash:\n\n  \
                     kazoo-numbers completion bash > /etc/bash_completion.d/kazoo-numbers",
                )
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(value_parser!(Shell)),
                ),
            Tool::Port => Command::new(tool.name()).about(
                "Tool: serves one call of the Erlang application on standard input and output",
            ),
        })
        .collect()
}

/// Runs a tool and returns the exit status.
pub(crate) fn run(tool: Tool, matches: &ArgMatches, options: &Options) -> io::Result<u8> {
    if let Some(option) = Tool::unsupported_option(options) {
        terminal::say(&format!(
            "error: {option} cannot be used with {}",
            tool.name()
        ));
        return Ok(USAGE);
    }
    match tool {
        Tool::Completion => completion(matches),
        Tool::Port => {
            kazoo_numbers_wire::panics::print_one_line();
            kazoo_numbers_wire::port::serve(io::stdin(), io::stdout())?;
            Ok(0)
        }
    }
}

fn completion(matches: &ArgMatches) -> io::Result<u8> {
    let Some(&shell) = matches.get_one::<Shell>("shell") else {
        return Ok(USAGE);
    };
    let mut script = Vec::new();
    let mut command = arguments::command();
    clap_complete::generate(shell, &mut command, "kazoo-numbers", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
