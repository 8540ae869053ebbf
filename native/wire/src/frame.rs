//! The frames of one job in both directions.

use crate::decode::{MalformedTerm, decode};
use crate::encode::encode;
use crate::request::StartRequest;
use crate::term::{Term, Unexpected};
use kazoo_numbers::couchdb::Rate;
use kazoo_numbers_logs::activity::Activity;
use kazoo_numbers_logs::session::LogEvent;
use thiserror::Error;

/// A frame from Erlang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNative {
    /// A start request.
    Start(Box<StartRequest>),
    /// The answer to the batch of lines or the call with this number.
    Reply(u64, Term),
    /// Cancels the job: it finishes the request in flight, writes nothing more, and ends.
    Cancel,
    /// Asks what the job does at the moment.
    Activity,
    /// Pauses the job: it finishes the requests in flight and starts none.
    Pause,
    /// Continues a job that was paused.
    Resume,
    /// Limits the requests of the job in a second. `None`: no limit.
    Throttle(Option<Rate>),
}

/// Why bytes are not a valid frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadFrame {
    /// The bytes are not a term.
    #[error("bad frame: {0}")]
    Malformed(#[from] MalformedTerm),
    /// The term is not a frame.
    #[error("bad frame: {0}")]
    Unexpected(#[from] Unexpected),
}

impl ToNative {
    /// Decodes a frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFrame> {
        let term = decode(bytes)?;
        match (&term, term.as_atom(), term.as_tagged()) {
            (Term::Map(_), _, _) => Ok(Self::Start(Box::new(StartRequest::try_from(&term)?))),
            (_, Some("cancel"), _) => Ok(Self::Cancel),
            (_, Some("activity"), _) => Ok(Self::Activity),
            (_, Some("pause"), _) => Ok(Self::Pause),
            (_, Some("resume"), _) => Ok(Self::Resume),
            (_, _, Some(("throttle", [rate]))) => throttle(rate),
            (_, _, Some(("reply", [Term::Integer(number), answer]))) => {
                let number = u64::try_from(*number)
                    .map_err(|_| Unexpected::instead_of("the number of a call"))?;
                Ok(Self::Reply(number, answer.clone()))
            }
            _ => Err(Unexpected::instead_of(
                "a start request, a reply, cancel, activity, pause, resume or throttle",
            )
            .into()),
        }
    }
}

/// `off`, or a number as text.
fn throttle(rate: &Term) -> Result<ToNative, BadFrame> {
    if rate.as_atom() == Some("off") {
        return Ok(ToNative::Throttle(None));
    }
    let rate = rate.as_text().and_then(|text| text.parse().ok());
    match rate {
        Some(rate) => Ok(ToNative::Throttle(Some(rate))),
        None => Err(Unexpected::instead_of("requests a second, or off").into()),
    }
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobResult {
    /// `ok`.
    Ok,
    /// `no_return`.
    NoReturn,
    /// `{no_return, Status}`.
    Status(i64),
    /// `{ok, Text}`.
    Value(String),
    /// `{error, Text}`.
    Error(String),
    /// The answer to an app usage query: the binary, or `undefined`.
    App(Option<String>),
}

/// A frame to Erlang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromNative {
    /// Lines to print. Requires a reply.
    LineSender(u64, Vec<String>),
    /// Lines to log, outside the output. Requires a reply.
    Log(u64, Vec<String>),
    /// The progress of the run. Requires a reply.
    Progress(u64, String),
    /// Events for the log, and the number of events that were dropped before them. Requires a reply.
    Events(u64, u64, Vec<LogEvent>),
    /// The id of the run, and its work in progress, the longest first. No reply.
    Activity(String, Vec<Activity>),
    /// A call. Requires a reply.
    Call(u64, Term),
    /// The job has ended.
    Done(JobResult),
    /// The job could not run, with the reason.
    Failed(String),
}

impl FromNative {
    /// Encodes the frame.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.to_term())
    }

    fn to_term(&self) -> Term {
        match self {
            Self::LineSender(number, lines) => Term::tagged("lines", numbered(*number, lines)),
            Self::Log(number, lines) => Term::tagged("log", numbered(*number, lines)),
            Self::Progress(number, line) => {
                Term::tagged("progress", [sequence(*number), Term::text(line)])
            }
            Self::Events(number, dropped, events) => Term::tagged(
                "events",
                [
                    sequence(*number),
                    sequence(*dropped),
                    Term::List(events.iter().map(event).collect()),
                ],
            ),
            Self::Activity(run, activities) => Term::tagged(
                "activity",
                [
                    Term::text(run),
                    Term::List(activities.iter().map(activity).collect()),
                ],
            ),
            Self::Call(number, request) => {
                Term::tagged("call", [sequence(*number), request.clone()])
            }
            Self::Done(returned) => Term::tagged("done", [returned.to_term()]),
            Self::Failed(line) => Term::tagged("failed", [Term::text(line)]),
        }
    }
}

impl JobResult {
    fn to_term(&self) -> Term {
        match self {
            Self::Ok => Term::atom("ok"),
            Self::NoReturn => Term::atom("no_return"),
            Self::Status(status) => Term::tagged("no_return", [Term::Integer(*status)]),
            Self::Value(text) => Term::tagged("value", [Term::atom("ok"), Term::text(text)]),
            Self::Error(text) => Term::tagged("value", [Term::atom("error"), Term::text(text)]),
            Self::App(app) => Term::tagged(
                "app",
                [app.as_ref()
                    .map_or_else(|| Term::atom("undefined"), Term::text)],
            ),
        }
    }
}

fn event(event: &LogEvent) -> Term {
    let mut about = vec![(Term::atom("target"), Term::text(event.target))];
    for (key, value) in [
        ("run", &event.run),
        ("function", &event.function),
        ("database", &event.database),
    ] {
        if let Some(value) = value {
            about.push((Term::atom(key), Term::text(value)));
        }
    }
    let line = Term::text(&event.line);
    Term::tagged(event.level, [line, Term::Map(about)])
}

fn activity(activity: &Activity) -> Term {
    let milliseconds = i64::try_from(activity.age.as_millis()).unwrap_or(i64::MAX);
    Term::Tuple(vec![
        Term::text(&activity.text),
        Term::Integer(milliseconds),
    ])
}

fn numbered(number: u64, lines: &[String]) -> [Term; 2] {
    let lines = lines.iter().map(Term::text).collect();
    [sequence(number), Term::List(lines)]
}

fn sequence(number: u64) -> Term {
    Term::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
