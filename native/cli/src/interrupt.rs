//! Ctrl-C: once stops cleanly, twice at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::live::Live;

/// What a shell reports for a program that a signal ended, above the signal's number.
const SIGNALLED: u8 = 128;

/// The signals that end this program: Ctrl-C and `kill`. Not the hang-up, which `nohup` has
/// ignored and a handler would bring back.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them from now on.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next, and returns the exit status that it asks for.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGNALLED + 2,
            _ = self.terminate.recv() => SIGNALLED + 15,
        }
    }
}

/// Whether a run was interrupted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupted(Arc<AtomicU8>);

impl Interrupted {
    /// The exit status of a run that was interrupted.
    pub(crate) fn status(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            status => Some(status),
        }
    }
}

/// Watches over a run: the first signal cancels it, the second ends the program.
pub(crate) fn watch(
    mut signals: Signals,
    cancel: CancellationToken,
    live: Arc<Live>,
) -> Interrupted {
    let interrupted = Interrupted::default();
    let noted = interrupted.clone();
    tokio::spawn(async move {
        let status = signals.next().await;
        noted.0.store(status, Ordering::Relaxed);
        cancel.cancel();
        live.say("stopping: what is under way is finished first; once more stops at once");
        let status = signals.next().await;
        live.end();
        std::process::exit(i32::from(status));
    });
    interrupted
}
