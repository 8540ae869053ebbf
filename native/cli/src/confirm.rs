//! The question before documents are deleted or a plan is applied. Only a terminal is asked: scripts never wait.

use std::io::{self, IsTerminal};
use std::thread;

use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal;
use tokio::runtime;
use tokio::sync::oneshot;

/// The end of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    Refused,
    /// Ctrl-C, or `kill`.
    Interrupted(ExitStatus),
}

/// Whether there is a terminal to ask and to answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the person at the terminal.
///
/// # Errors
///
/// The terminal cannot be read.
pub(crate) fn ask(question: &str) -> io::Result<Consent> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Showing a plan has replaced the handlers of the system, which would end the program.
        let mut signals = Signals::take()?;
        let (answer, answered) = oneshot::channel();
        terminal::say(&format!("{question} [y/N]"));
        // Not a task of the runtime, which would wait for it when a signal comes.
        thread::spawn(move || {
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            let _ = answer.send(read.map(|_| line));
        });
        tokio::select! {
            answer = answered => match answer.map_err(io::Error::other)??.trim() {
                "y" | "Y" | "yes" => Ok(Consent::Given),
                _ => Ok(Consent::Refused),
            },
            status = signals.next() => Ok(Consent::Interrupted(status)),
        }
    })
}
