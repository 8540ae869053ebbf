//! The faults that the proxy can inject.

use std::time::Duration;

/// The value of `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u32),
    /// A date in the past, which means now.
    Date,
    /// Invalid text.
    Nonsense,
}

impl RetryAfter {
    pub(crate) fn header(self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date => "Wed, 21 Oct 2015 07:28:00 GMT".to_owned(),
            Self::Nonsense => "soon".to_owned(),
        }
    }
}

/// A fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Additional latency.
    Latency(Duration),
    /// The answer arrives in pieces of this many bytes, one each millisecond.
    Bandwidth(usize),
    /// The connection is reset before the request reaches the server.
    ResetBefore,
    /// The server acted, then the connection is reset.
    ResetAfter,
    /// The server acted. The answer and the connection end in the middle.
    CutShort,
    /// The server acted. The HTTP response is complete but the body is cut.
    Truncated,
    /// The server acted. The answer is an HTML page with status 200.
    Garbage,
    /// Another status instead of the answer.
    Status {
        /// The status.
        code: u16,
        /// Whether the server acted.
        acted: bool,
        /// Whether the body is a proxy's HTML page or CouchDB's JSON.
        html: bool,
        /// The `Retry-After` header.
        retry_after: Option<RetryAfter>,
    },
    /// The server acted. Its rows arrive with status 500.
    ErrorWithRows,
    /// The server acted. Every second row is an error. Only for answers with rows by id.
    RowErrors,
    /// No answer until the client's timeout. The request does not reach the server.
    Hang,
    /// No answer until the client's timeout. The server acted.
    HangAfter,
    /// No answer until the client's timeout. The server acts after this delay.
    ActsLate(Duration),
    /// The server restarts: all connections are reset, and new ones are refused for some time.
    Restart {
        /// Whether the server acted before the restart.
        acted: bool,
        /// How long it refuses connections.
        away: Duration,
    },
    /// A write is answered with 202: fewer copies than wanted were written.
    Accepted,
    /// An endless answer of white space. The request does not reach the server.
    Endless,
    /// The answer is an array of this many empty strings. The request does not reach the server.
    Huge(usize),
    /// The server acted. The answer arrives one byte at a time, with this pause after each.
    Trickle(Duration),
    /// Each row occurs twice.
    DuplicatedRows,
    /// Rows are in another order.
    ReorderedRows,
}

impl Fault {
    /// Whether the same request is expected to succeed when it is sent again, according to
    /// CouchDB's documentation. A refusal may be permanent.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500..=599) && code != 501,
            _ => true,
        }
    }

    /// Whether the request succeeds nevertheless.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Bandwidth(_) | Self::Accepted)
    }
}
