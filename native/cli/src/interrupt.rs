//! Ctrl-C: the first one stops cleanly, the second one immediately.

use std::sync::{Arc, OnceLock};

use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::signals::Signals;
use tokio_util::sync::CancellationToken;

use crate::live::Live;

/// The exit status of an interrupted run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupted(Arc<OnceLock<ExitStatus>>);

impl Interrupted {
    /// The exit status, if the run was interrupted.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.0.get().copied()
    }
}

/// Handles signals during a run: the first one cancels the run, the second one ends the program.
pub(crate) fn watch(
    mut signals: Signals,
    cancel: CancellationToken,
    live: Arc<Live>,
) -> Interrupted {
    let interrupted = Interrupted::default();
    let flag = interrupted.clone();
    tokio::spawn(async move {
        let status = signals.next().await;
        // Only this task sets it.
        let _ = flag.0.set(status);
        cancel.cancel();
        live.say("stopping: finishing writes in progress; press Ctrl-C again to stop immediately");
        let status = signals.next().await;
        live.end();
        std::process::exit(i32::from(status.code()));
    });
    interrupted
}
