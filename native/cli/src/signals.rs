//! The signals that end a program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status for a signal is this plus the signal's number, as in a shell.
const SIGNALLED: u8 = 128;

/// Ctrl-C and `kill`. SIGHUP is not handled, because `nohup` ignores it and a handler would
/// override that.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Installs the handlers.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal and returns its exit status.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGNALLED + 2,
            _ = self.terminate.recv() => SIGNALLED + 15,
        }
    }
}
