//! The frames of one job, both ways.

use crate::decode::{Malformed, decode};
use crate::encode::encode;
use crate::request::Start;
use crate::term::{Term, Unexpected};
use thiserror::Error;

/// A frame from Erlang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNative {
    /// Run this.
    Start(Box<Start>),
    /// The answer to the batch of lines or the call of that number.
    Reply(u64, Term),
    /// Finish the request in flight, write nothing more, end.
    Cancel,
}

/// Why a frame is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadFrame {
    /// The bytes are no term.
    #[error("bad frame: {0}")]
    Malformed(#[from] Malformed),
    /// The term is no frame.
    #[error("bad frame: {0}")]
    Unexpected(#[from] Unexpected),
}

impl ToNative {
    /// The frame in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFrame> {
        let term = decode(bytes)?;
        match (&term, term.as_atom(), term.as_tagged()) {
            (Term::Map(_), _, _) => Ok(Self::Start(Box::new(Start::try_from(&term)?))),
            (_, Some("cancel"), _) => Ok(Self::Cancel),
            (_, _, Some(("reply", [Term::Integer(number), answer]))) => {
                let number = u64::try_from(*number)
                    .map_err(|_| Unexpected::instead_of("the number of a call"))?;
                Ok(Self::Reply(number, answer.clone()))
            }
            _ => Err(Unexpected::instead_of("a start request, a reply or cancel").into()),
        }
    }
}

/// What a finished job returns to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
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
    /// What an app usage question answers: the binary, or `undefined`.
    App(Option<String>),
}

/// A frame to Erlang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromNative {
    /// Print these, then reply.
    Lines(u64, Vec<String>),
    /// Log these, then reply: they belong to no output.
    Log(u64, Vec<String>),
    /// So far is the run: take note of it, then reply.
    Progress(u64, String),
    /// Do this, then reply.
    Call(u64, Term),
    /// The job is over.
    Done(Returned),
    /// The job could not be done at all, for the reason in this line.
    Failed(String),
}

impl FromNative {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.to_term())
    }

    fn to_term(&self) -> Term {
        match self {
            Self::Lines(number, lines) => Term::tagged("lines", numbered(*number, lines)),
            Self::Log(number, lines) => Term::tagged("log", numbered(*number, lines)),
            Self::Progress(number, line) => {
                Term::tagged("progress", [sequence(*number), Term::text(line)])
            }
            Self::Call(number, request) => {
                Term::tagged("call", [sequence(*number), request.clone()])
            }
            Self::Done(returned) => Term::tagged("done", [returned.to_term()]),
            Self::Failed(line) => Term::tagged("failed", [Term::text(line)]),
        }
    }
}

impl Returned {
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

fn numbered(number: u64, lines: &[String]) -> [Term; 2] {
    let lines = lines.iter().map(Term::text).collect();
    [sequence(number), Term::List(lines)]
}

fn sequence(number: u64) -> Term {
    Term::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
