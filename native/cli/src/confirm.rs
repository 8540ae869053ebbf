//! The question before documents are deleted or a plan is applied. Only a terminal is asked: scripts never wait.

use std::io::{self, BufRead, IsTerminal};

use kazoo_numbers_cli::terminal;

/// Whether there is a terminal to ask and to answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether the person at the terminal agrees.
///
/// # Errors
///
/// The terminal cannot be read.
pub(crate) fn agrees(question: &str) -> io::Result<bool> {
    terminal::say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
