//! The lock that a run holds: renewed while the run goes on, and given back at its end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span, warn};

use super::document::LockDocument;

/// How long giving the lock back may take; after that the lease expires.
const RELEASE: Duration = Duration::from_secs(10);

/// A lease is renewed so many times as often as it expires. An outage of a minute must not end a run
/// (docs/specification.md#outages), so the lease is longer than that, and fresh when one begins.
const RENEWALS: u32 = 9;

/// The part of a lease after which a renewal that failed is tried again.
const RETRIES: u32 = 30;

/// The part of a lease that one try to renew it may take.
const TRY: u32 = 6;

/// The part of a lease before whose end a run stops that could not renew it: its last requests are over when another run may
/// take the lock.
const MARGIN: u32 = 18;

/// A cancelled run ends within a second; this is part of that second.
const CANCELLED: Duration = Duration::from_millis(900);

/// The lock that a run has. However it ends, its entry is removed.
pub(crate) struct Lease {
    pub(super) document: Arc<LockDocument>,
    pub(super) run: String,
    pub(super) is_written: bool,
    /// When it was last begun to be written.
    pub(super) written: Instant,
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
            is_written: false,
            written: Instant::now(),
            renewing: None,
            ended: Arc::default(),
        }
    }

    /// Renews the entry from now on; `cancel` stops the run when that is no longer possible.
    pub(super) fn keep(&mut self, lease: Duration, cancel: CancellationToken) {
        let document = self.document.clone();
        let run = self.run.clone();
        let ended = self.ended.clone();
        let written = self.written;
        let renewing = async move {
            // Each is set once, by this task alone.
            tokio::select! {
                why = document.renew(&run, written, lease) => {
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
        if !std::mem::take(&mut self.is_written) {
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
    /// Renews a run's entry, which was `written` then, for as long as that can be done; says why it no longer can. A run that
    /// waits may remove the entry when it was seen unchanged for a lease, which is after `written` and a lease.
    async fn renew(&self, run: &str, mut written: Instant, lease: Duration) -> String {
        loop {
            let renewed = async {
                sleep(lease / RENEWALS).await;
                loop {
                    let began = Instant::now();
                    let renewing = self.change(false, |holders, now| holders.renewed(run, now));
                    let span = debug_span!("renewal");
                    match timeout(lease / TRY, renewing.instrument(span)).await {
                        Ok(Ok(true)) => {
                            debug!("lock renewed");
                            break Some(began);
                        }
                        Ok(Ok(false)) => break None,
                        Ok(Err(error)) => warn!(%error, "lock not renewed: again"),
                        Err(_) => warn!("lock not renewed, no answer: again"),
                    }
                    sleep(lease / RETRIES).await;
                }
            };
            let patience = lease - lease / MARGIN;
            match timeout_at(written + patience, renewed).await {
                Ok(Some(began)) => written = began,
                Ok(None) => {
                    return "stopped: could not renew the lock, another run removed it".to_owned();
                }
                // Soon others may take it, and this run cannot see it.
                Err(_) => {
                    return format!(
                        "stopped: could not renew the lock for {} s",
                        patience.as_secs().max(1)
                    );
                }
            }
        }
    }
}
