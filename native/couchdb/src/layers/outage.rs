//! Layer: an answer ends the server's outage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Exchange;
use crate::error::Error;
use crate::request::{Request, Response};

/// The outage of a server, if there is one. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outage(Arc<Mutex<Option<OutageState>>>);

#[derive(Clone, Copy, Debug)]
struct OutageState {
    at: Instant,
    announced: bool,
}

impl Outage {
    /// Ends the outage: the server answered.
    fn end(&self) {
        *self.state() = None;
    }

    /// Records a failed attempt. Returns the start of the outage, and whether to announce it now.
    pub(crate) fn record_failure(&self, announce_after: Duration) -> (Instant, bool) {
        let mut state = self.state();
        let now = Instant::now();
        let since = state.get_or_insert(OutageState {
            at: now,
            announced: false,
        });
        let announce = !since.announced && now - since.at >= announce_after;
        since.announced |= announce;
        (since.at, announce)
    }

    fn state(&self) -> MutexGuard<'_, Option<OutageState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the outage when the server answers. Retries begin it.
pub(crate) struct EndOutage<T> {
    pub(crate) inner: T,
    pub(crate) outage: Outage,
}

impl<T: Exchange> Exchange for EndOutage<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let answer = self.inner.exchange(request).await;
        if answer.is_ok() {
            self.outage.end();
        }
        answer
    }
}
