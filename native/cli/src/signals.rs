//! The signals that end a program of ours.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A shell reports this, plus the signal's number, for a program that a signal ended.
const SIGNALLED: u8 = 128;

/// The signals that end this program: Ctrl-C and `kill`. Not the hang-up, which `nohup` has
/// ignored and a handler would bring back.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them from now on.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next, and returns the exit status that it asks for.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGNALLED + 2,
            _ = self.terminate.recv() => SIGNALLED + 15,
        }
    }
}
