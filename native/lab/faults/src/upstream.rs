//! The proxy's client of the server.

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use crate::proxy::ProxyError;

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
    client: Client<HttpConnector, Full<Bytes>>,
    root: String,
    authorization: Option<String>,
}

impl Upstream {
    /// Creates a client. The URL is plain HTTP and may hold user and password.
    ///
    /// # Errors
    /// The URL is not of that form.
    pub fn new(url: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(url).map_err(|_| ProxyError::Url)?;
        let (Some(host), "http") = (url.host_str(), url.scheme()) else {
            return Err(ProxyError::Url);
        };
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let authorization = (!url.username().is_empty()).then(|| {
            let user = decoded(url.username());
            let password = decoded(url.password().unwrap_or_default());
            let engine = base64::engine::general_purpose::STANDARD;
            format!("Basic {}", engine.encode(format!("{user}:{password}")))
        });
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            root: format!("http://{host}:{port}"),
            authorization,
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
        self.forward(method, target, self.authorization.as_deref(), body.into())
            .await
    }

    pub(crate) async fn forward(
        &self,
        method: Method,
        target: &str,
        authorization: Option<&str>,
        body: Bytes,
    ) -> Result<UpstreamAnswer, ProxyError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.root))
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ProxyError::Upstream(error.to_string()))?;
        let upstream = |error: &dyn std::error::Error| ProxyError::Upstream(error.to_string());
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| upstream(&error))?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| upstream(&error))?
            .to_bytes();
        Ok(UpstreamAnswer { status, body })
    }
}
