//! Layer: the end of requests in flight when their run is cancelled.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Access, Exchange};
use crate::error::Error;
use crate::request::{Request, Response};

/// After a cancellation, a write in flight may still finish within this time.
const LAST_WRITE: Duration = Duration::from_millis(700);

/// Ends requests when the run is cancelled.
pub(crate) struct Cancellation<T> {
    pub(crate) inner: T,
    pub(crate) cancel: CancellationToken,
}

impl<T: Exchange> Exchange for Cancellation<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let given_up = async {
            self.cancel.cancelled().await;
            if request.access() == Access::Write {
                tokio::time::sleep(LAST_WRITE).await;
            }
        };
        tokio::select! {
            answer = self.inner.exchange(request) => answer,
            () = given_up => Err(request.cancelled()),
        }
    }
}
