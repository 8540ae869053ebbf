//! The answers that clients receive, with their faults.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use crate::distort;
use crate::fault::{Fault, RetryAfter};
use crate::request::{ParsedRequest, RequestKind};
use crate::upstream::UpstreamAnswer;

/// The connection is reset instead of an answer, or in the middle of it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset")]
pub(crate) struct Reset;

/// An answer as the client receives it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: AnswerBody,
}

pub(crate) enum AnswerBody {
    Whole(Bytes),
    Pieces {
        /// The announced length in bytes.
        announced: Option<usize>,
        pieces: BoxStream<'static, Result<Bytes, Reset>>,
    },
}

impl Answer {
    fn json(status: u16, body: AnswerBody) -> Self {
        Self {
            status,
            content_type: "application/json",
            retry_after: None,
            body,
        }
    }

    /// The server's answer.
    pub(crate) fn of(answer: UpstreamAnswer) -> Self {
        Self::json(answer.status, AnswerBody::Whole(answer.body))
    }

    /// The server's answer with a fault.
    pub(crate) fn distorted(
        request: &ParsedRequest,
        mut answer: UpstreamAnswer,
        fault: Fault,
    ) -> Distorted {
        let body = answer.body.clone();
        match fault {
            Fault::CutShort => return Distorted::unread(Self::broken(&answer)),
            Fault::Bandwidth(bytes) => {
                let slow = Self::slow(&answer, bytes, Duration::from_millis(1));
                return Distorted::read(slow, answer);
            }
            Fault::Trickle(pause) => {
                return Distorted::read(Self::slow(&answer, 1, pause), answer);
            }
            Fault::Truncated => answer.body = distort::truncated(&body),
            Fault::Garbage => {
                answer.status = 200;
                answer.body = distort::PAGE.into();
            }
            Fault::ErrorWithRows if answer.status < 300 => answer.status = 500,
            Fault::RowErrors
                if matches!(request.kind, RequestKind::Keys | RequestKind::BulkDocs) =>
            {
                answer.body = distort::with_errors(&body);
            }
            Fault::Accepted if request.kind == RequestKind::BulkDocs && answer.status == 201 => {
                answer.status = 202;
            }
            Fault::DuplicatedRows => answer.body = distort::duplicated(&body),
            Fault::ReorderedRows => answer.body = distort::reordered(&body),
            _ => {}
        }
        Distorted::read(Self::of(answer.clone()), answer)
    }

    /// Announces more bytes than it sends.
    fn broken(answer: &UpstreamAnswer) -> Self {
        let half = distort::truncated(&answer.body);
        let announced = answer.body.len().max(half.len() + 1);
        let body = AnswerBody::Pieces {
            announced: Some(announced),
            pieces: stream::iter([Ok(half), Err(Reset)]).boxed(),
        };
        Self::json(answer.status, body)
    }

    /// White space without an end.
    pub(crate) fn endless() -> Self {
        Self::repeated(b"{\"rows\":[", b" ", usize::MAX, b"")
    }

    /// An array of empty strings.
    pub(crate) fn huge(names: usize) -> Self {
        Self::repeated(b"[\"\"", b",\"\"", names, b"]")
    }

    /// A first piece, another piece repeated `pieces` times, and an end.
    fn repeated(first: &'static [u8], piece: &[u8], pieces: usize, end: &'static [u8]) -> Self {
        const AT_ONCE: usize = 1 << 16;
        let many = Bytes::from(piece.repeat(AT_ONCE));
        let length = piece.len();
        let middle = stream::unfold(pieces, move |left| {
            let now = left.min(AT_ONCE);
            let frame = many.slice(..now * length);
            async move { (now > 0).then(|| (frame, left - now)) }
        });
        let pieces = stream::once(async move { Bytes::from_static(first) })
            .chain(middle)
            .chain(stream::once(async move { Bytes::from_static(end) }))
            .map(Ok)
            .boxed();
        let announced = None;
        Self::json(200, AnswerBody::Pieces { announced, pieces })
    }

    /// Pieces of `bytes` bytes, each after a pause.
    fn slow(answer: &UpstreamAnswer, bytes: usize, pause: Duration) -> Self {
        let bytes = bytes.max(1);
        let pieces = stream::unfold(answer.body.clone(), move |mut left| async move {
            if left.is_empty() {
                return None;
            }
            tokio::time::sleep(pause).await;
            let piece = left.split_to(bytes.min(left.len()));
            Some((Ok(piece), left))
        })
        .boxed();
        let announced = None;
        Self::json(answer.status, AnswerBody::Pieces { announced, pieces })
    }

    /// Another status instead of the server's answer.
    pub(crate) fn of_status(
        request: &ParsedRequest,
        code: u16,
        html: bool,
        retry_after: Option<RetryAfter>,
    ) -> Self {
        let (error, reason) = refusal(request.kind, code);
        let body = if html {
            format!("<html><body><h1>{code}</h1></body></html>")
        } else {
            exact_json::json!({"error": error, "reason": reason}).to_string()
        };
        Self {
            status: code,
            content_type: if html {
                "text/html"
            } else {
                "application/json"
            },
            retry_after: retry_after.map(RetryAfter::header),
            body: AnswerBody::Whole(body.into()),
        }
    }
}

/// An answer with a fault.
pub(crate) struct Distorted {
    pub(crate) answer: Answer,
    /// The rows that reach the client, if it receives all of them.
    pub(crate) delivered: Option<UpstreamAnswer>,
}

impl Distorted {
    fn read(answer: Answer, delivered: UpstreamAnswer) -> Self {
        Self {
            answer,
            delivered: Some(delivered),
        }
    }

    fn unread(answer: Answer) -> Self {
        Self {
            answer,
            delivered: None,
        }
    }
}

/// CouchDB's code and reason for a status.
fn refusal(kind: RequestKind, code: u16) -> (&'static str, &'static str) {
    match (code, kind) {
        (401, _) => ("unauthorized", "Name or password is incorrect."),
        (403, _) => (
            "forbidden",
            "Account is temporarily locked due to multiple authentication failures",
        ),
        (404, _) => ("not_found", "Database does not exist."),
        (408, _) => (
            "timeout",
            "The request could not be processed in a reasonable amount of time.",
        ),
        (409, _) => ("conflict", "Document update conflict."),
        (412, RequestKind::CreateDatabase) => (
            "file_exists",
            "The database could not be created, the file already exists.",
        ),
        (412, _) => (
            "missing_stub",
            "Invalid attachment stub in +14155550100 for photo.png",
        ),
        (413, _) => ("too_large", "the request entity is too large"),
        (417, _) => ("expectation_failed", "a document was refused"),
        (429, _) => ("too_many_requests", "slow down"),
        _ => ("internal_server_error", "a worker died"),
    }
}
