//! The signals that end a program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit_status::ExitStatus;

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
    pub async fn next(&mut self) -> ExitStatus {
        tokio::select! {
            _ = self.interrupt.recv() => ExitStatus::Interrupted,
            _ = self.terminate.recv() => ExitStatus::Terminated,
        }
    }
}
