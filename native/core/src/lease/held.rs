//! The lock that a run holds: renewed while the run goes on, and given back at its end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span, warn};

use super::claim::OwnEntry;
use super::control::Control;
use super::document::{LockDocument, now};
use super::renewal::{Renewal, Tried};

/// How long giving the lock back may take; after that the lease expires.
const RELEASE: Duration = Duration::from_secs(10);

/// A cancelled run ends within a second; this is part of that second.
const CANCELLED: Duration = Duration::from_millis(900);

/// The lock that a run has. However it ends, its entry is removed.
pub(crate) struct Lease {
    pub(super) document: Arc<LockDocument>,
    pub(super) run: String,
    pub(super) entry: OwnEntry,
    /// Whether the document lists the run among those that wait.
    pub(super) is_waiting: bool,
    renewing: Option<AbortHandle>,
    ended: Arc<Ended>,
}

/// The reason why a run ended early.
#[derive(Default)]
struct Ended {
    /// Why the lock is no longer ours.
    lost: OnceLock<String>,
    /// When the run was cancelled.
    cancelled: OnceLock<Instant>,
}

impl Lease {
    pub(super) fn new(document: Arc<LockDocument>, run: String) -> Self {
        Self {
            document,
            run,
            entry: OwnEntry::default(),
            is_waiting: false,
            renewing: None,
            ended: Arc::default(),
        }
    }

    /// Renews the entry from now on, and obeys the requests that are found then; `cancel` stops the run when it can no longer be
    /// renewed.
    pub(super) fn keep(&mut self, renewal: Renewal, control: Control, cancel: CancellationToken) {
        let document = self.document.clone();
        let run = self.run.clone();
        let ended = self.ended.clone();
        let renewing = async move {
            // Each is set once, by this task alone.
            tokio::select! {
                why = document.renew(&run, renewal, &control) => {
                    warn!("{why}");
                    let _ = ended.lost.set(why);
                    cancel.cancel();
                }
                () = cancel.cancelled() => {
                    let _ = ended.cancelled.set(Instant::now());
                }
            }
        };
        let task = tokio::spawn(renewing.in_current_span());
        self.renewing = Some(task.abort_handle());
    }

    /// Gives up waiting for the lock.
    pub(super) async fn give_up(self, is_cancelled: bool) {
        if is_cancelled {
            let _ = self.ended.cancelled.set(Instant::now());
        }
        self.release().await;
    }

    /// Gives the lock back. When it was lost before, the line that says so.
    pub(crate) async fn release(mut self) -> Option<String> {
        let patience = match self.ended.cancelled.get() {
            Some(at) => CANCELLED.saturating_sub(at.elapsed()),
            None => RELEASE,
        };
        if let Some(releasing) = self.release_in_background() {
            let _ = timeout(patience, releasing).await;
        }
        self.ended.lost.get().cloned()
    }

    /// Begins to give it back. That goes on when nobody waits for it.
    fn release_in_background(&mut self) -> Option<JoinHandle<()>> {
        if let Some(renewing) = self.renewing.take() {
            renewing.abort();
        }
        let is_listed = std::mem::take(&mut self.entry).since().is_some()
            || std::mem::take(&mut self.is_waiting);
        if !is_listed {
            return None;
        }
        let document = self.document.clone();
        let run = self.run.clone();
        let runtime = Handle::try_current().ok()?;
        let leaving = async move {
            // Failing that, the lease runs out.
            let _ = timeout(RELEASE, document.leave(&run)).await;
        };
        Some(runtime.spawn(leaving.in_current_span()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.release_in_background());
    }
}

impl LockDocument {
    /// Renews a run's entry for as long as that can be done; says why it no longer can.
    async fn renew(&self, run: &str, mut renewal: Renewal, control: &Control) -> String {
        loop {
            sleep_until(Instant::from_std(renewal.due())).await;
            let began = now();
            let until = match renewal.begins(began) {
                Ok(until) => Instant::from_std(until),
                Err(stopped) => return stopped.line(),
            };
            let renewing = self.change(false, |holders, now| {
                control.read(holders, now);
                let renewed = holders.renewed(run, now)?;
                Some(control.answer(&renewed))
            });
            let span = debug_span!("renewal");
            let tried = match timeout_at(until, renewing.instrument(span)).await {
                Ok(Ok(true)) => {
                    debug!("lock renewed");
                    Tried::Renewed
                }
                Ok(Ok(false)) => Tried::Removed,
                Ok(Err(error)) => {
                    warn!(%error, "lock not renewed: again");
                    Tried::Failed
                }
                Err(_) => {
                    warn!("lock not renewed, no answer: again");
                    Tried::Failed
                }
            };
            // The entry says so by now, unless the server is away.
            control.end_if_cancelled();
            if let Some(stopped) = renewal.tried(began, tried, now()) {
                return stopped.line();
            }
        }
    }
}
