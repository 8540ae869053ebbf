//! Errors of one exchange with a server: refusals, redirects, and transport errors, in words.

use std::error::Error as _;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;

use super::client::{Client, Head};
use super::error::{Error, Operation};
use super::kind::{Kind, Persistence};
use super::tls;

impl Client {
    /// The error that a status means. None if the caller evaluates the answer.
    pub(super) async fn refusal(
        &self,
        operation: Operation,
        head: &Head,
        body: &[u8],
    ) -> Option<Error> {
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

    pub(super) fn redirect(&self, operation: Operation, head: &Head) -> Option<Error> {
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

    /// Whether the URL says http and the server has never answered HTTP but speaks TLS.
    pub(super) async fn expects_tls(&self) -> bool {
        !self.url.is_https()
            && !self.answered.load(Ordering::Relaxed)
            && !self.probed.swap(true, Ordering::Relaxed)
            && super::probe::speaks_tls(&self.url).await
    }

    pub(super) fn tls_expected(&self, operation: Operation) -> Error {
        Error::new(
            Kind::Tls,
            operation,
            "the server speaks TLS (https) on this port, and the address says http",
        )
        .hint(format!("use {}", self.url.with_other_scheme()))
    }

    pub(super) async fn transport_error(
        &self,
        operation: Operation,
        error: reqwest::Error,
    ) -> Error {
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
pub(super) fn parse_retry_after(value: &str) -> Option<Duration> {
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
