//! Ctrl-C: once stops cleanly, twice at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use kazoo_numbers_cli::signals::Signals;
use tokio_util::sync::CancellationToken;

use crate::live::Live;

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
