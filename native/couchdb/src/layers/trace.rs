//! Layer: a `tracing` span for each request.
//!
//! The span and its events have no query, no body and no headers: keys and documents are data of
//! customers, and headers have credentials. The URL is shown without credentials.

use tokio::time::Instant;
use tracing::{Instrument, Span, debug, debug_span, field};

use super::Exchange;
use crate::error::Error;
use crate::milliseconds::milliseconds;
use crate::request::{Request, Response};
use crate::url::ServerUrl;

/// Records each request: where it goes, its status, its sizes and its duration.
pub(crate) struct Trace<T> {
    pub(crate) inner: T,
    pub(crate) url: ServerUrl,
}

impl<T: Exchange> Trace<T> {
    fn span(&self, request: &Request<'_>) -> Span {
        debug_span!(
            "request",
            server = %self.url,
            method = %request.method(),
            path = %request.endpoint(),
            attempt = request.attempt_number(),
            sent = request.body_bytes().map_or(0, |body| body.len()),
            status = field::Empty,
            received = field::Empty,
            milliseconds = field::Empty,
        )
    }
}

impl<T: Exchange> Exchange for Trace<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let span = self.span(request);
        if span.is_disabled() {
            return self.inner.exchange(request).await;
        }
        let began = Instant::now();
        let answer = self.inner.exchange(request).instrument(span.clone()).await;
        span.record("milliseconds", milliseconds(began.elapsed()));
        let _entered = span.enter();
        match &answer {
            Ok(response) => {
                span.record("status", response.status.as_u16());
                span.record("received", response.body.len());
                debug!("answered");
            }
            Err(error) => debug!(
                kind = error.kind().name(),
                reason = error.detail(),
                "failed"
            ),
        }
        answer
    }
}
