//! What can go wrong with one request.

use std::time::Duration;

/// What the server asks for in `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u32),
    /// A date long ago: now.
    Date,
    /// Something that is neither.
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

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It takes so much longer.
    Latency(Duration),
    /// The answer comes in pieces of so many bytes, a millisecond apart.
    Bandwidth(usize),
    /// The connection is reset, and the server never heard of it.
    ResetBefore,
    /// The server acted; then the connection is reset.
    ResetAfter,
    /// The server acted; the answer ends in the middle, and so does the connection.
    CutShort,
    /// The server acted; the answer is whole as far as HTTP goes, and ends in the middle.
    Truncated,
    /// The server acted; the answer is a page of HTML with status 200.
    Garbage,
    /// Another status instead of an answer.
    Status {
        /// The status.
        code: u16,
        /// Whether the server acted all the same.
        acted: bool,
        /// Whether somebody in between answers, in HTML, or CouchDB itself.
        html: bool,
        /// What `Retry-After` says.
        retry_after: Option<RetryAfter>,
    },
    /// The server acted; its rows come with status 500.
    ErrorWithRows,
    /// The server acted; one row in two is told as failed. Only where an answer has rows by id.
    RowErrors,
    /// No answer for as long as the client waits; the server never heard of it.
    Hang,
    /// No answer for as long as the client waits; the server acted.
    HangAfter,
    /// No answer for as long as the client waits; the server acts this much later.
    ActsLate(Duration),
    /// The server is restarted: every connection is reset, and new ones are refused for a while.
    Restart {
        /// Whether the server acted before.
        acted: bool,
        /// How long it is away.
        away: Duration,
    },
    /// A write is answered with 202: fewer copies than wanted were written.
    Accepted,
    /// The answer has no end: white space, as fast as it is taken. The server never heard of it.
    Endless,
    /// The answer is an array of so many empty strings. The server never heard of it.
    Huge(usize),
    /// The server acted; the answer comes a byte at a time, each after so long.
    Trickle(Duration),
    /// Rows come twice.
    DuplicatedRows,
    /// Rows come in another order.
    ReorderedRows,
}

impl Fault {
    /// Whether the same request, sent again, can be expected to succeed, and CouchDB's rules say
    /// so. What is refused for a reason may be refused for good.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500..=599) && code != 501,
            _ => true,
        }
    }

    /// Whether the request does not reach the server, or reaches it with an unknown outcome.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Bandwidth(_) | Self::Accepted)
    }
}
