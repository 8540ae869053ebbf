//! The client of the server behind the faults.

use std::sync::Arc;

use bytes::Bytes;
use couchdb::{
    HeaderMap, HttpSettings, NetworkTransport, ServerUrl, Transport, TransportError,
    TransportRequest,
};
use futures::TryStreamExt;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::request::ParsedRequest;

/// Errors of the proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The URL is invalid or not plain HTTP.
    #[error("not the URL of a CouchDB on plain HTTP")]
    Url,
    /// There is no port to listen on.
    #[error("no port to listen on: {0}")]
    Listen(#[from] std::io::Error),
    /// The server did not answer.
    #[error("the server did not answer: {0}")]
    Upstream(#[from] TransportError),
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct UpstreamAnswer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Bytes,
}

/// A client of the server without faults.
#[derive(Clone, Debug)]
pub struct Upstream {
    transport: Arc<dyn Transport>,
    authorization: Option<HeaderValue>,
}

impl Upstream {
    /// Creates a client that connects. The URL is plain HTTP and may hold user and password.
    ///
    /// # Errors
    /// The URL is not of that form.
    pub fn new(url: &str) -> Result<Self, ProxyError> {
        let server = ServerUrl::parse(url).map_err(|_| ProxyError::Url)?;
        let transport = NetworkTransport::new(&server, &HttpSettings::default());
        Self::over(url, Arc::new(transport.map_err(|_| ProxyError::Url)?))
    }

    /// Creates a client that sends its requests through this transport, with the credentials of the
    /// URL.
    ///
    /// # Errors
    /// The URL is not plain HTTP.
    pub fn over(url: &str, transport: Arc<dyn Transport>) -> Result<Self, ProxyError> {
        let url = ServerUrl::parse(url).map_err(|_| ProxyError::Url)?;
        if url.is_https() {
            return Err(ProxyError::Url);
        }
        Ok(Self {
            transport,
            authorization: url.authorization(),
        })
    }

    /// Sends a request with the URL's credentials. `target` is path and query.
    ///
    /// # Errors
    /// The server did not answer.
    pub async fn send(
        &self,
        method: Method,
        target: &str,
        body: impl Into<Bytes>,
    ) -> Result<UpstreamAnswer, ProxyError> {
        let authorization = self.authorization.clone();
        self.exchange(method, target, authorization, body.into())
            .await
    }

    /// Sends a client's request with the client's credentials.
    pub(crate) async fn forward(
        &self,
        request: &ParsedRequest,
    ) -> Result<UpstreamAnswer, ProxyError> {
        let authorization = request.authorization.as_deref();
        let authorization = authorization.and_then(|value| HeaderValue::from_str(value).ok());
        let (method, body) = (request.method.clone(), request.body.clone());
        self.exchange(method, &request.target, authorization, body)
            .await
    }

    async fn exchange(
        &self,
        method: Method,
        target: &str,
        authorization: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<UpstreamAnswer, ProxyError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        // As the library's client: without this header CouchDB sends a document with attachments as multipart.
        headers.insert(ACCEPT, JSON);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let response = self
            .transport
            .send(TransportRequest {
                method,
                path: path.to_owned(),
                query: query.to_owned(),
                headers,
                body: Some(body),
            })
            .await?;
        let chunks: Vec<Bytes> = response.body.try_collect().await?;
        let body = match <[Bytes; 1]>::try_from(chunks) {
            Ok([whole]) => whole,
            Err(chunks) => chunks.concat().into(),
        };
        Ok(UpstreamAnswer {
            status: response.status.as_u16(),
            body,
        })
    }
}
