//! The boundary to HTTP. A request goes in; a status, headers and a stream of the body come out.
//!
//! [`NetworkTransport`] sends requests over sockets. Tests replace it with a server in the same
//! process. A layer is a transport that holds another one and does one job around it.

mod authentication;
mod network;
mod time_limits;
mod traffic;
mod transport_error;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

pub(super) use authentication::Authentication;
pub use network::NetworkTransport;
pub(super) use time_limits::TimeLimits;
pub(super) use traffic::CountTraffic;
pub use traffic::Traffic;
pub use transport_error::TransportError;

/// An HTTP request to one server.
#[derive(Clone, Debug)]
pub struct TransportRequest {
    /// The method.
    pub method: Method,
    /// The path below the server's URL: percent-encoded, empty or with a leading `/`.
    pub path: String,
    /// The query: percent-encoded, without `?`. Empty for a request without a query.
    pub query: String,
    /// The headers that the layers set. A transport adds those of its protocol.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
}

impl TransportRequest {
    /// The path and the query, as in a request line.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

/// The chunks of a body in order. It ends after the first error.
pub type BodyStream = BoxStream<'static, Result<Bytes, TransportError>>;

/// The head of an answer, and its body while it arrives.
pub struct TransportResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The announced length of the body in bytes.
    pub length: Option<u64>,
    /// The body.
    pub body: BodyStream,
}

impl fmt::Debug for TransportResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Sends HTTP requests to one server.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request once. Returns when the head of the answer has arrived.
    ///
    /// # Errors
    /// No complete head arrived. Whether the server acted is unknown.
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        (**self).send(request).await
    }
}
