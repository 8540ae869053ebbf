//! Layer: a permit for each request.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Exchange, Limiter};
use crate::error::Error;
use crate::milliseconds::milliseconds;
use crate::request::{Request, Response};

/// Sends a request when the limiter permits it, and reports the outcome to the limiter.
pub(crate) struct Limit<T> {
    pub(crate) inner: T,
    pub(crate) limiter: Arc<Limiter>,
    /// Ends the wait for a permit.
    pub(crate) cancel: CancellationToken,
}

impl<T: Exchange> Exchange for Limit<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        if self.cancel.is_cancelled() {
            return Err(request.cancelled());
        }
        let began = Instant::now();
        let permit = tokio::select! {
            permit = self.limiter.acquire(request.access()) => permit,
            () = self.cancel.cancelled() => return Err(request.cancelled()),
        };
        let waited = milliseconds(began.elapsed());
        if waited > 0 {
            debug!(
                milliseconds = waited,
                limit = self.limiter.limit(),
                "waited for a permit"
            );
        }
        let answer = self.inner.exchange(request).await;
        match &answer {
            Ok(_) => permit.succeeded(),
            Err(error) if error.is_temporary() => permit.overloaded(),
            Err(_) => {}
        }
        answer
    }
}
