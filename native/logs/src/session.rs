//! The events of one run, on their way to Erlang.
//!
//! The run never waits for its log: an event that has no room in the queue is dropped and counted.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;
use tracing::{Span, info_span};

pub use crate::event::LogEvent;
use crate::open_span::OpenSpan;
use crate::recorder;
use crate::sessions::Session;

/// The handle of a session. Its end closes the queue.
#[derive(Debug)]
pub struct LogSession {
    session: Arc<Session>,
    span: Span,
}

impl LogSession {
    /// Begins a session that wants events of this level and above.
    pub fn begin(level: LevelFilter) -> (Self, mpsc::Receiver<LogEvent>) {
        recorder::install(|| None);
        let (session, receiver) = Session::begin(level);
        let span = info_span!(parent: None, "session", session = session.number);
        (Self { session, span }, receiver)
    }

    /// The span that the run must be in.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The number of events that were dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.session.take_dropped()
    }

    /// Whether a span belongs to this session.
    pub(crate) fn has(&self, span: &OpenSpan) -> bool {
        span.session
            .as_ref()
            .is_some_and(|session| session.number == self.session.number)
    }

    /// Ends the session. Events that come later are ignored: parts of a run may outlive it.
    pub fn end(&self) {
        self.session.end();
    }
}

impl Drop for LogSession {
    fn drop(&mut self) {
        self.end();
    }
}
