//! The tool that prints shell completion scripts.

use std::io;

use clap::Command;
use clap_complete::Shell;
use kazoo_numbers_cli::terminal;

use crate::arguments::{is_tool, without_options_of_tools};
use crate::options;

/// Prints the completion script for this shell.
pub(crate) fn print(shell: Shell) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "kazoo-numbers", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))
}

/// The command line for the generators, which do not support hidden options.
fn command() -> Command {
    let local = || options::all().map(|option| option.global(false));
    without_options_of_tools()
        .mut_args(|option| option.global(false))
        .mut_subcommands(|sub| {
            if is_tool(&sub) {
                sub
            } else {
                sub.args(local())
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_offers_no_options_for_tools() {
        let mut command = super::command();
        command.build();
        for sub in command.get_subcommands() {
            let has_options = sub.get_arguments().any(|arg| arg.get_id() == "dry_run");
            assert_ne!(has_options, is_tool(sub), "{}", sub.get_name());
        }
    }
}
