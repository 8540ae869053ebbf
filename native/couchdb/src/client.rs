//! One HTTP exchange: sends a request, reads the answer and classifies it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER,
};
use tokio::time::{Instant, timeout_at};

use super::body::{AnswerBudget, Body};
use super::client_errors::parse_retry_after;
use super::error::{Error, Operation};
use super::kind::Kind;
use super::request::{Request, Response};
use super::settings::HttpSettings;
use super::tls;
use super::url::ServerUrl;

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
    pub(super) fn count(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// A connection pool to one server, without limit or retries.
#[derive(Clone)]
pub struct Client {
    pub(super) url: ServerUrl,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) http: reqwest::Client,
    pub(super) traffic: Arc<Traffic>,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) longest_pause: Duration,
    pub(super) answers: AnswerBudget,
    /// Whether the server has ever answered.
    pub(super) answered: Arc<AtomicBool>,
    /// Whether the TLS probe has run.
    pub(super) probed: Arc<AtomicBool>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

/// The minimum rate of an answer's body, in bytes a second, after [`HttpSettings::read_timeout`]
/// has passed since the answer began. The read timeout alone does not stop a slow body: each byte
/// restarts it.
const MIN_BYTES_PER_SECOND: u32 = 64 << 10;

/// A part of an answer's body.
enum BodyPart<'a> {
    /// The announced length. It comes first.
    Length(Option<u64>),
    Chunk(&'a [u8]),
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) date: Option<SystemTime>,
    pub(super) location: Option<String>,
}

impl Client {
    /// Creates a client. It sends nothing yet. For an https server it reads certificates, which can
    /// block for some milliseconds.
    ///
    /// # Errors
    /// [`Kind::Config`] if the certificates cannot be used.
    pub fn new(
        url: ServerUrl,
        settings: &HttpSettings,
        traffic: Arc<Traffic>,
    ) -> Result<Self, Error> {
        let builder = reqwest::Client::builder();
        let builder = if url.is_https() {
            let config =
                tls::config(settings.ca_file.as_deref()).map_err(|error| error.on(&url))?;
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
            .read_timeout(settings.read_timeout)
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
        Ok(Self {
            authorization: url.authorization(),
            url,
            http,
            traffic,
            connect_timeout: settings.connect_timeout,
            read_timeout: settings.read_timeout,
            longest_pause: settings.longest_pause,
            answers: settings.answers.clone(),
            answered: Arc::default(),
            probed: Arc::default(),
        })
    }

    /// The server's URL. Its `Display` omits the credentials.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Sends a request once and reads the whole answer.
    ///
    /// # Errors
    /// No answer, an answer above the request's size limit, or a status that means a refusal. The
    /// statuses 404, 409, 417, some cases of 412, and a 500 with a result for each row are answers.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let answer = self.exchange(request).await;
        answer.map_err(|error| error.on(&self.url))
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let operation = request.operation();
        let mut body = Body::new(request, &self.answers);
        let head = self
            .receive(request, |arrived| match arrived {
                BodyPart::Length(length) => body.expect(length),
                BodyPart::Chunk(chunk) => body.append(chunk),
            })
            .await?;
        if let Some(error) = self.refusal(operation, &head, body.as_ref()).await {
            return Err(error.retry_after(head.retry_after));
        }
        Ok(Response {
            status: head.status,
            date: head.date,
            body: body.finish()?,
        })
    }

    /// Sends a request once and discards the body as it arrives, whatever its size. Returns the
    /// status and the size of the body in bytes.
    ///
    /// # Errors
    /// The answer was not complete.
    pub async fn drain(&self, request: &Request<'_>) -> Result<(StatusCode, u64), Error> {
        let mut bytes = 0;
        let head = self
            .receive(request, |arrived| {
                if let BodyPart::Chunk(chunk) = arrived {
                    bytes += chunk.len() as u64;
                }
                Ok(())
            })
            .await?;
        Ok((head.status, bytes))
    }

    async fn receive(
        &self,
        request: &Request<'_>,
        mut take: impl FnMut(BodyPart<'_>) -> Result<(), Error>,
    ) -> Result<Head, Error> {
        let operation = request.operation();
        let mut builder = self.http.request(request.method(), request.url(&self.url));
        // Without this header CouchDB sends a document with attachments as multipart.
        builder = builder.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = request.body_bytes() {
            Traffic::count(&self.traffic.sent, body.len());
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        Traffic::count(&self.traffic.requests, 1);
        let mut response = match builder.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.transport_error(operation, error).await),
        };
        if response.status() != StatusCode::BAD_REQUEST {
            self.answered.store(true, Ordering::Relaxed);
        }
        let header = |name| response.headers().get(name)?.to_str().ok();
        let head = Head {
            status: response.status(),
            // Clamped here, so that no caller sleeps for as long as a server asks.
            retry_after: header(RETRY_AFTER)
                .and_then(parse_retry_after)
                .map(|pause| pause.min(self.longest_pause)),
            date: header(DATE).and_then(|value| httpdate::parse_http_date(value).ok()),
            location: header(LOCATION).map(str::to_owned),
        };
        take(BodyPart::Length(response.content_length()))?;
        let began = Instant::now();
        let mut received = 0;
        loop {
            let patience = self.read_timeout + time_at_min_rate(received);
            match timeout_at(began + patience, response.chunk()).await {
                Err(_) => return Err(too_slow_error(operation, received, patience)),
                Ok(Ok(Some(chunk))) => {
                    Traffic::count(&self.traffic.received, chunk.len());
                    received += chunk.len();
                    take(BodyPart::Chunk(&chunk))?;
                }
                Ok(Ok(None)) => return Ok(head),
                Ok(Err(error)) => {
                    let error = self.transport_error(operation, error).await;
                    return Err(error.too_slow(true));
                }
            }
        }
    }
}

/// The longest time that `bytes` may take at the minimum rate.
fn time_at_min_rate(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / f64::from(MIN_BYTES_PER_SECOND))
}

/// The error for an answer below the minimum rate.
fn too_slow_error(operation: Operation, bytes: usize, patience: Duration) -> Error {
    let seconds = patience.as_secs();
    let line = format!("the answer is too slow: {bytes} bytes in {seconds} seconds");
    Error::new(Kind::Timeout, operation, line)
}
