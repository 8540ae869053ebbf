//! One request: sent within the limit, its answer classified, repeated where that is safe.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use rand::Rng;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use super::server::{Server, Traffic};
use super::turns::Access;
use crate::error::{Error, Kind, Operation};
use crate::kazoo::DatabaseName;

/// After a cancellation a write in flight may still finish, for this long.
const LAST_WRITE: Duration = Duration::from_millis(700);

/// A request that is to be made.
pub(super) struct Request<'a> {
    pub(super) operation: Operation,
    pub(super) database: Option<&'a DatabaseName>,
    pub(super) method: Method,
    /// What follows the database's name, or the server's root: starts with `/`, or is empty.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: Option<Bytes>,
    /// The largest answer that is taken in; a larger one is `TooLarge`.
    pub(super) largest: usize,
}

/// An answer: a status below 500 and a whole body.
pub(super) struct Response {
    pub(super) status: StatusCode,
    /// When the server says that it answered.
    pub(super) date: Option<SystemTime>,
    pub(super) body: Bytes,
}

impl Server {
    /// Sends a request that may be repeated (a read, or a write that is the same twice).
    pub(super) async fn send_repeatedly<T>(
        &self,
        request: Request<'_>,
        read: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.settings.first_pause)
            .with_max_delay(self.settings.longest_pause)
            .with_max_times(self.settings.tries.saturating_sub(1))
            .build();
        loop {
            let error = match self.send(&request).await.and_then(&read) {
                Ok(answer) => return Ok(answer),
                Err(error) if !error.is_temporary() => return Err(error),
                Err(error) => error,
            };
            let Some(most) = pauses.next() else {
                return Err(error);
            };
            // The server's own wish first, else full jitter (AWS's "exponential backoff and
            // jitter"): clients that failed together must not come back together.
            let pause = match error.pause() {
                Some(asked) => asked.min(self.settings.longest_pause),
                None => most.mul_f64(rand::rng().random::<f64>()),
            };
            Traffic::count(&self.traffic.retries, 1);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => return Err(Error::cancelled(request.operation)),
            }
        }
    }

    /// Sends a request once. The error says whether it may pass, not whether the server acted.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        self.send_within(request, None).await
    }

    /// Sends a request once, and waits no longer than this for the whole answer.
    pub(super) async fn send_within(
        &self,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Response, Error> {
        let cancelled = || self.error(request, Error::cancelled(request.operation));
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let writes = request.method != Method::GET && request.operation != Operation::OpenDocs;
        let access = if writes { Access::Write } else { Access::Read };
        let permit = tokio::select! {
            permit = self.limiter.acquire(access) => permit,
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        let given_up = async {
            self.cancel.cancelled().await;
            if writes {
                tokio::time::sleep(LAST_WRITE).await;
            }
        };
        let exchange = async {
            let Some(patience) = patience else {
                return self.exchange(request).await;
            };
            tokio::time::timeout(patience, self.exchange(request))
                .await
                .unwrap_or_else(|_| {
                    let detail = "no answer in good time";
                    Err(Error::new(Kind::Timeout, request.operation, detail))
                })
        };
        let answer = tokio::select! {
            answer = exchange => answer.map_err(|error| self.error(request, error)),
            () = given_up => return Err(cancelled()),
        };
        match &answer {
            Ok(_) => permit.succeeded(),
            Err(error) if error.is_temporary() => permit.overloaded(),
            Err(_) => {}
        }
        answer
    }

    fn error(&self, request: &Request<'_>, error: Error) -> Error {
        match request.database {
            Some(database) => error.in_database(database),
            None => error,
        }
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        let operation = request.operation;
        let mut url = self.url.to_string();
        if let Some(database) = request.database {
            url.push('/');
            url.push_str(&database.encoded());
        }
        url.push_str(request.path);
        if !request.query.is_empty() {
            url.push('?');
            url.push_str(request.query);
        }
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = &request.body {
            Traffic::count(&self.traffic.sent, body.len());
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let mut response = builder
            .send()
            .await
            .map_err(|error| transport_error(operation, error))?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(pause_asked);
        let date = response
            .headers()
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| httpdate::parse_http_date(value).ok());
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| transport_error(operation, error))?
        {
            Traffic::count(&self.traffic.received, chunk.len());
            if body.len() + chunk.len() > request.largest {
                return Err(Error::new(
                    Kind::TooLarge,
                    operation,
                    format!("the answer is over {} bytes", request.largest),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        let kind = match status.as_u16() {
            200..=299 | 304 | 404 | 409 | 412 | 417 => None,
            401 => Some(Kind::Unauthorized),
            403 => Some(Kind::Forbidden),
            408 => Some(Kind::Timeout),
            413 => Some(Kind::TooLarge),
            429 => Some(Kind::RateLimited),
            501 => Some(Kind::BadRequest),
            500..=599 => Some(Kind::ServerError),
            _ => Some(Kind::BadRequest),
        };
        match kind {
            // 500 may carry a result for each row of a bulk write: the caller looks.
            Some(Kind::ServerError) if body.first() == Some(&b'[') => {}
            Some(kind) => {
                let detail = super::answer::reason(status, &body);
                return Err(Error::new(kind, operation, detail).retry_after(retry_after));
            }
            None => {}
        }
        Ok(Response {
            status,
            date,
            // A page can be held for long, until what it is compared with is read: without the room
            // that the buffer grew by. CouchDB's answers come in chunks, of no length that is told.
            body: Bytes::copy_from_slice(&body),
        })
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
    let mut source = std::error::Error::source(&error);
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
