//! HTTP over sockets.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::transport_error::connection_failure;
use super::{BodyStream, Transport, TransportError, TransportRequest, TransportResponse};
use crate::error::{Error, Operation};
use crate::kind::Kind;
use crate::probe;
use crate::settings::HttpSettings;
use crate::tls;
use crate::url::ServerUrl;

/// A connection pool to one server.
#[derive(Clone, Debug)]
pub struct NetworkTransport(Arc<Network>);

#[derive(Debug)]
struct Network {
    url: ServerUrl,
    http: reqwest::Client,
    connect_timeout: Duration,
    /// Whether the server has ever answered.
    answered: AtomicBool,
    /// Whether the TLS probe has run.
    probed: AtomicBool,
}

impl NetworkTransport {
    /// Creates a connection pool. It connects with the first request. For an https server it reads
    /// certificates, which can block for some milliseconds.
    ///
    /// # Errors
    /// [`Kind::Config`] if the certificates cannot be used.
    pub fn new(url: &ServerUrl, settings: &HttpSettings) -> Result<Self, Error> {
        let builder = reqwest::Client::builder();
        let builder = if url.is_https() {
            let config =
                tls::config(settings.ca_file.as_deref()).map_err(|error| error.on(url.named()))?;
            builder.tls_backend_preconfigured(config)
        } else {
            // An error means that a provider is already installed.
            let _ = rustls::crypto::ring::default_provider().install_default();
            // Without this, reqwest reads the system's certificates, which takes longer than many
            // commands.
            builder.tls_certs_only([])
        };
        let http = builder
            // Kazoo's client uses no proxy, and a proxy would see documents and passwords.
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.ceiling)
            .tcp_nodelay(true)
            .http1_only()
            // A redirect could send credentials or a write to another server.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("kazoo_numbers/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                let detail = error.without_url().to_string();
                Error::new(Kind::Config, Operation::CONNECT, detail)
            })?;
        Ok(Self(Arc::new(Network {
            url: url.clone(),
            http,
            connect_timeout: settings.connect_timeout,
            answered: AtomicBool::new(false),
            probed: AtomicBool::new(false),
        })))
    }
}

#[async_trait]
impl Transport for NetworkTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let network = &self.0;
        let url = format!("{}{}", network.url, request.target());
        let builder = network
            .http
            .request(request.method, url)
            .headers(request.headers);
        let builder = match request.body {
            Some(body) => builder.body(body),
            None => builder,
        };
        let response = match builder.send().await {
            Ok(response) => response,
            Err(error) => return Err(network.failure(error).await),
        };
        if response.status() != StatusCode::BAD_REQUEST {
            network.answered.store(true, Ordering::Relaxed);
        } else if !is_json(&response) && network.expects_tls().await {
            return Err(TransportError::TlsExpected);
        }
        Ok(TransportResponse {
            status: response.status(),
            headers: response.headers().clone(),
            length: response.content_length(),
            body: body_of(Arc::clone(network), response),
        })
    }
}

/// Whether CouchDB answered. A TLS port's answer to plain HTTP is an HTML page or a text.
fn is_json(response: &reqwest::Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

fn body_of(network: Arc<Network>, response: reqwest::Response) -> BodyStream {
    stream::unfold(Some(response), move |response| {
        let network = Arc::clone(&network);
        async move {
            let mut response = response?;
            match response.chunk().await {
                Ok(None) => None,
                Ok(Some(chunk)) => Some((Ok(chunk), Some(response))),
                Err(error) => Some((Err(network.failure(error).await), None)),
            }
        }
    })
    .boxed()
}

impl Network {
    /// Whether the URL says http and the server has never answered HTTP but speaks TLS.
    async fn expects_tls(&self) -> bool {
        !self.url.is_https()
            && !self.answered.load(Ordering::Relaxed)
            && !self.probed.swap(true, Ordering::Relaxed)
            && probe::speaks_tls(&self.url).await
    }

    async fn failure(&self, error: reqwest::Error) -> TransportError {
        // The client's error names the server and the database already.
        let error = error.without_url();
        if let Some((reason, hint)) = tls::refusal(&error, &self.url.with_other_scheme()) {
            return TransportError::Tls { reason, hint };
        }
        if error.is_builder() {
            return TransportError::InvalidRequest(innermost(&error));
        }
        if error.is_timeout() {
            return TransportError::ConnectTimeout(self.connect_timeout);
        }
        let cause = io_error(&error)
            .map(io::Error::kind)
            .filter(|kind| connection_failure(*kind).is_some());
        if error.is_connect() {
            if let Some(cause) = cause {
                return TransportError::NotConnected(cause);
            }
            if !probe::host_resolves(&self.url).await {
                return TransportError::UnknownHost;
            }
        }
        if self.expects_tls().await {
            return TransportError::TlsExpected;
        }
        match cause {
            Some(cause) => TransportError::Broken(cause),
            None => TransportError::Failed(innermost(&error)),
        }
    }
}

/// The first `io::Error` in the chain of causes.
fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The innermost cause, which is the most specific one.
fn innermost(error: &reqwest::Error) -> String {
    match causes(error).last() {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// The chain of causes, the root cause last.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
