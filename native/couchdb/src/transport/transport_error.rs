//! The error of a request without a complete answer.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why no complete answer arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The request is not valid HTTP.
    InvalidRequest(String),
    /// The host name does not resolve.
    UnknownHost,
    /// The connection was refused, or the host cannot be reached.
    NotConnected(io::ErrorKind),
    /// No connection within this time.
    ConnectTimeout(Duration),
    /// TLS failed: the reason, and a hint for the operator.
    Tls {
        /// The reason.
        reason: String,
        /// The advice for an operator.
        hint: Option<String>,
    },
    /// The server speaks TLS on this port, and the URL says http.
    TlsExpected,
    /// The connection was reset, or closed in the middle of the answer.
    Broken(io::ErrorKind),
    /// The connection failed for another reason.
    Failed(String),
    /// The server sent nothing for this time.
    Silence(Duration),
    /// The body is slower than the minimum rate.
    TooSlow {
        /// The bytes that arrived.
        bytes: usize,
        /// The time that they were given.
        patience: Duration,
    },
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(reason) | Self::Failed(reason) | Self::Tls { reason, .. } => {
                f.write_str(reason)
            }
            Self::UnknownHost => f.write_str("cannot resolve the host name"),
            Self::NotConnected(kind) | Self::Broken(kind) => match connection_failure(*kind) {
                Some(line) => f.write_str(line),
                None => write!(f, "{kind}"),
            },
            Self::ConnectTimeout(patience) => {
                write!(f, "no connection within {} seconds", patience.as_secs())
            }
            Self::TlsExpected => {
                f.write_str("the server speaks TLS (https) on this port, and the address says http")
            }
            Self::Silence(patience) => write!(f, "no answer for {} seconds", patience.as_secs()),
            Self::TooSlow { bytes, patience } => write!(
                f,
                "the answer is too slow: {bytes} bytes in {} seconds",
                patience.as_secs()
            ),
        }
    }
}

impl std::error::Error for TransportError {}

/// The operator's text for a failed connection.
pub(super) fn connection_failure(kind: io::ErrorKind) -> Option<&'static str> {
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
