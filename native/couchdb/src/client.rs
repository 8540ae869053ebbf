//! One exchange over HTTP: a request out, its answer in, and what kind of answer it was.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};

use super::error::{Error, Kind, Operation};
use super::request::{Request, Response};
use super::settings::HttpSettings;
use super::url::ServerUrl;

/// Requests and bytes that went over the wire.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent, repeated ones included.
    pub requests: AtomicU64,
    /// Requests that were sent again.
    pub retries: AtomicU64,
    /// Bytes of bodies sent.
    pub sent: AtomicU64,
    /// Bytes of bodies received.
    pub received: AtomicU64,
}

impl Traffic {
    pub(super) fn count(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// A connection pool to one server, without a limit and without retries.
#[derive(Clone)]
pub struct Client {
    url: ServerUrl,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
    traffic: Arc<Traffic>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

/// An answer whose body is still to come.
struct Head {
    status: StatusCode,
    retry_after: Option<Duration>,
    date: Option<SystemTime>,
}

impl Client {
    /// A client for this server. Nothing is sent yet. For an https server this reads the system's certificates, which can
    /// block for some milliseconds.
    ///
    /// # Errors
    /// [`Kind::Config`] when the system's certificates cannot be used.
    pub fn new(
        url: ServerUrl,
        settings: &HttpSettings,
        traffic: Arc<Traffic>,
    ) -> Result<Self, Error> {
        let http = super::tls::builder(url.is_https())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .pool_max_idle_per_host(settings.ceiling)
            .tcp_nodelay(true)
            .http1_only()
            // A redirect could carry credentials, or a write, to somewhere else.
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
        })
    }

    /// The server's URL; prints without credentials.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Sends a request once and reads the whole answer.
    ///
    /// # Errors
    /// No answer, one that is larger than the request takes, or a status that means a refusal. 404, 409, 412 and 417 are
    /// answers, as are the rows that come with a 500.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let operation = request.operation();
        let mut body = BytesMut::new();
        let head = self
            .receive(request, |chunk| {
                if body.len() + chunk.len() > request.largest() {
                    return Err(Error::new(
                        Kind::TooLarge,
                        operation,
                        format!("the answer is over {} bytes", request.largest()),
                    ));
                }
                body.extend_from_slice(chunk);
                Ok(())
            })
            .await?;
        match refusal(head.status) {
            // 500 can carry a result for each row of a bulk write: the caller looks.
            Some(Kind::ServerError) if body.first() == Some(&b'[') => {}
            Some(kind) => {
                let detail = super::answer::reason(head.status, &body);
                return Err(Error::new(kind, operation, detail).retry_after(head.retry_after));
            }
            None => {}
        }
        Ok(Response {
            status: head.status,
            date: head.date,
            // A page can be held until the documents that it is compared with are read. The copy has no spare capacity:
            // CouchDB sends chunks and no length, so the buffer has grown by doubling.
            body: Bytes::copy_from_slice(&body),
        })
    }

    /// Sends a request once and drops the answer's body as it arrives, whatever its size. Returns the status and how many
    /// bytes the body had.
    ///
    /// # Errors
    /// No whole answer.
    pub async fn drain(&self, request: &Request<'_>) -> Result<(StatusCode, u64), Error> {
        let mut bytes = 0;
        let head = self
            .receive(request, |chunk| {
                bytes += chunk.len() as u64;
                Ok(())
            })
            .await?;
        Ok((head.status, bytes))
    }

    async fn receive(
        &self,
        request: &Request<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Head, Error> {
        let operation = request.operation();
        let transport = |error| transport_error(operation, error);
        let mut builder = self.http.request(request.method(), request.url(&self.url));
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
        let mut response = builder.send().await.map_err(transport)?;
        let header = |name| response.headers().get(name)?.to_str().ok();
        let head = Head {
            status: response.status(),
            retry_after: header(RETRY_AFTER).and_then(pause_asked),
            date: header(DATE).and_then(|value| httpdate::parse_http_date(value).ok()),
        };
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            Traffic::count(&self.traffic.received, chunk.len());
            take(&chunk)?;
        }
        Ok(head)
    }
}

/// The kind of error that a status means; None for those that are answers.
fn refusal(status: StatusCode) -> Option<Kind> {
    match status.as_u16() {
        200..=299 | 304 | 404 | 409 | 412 | 417 => None,
        401 => Some(Kind::Unauthorized),
        403 => Some(Kind::Forbidden),
        408 => Some(Kind::Timeout),
        413 => Some(Kind::TooLarge),
        429 => Some(Kind::RateLimited),
        501 => Some(Kind::BadRequest),
        500..=599 => Some(Kind::ServerError),
        _ => Some(Kind::BadRequest),
    }
}

/// `Retry-After` is seconds or a date (RFC 9110, section 10.2.3).
fn pause_asked(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    Some(moment.duration_since(SystemTime::now()).unwrap_or_default())
}

fn transport_error(operation: Operation, error: reqwest::Error) -> Error {
    let kind = if error.is_timeout() {
        Kind::Timeout
    } else if error.is_builder() {
        Kind::BadRequest
    } else {
        Kind::Connection
    };
    // The URL names host and database, which the error says anyway.
    let error = error.without_url();
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        detail = cause.to_string();
        source = cause.source();
    }
    Error::new(kind, operation, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(pause_asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(
            pause_asked("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(pause_asked("soon"), None);
    }
}
