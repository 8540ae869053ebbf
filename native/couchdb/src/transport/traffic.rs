//! Layer: counters of requests and bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;

use super::{Transport, TransportError, TransportRequest, TransportResponse};

/// Counters of requests and bytes.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent, including retries.
    pub requests: AtomicU64,
    /// Retries.
    pub retries: AtomicU64,
    /// Bytes of request bodies.
    pub sent: AtomicU64,
    /// Bytes of answer bodies.
    pub received: AtomicU64,
}

impl Traffic {
    pub(crate) fn count(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// Counts requests and the bytes of both bodies.
#[derive(Debug)]
pub(crate) struct CountTraffic<T> {
    pub(crate) inner: T,
    pub(crate) traffic: Arc<Traffic>,
}

#[async_trait]
impl<T: Transport> Transport for CountTraffic<T> {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        Traffic::count(&self.traffic.requests, 1);
        if let Some(body) = &request.body {
            Traffic::count(&self.traffic.sent, body.len());
        }
        let mut response = self.inner.send(request).await?;
        let traffic = Arc::clone(&self.traffic);
        let counted = response.body.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                Traffic::count(&traffic.received, chunk.len());
            }
        });
        response.body = counted.boxed();
        Ok(response)
    }
}
