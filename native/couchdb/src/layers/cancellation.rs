//! Layer: the end of requests in flight when their run is cancelled.

use std::time::Duration;

use super::Exchange;
use crate::access::Access;
use crate::cancel::Cancel;
use crate::error::Error;
use crate::request::{Request, Response};

/// A write in flight that is abandoned may still finish within this time.
const LAST_WRITE: Duration = Duration::from_millis(700);

/// Ends requests when the run is stopped or cancelled.
pub(crate) struct Cancellation<T> {
    pub(crate) inner: T,
    pub(crate) cancel: Cancel,
}

impl<T: Exchange> Exchange for Cancellation<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let given_up = async {
            match request.access() {
                Access::Read => self.cancel.stop.cancelled().await,
                Access::Write => {
                    self.cancel.abandon.cancelled().await;
                    tokio::time::sleep(LAST_WRITE).await;
                }
            }
        };
        tokio::select! {
            answer = self.inner.exchange(request) => answer,
            () = given_up => Err(request.cancelled()),
        }
    }
}
