//! Layer: the time limit of a single request.

use tokio::time::timeout;

use super::Exchange;
use crate::error::Error;
use crate::kind::Kind;
use crate::request::{Request, Response};

/// Ends requests that have a patience ([`Request::within`]) when it is over.
pub(crate) struct Deadline<T> {
    pub(crate) inner: T,
}

impl<T: Exchange> Exchange for Deadline<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let answer = self.inner.exchange(request);
        match request.patience() {
            None => answer.await,
            Some(patience) => timeout(patience, answer)
                .await
                .unwrap_or_else(|_| Err(request.error(Kind::Timeout, "no answer in time"))),
        }
    }
}
