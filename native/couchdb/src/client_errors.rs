//! Errors of one exchange with a server: refusals, redirects, and transport errors, in words.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;

use super::error::{Error, Operation};
use super::kind::{Kind, Persistence};
use super::transport::TransportError;
use super::url::ServerUrl;

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) date: Option<SystemTime>,
    pub(super) location: Option<String>,
}

/// The error that a status means. None if the caller evaluates the answer.
pub(super) fn refusal(
    url: &ServerUrl,
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
    if let Some(error) = redirect(url, operation, head) {
        return Some(error);
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

fn redirect(url: &ServerUrl, operation: Operation, head: &Head) -> Option<Error> {
    if !head.status.is_redirection() {
        return None;
    }
    let to = match &head.location {
        Some(location) => format!(" to {}", url.without_secrets(location)),
        None => String::new(),
    };
    let line = format!("the server redirects{to} ({})", head.status.as_u16());
    Some(
        Error::new(Kind::BadRequest, operation, line)
            .hint("redirects are not followed: give the address that CouchDB itself answers at"),
    )
}

pub(super) fn transport_error(
    url: &ServerUrl,
    operation: Operation,
    error: TransportError,
) -> Error {
    let line = error.to_string();
    match error {
        TransportError::InvalidRequest(_) => Error::new(Kind::BadRequest, operation, line),
        TransportError::UnknownHost => {
            let line = format!("{line} {}", url.host_and_port().0);
            Error::new(Kind::Connection, operation, line)
                .hint(connection_hint(url))
                .with_persistence(Persistence::Glitch)
        }
        TransportError::NotConnected(_) => {
            Error::new(Kind::Connection, operation, line).hint(connection_hint(url))
        }
        TransportError::ConnectTimeout(_) => Error::new(Kind::Timeout, operation, line)
            .too_slow(false)
            .hint(connection_hint(url)),
        TransportError::Tls { hint, .. } => {
            let error = Error::new(Kind::Tls, operation, line);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
        TransportError::TlsExpected => {
            Error::new(Kind::Tls, operation, line).hint(format!("use {}", url.with_other_scheme()))
        }
        TransportError::Broken(_) | TransportError::Failed(_) => {
            Error::new(Kind::Connection, operation, line)
        }
        TransportError::Silence(_) | TransportError::TooSlow { .. } => {
            Error::new(Kind::Timeout, operation, line)
        }
    }
}

fn connection_hint(url: &ServerUrl) -> String {
    let (host, port) = url.host_and_port();
    let source = url.source().unwrap_or("the address");
    format!("does CouchDB run on host {host}, port {port}? Check {source}, and the firewall")
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
