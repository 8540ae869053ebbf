//! One HTTP exchange: sends a request, reads the answer and classifies it.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER,
};
use tokio::time::{Instant, timeout_at};

use super::body::{AnswerBudget, Body};
use super::error::{Error, Kind, Operation, Persistence};
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
    url: ServerUrl,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
    traffic: Arc<Traffic>,
    connect_timeout: Duration,
    read_timeout: Duration,
    longest_pause: Duration,
    answers: AnswerBudget,
    /// Whether the server has ever answered.
    answered: Arc<AtomicBool>,
    /// Whether the TLS probe has run.
    probed: Arc<AtomicBool>,
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
struct Head {
    status: StatusCode,
    retry_after: Option<Duration>,
    date: Option<SystemTime>,
    location: Option<String>,
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

    /// The error that a status means. None if the caller evaluates the answer.
    async fn refusal(&self, operation: Operation, head: &Head, body: &[u8]) -> Option<Error> {
        let status = head.status;
        if matches!(status.as_u16(), 200..=299 | 304 | 404 | 409 | 417) {
            return None;
        }
        // A 500 can hold a result for each row of a bulk write.
        if status.is_server_error() && body.first() == Some(&b'[') {
            return None;
        }
        let (code, reason) = super::answer::reason(status, body);
        // 412 with these codes means that the database exists, or that a stub names a missing
        // attachment. Any other 412 comes from a cluster with a missing node.
        if status == StatusCode::PRECONDITION_FAILED
            && matches!(code.as_deref(), Some("file_exists" | "missing_stub"))
        {
            return None;
        }
        if let Some(error) = self.redirect(operation, head) {
            return Some(error);
        }
        if status == StatusCode::BAD_REQUEST && code.is_none() && self.expects_tls().await {
            return Some(self.tls_expected(operation));
        }
        let kind = kind(status);
        let slow = kind == Kind::Timeout
            || matches!(status.as_u16(), 502 | 504 | 520..=524)
            || code.as_deref() == Some("timeout");
        let error = Error::new(kind, operation, reason).too_slow(slow);
        Some(match (code, kind) {
            (Some(code), Kind::Unauthorized) => error
                .code(&code)
                .hint("check the user name and the password"),
            (Some(code), _) => error.code(&code),
            (None, Kind::Unauthorized | Kind::Forbidden | Kind::BadRequest) => error.hint(
                "the answer is not CouchDB's: is there a proxy in front of it that refuses this?",
            ),
            (None, _) => error,
        })
    }

    fn redirect(&self, operation: Operation, head: &Head) -> Option<Error> {
        if !head.status.is_redirection() {
            return None;
        }
        let to = match &head.location {
            Some(location) => format!(" to {}", self.url.without_secrets(location)),
            None => String::new(),
        };
        let line = format!("the server redirects{to} ({})", head.status.as_u16());
        Some(
            Error::new(Kind::BadRequest, operation, line).hint(
                "redirects are not followed: give the address that CouchDB itself answers at",
            ),
        )
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

    /// Whether the URL says http and the server has never answered HTTP but speaks TLS.
    async fn expects_tls(&self) -> bool {
        !self.url.is_https()
            && !self.answered.load(Ordering::Relaxed)
            && !self.probed.swap(true, Ordering::Relaxed)
            && super::probe::speaks_tls(&self.url).await
    }

    fn tls_expected(&self, operation: Operation) -> Error {
        Error::new(
            Kind::Tls,
            operation,
            "the server speaks TLS (https) on this port, and the address says http",
        )
        .hint(format!("use {}", self.url.with_other_scheme()))
    }

    async fn transport_error(&self, operation: Operation, error: reqwest::Error) -> Error {
        // The error names the server and the database already.
        let error = error.without_url();
        if let Some((reason, hint)) = tls::refusal(&error, &self.url.with_other_scheme()) {
            let error = Error::new(Kind::Tls, operation, reason);
            return match hint {
                Some(hint) => error.hint(hint),
                None => error,
            };
        }
        if error.is_builder() {
            return Error::new(Kind::BadRequest, operation, innermost(&error));
        }
        let hint = self.connection_hint();
        if error.is_timeout() {
            let (line, slow) = if error.is_connect() {
                let seconds = self.connect_timeout.as_secs();
                (format!("no connection within {seconds} seconds"), false)
            } else {
                let seconds = self.read_timeout.as_secs();
                (format!("no answer for {seconds} seconds"), true)
            };
            let error = Error::new(Kind::Timeout, operation, line).too_slow(slow);
            return if slow { error } else { error.hint(hint) };
        }
        let cause = io_error(&error);
        if let Some(refused) = cause
            .map(io::Error::kind)
            .filter(|_| error.is_connect())
            .and_then(connection_failure)
        {
            return Error::new(Kind::Connection, operation, refused).hint(hint);
        }
        if error.is_connect() && !super::probe::host_resolves(&self.url).await {
            let (host, _) = self.url.host_and_port();
            let line = format!("cannot resolve the host name {host}");
            return Error::new(Kind::Connection, operation, line)
                .hint(hint)
                .with_persistence(Persistence::Glitch);
        }
        if self.expects_tls().await {
            return self.tls_expected(operation);
        }
        let line = match cause.map(io::Error::kind).and_then(connection_failure) {
            Some(line) => line.to_owned(),
            None => innermost(&error),
        };
        Error::new(Kind::Connection, operation, line)
    }

    fn connection_hint(&self) -> String {
        let (host, port) = self.url.host_and_port();
        let source = self.url.source().unwrap_or("the address");
        format!("does CouchDB run on host {host}, port {port}? Check {source}, and the firewall")
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

/// The kind of error for a status.
fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        408 => Kind::Timeout,
        412 => Kind::ServerError,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        501 => Kind::BadRequest,
        500..=599 => Kind::ServerError,
        _ => Kind::BadRequest,
    }
}

/// The operator's text for a failed connection.
fn connection_failure(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::HostUnreachable => "the host cannot be reached",
        io::ErrorKind::NetworkUnreachable => "the network cannot be reached",
        io::ErrorKind::TimedOut => "the connection timed out",
        io::ErrorKind::UnexpectedEof => "the connection was closed in the middle of the answer",
        _ => return None,
    })
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

/// `Retry-After` is seconds or a date (RFC 9110, section 10.2.3).
fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    Some(moment.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("3"), Some(Duration::from_secs(3)));
        assert_eq!(
            parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(parse_retry_after("soon"), None);
    }
}
