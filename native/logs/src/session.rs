//! The events of one run, on their way to Erlang.
//!
//! The run never waits for its log: an event that has no room in the queue is dropped and counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Span, info_span};

use crate::fields::Fields;
use crate::recorder::{self, OpenSpan};

/// The most events in the queue of a session.
const QUEUE: usize = 1024;

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// `error`, `warning`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// The module of the code.
    pub target: &'static str,
    /// The message with its fields and those of its spans, one line without credentials.
    pub line: String,
    /// The id of the run.
    pub run: Option<String>,
    /// The function of the run.
    pub function: Option<String>,
    /// The database.
    pub database: Option<String>,
}

/// A session, as its spans see it.
#[derive(Debug)]
pub(crate) struct Session {
    number: u64,
    level: LevelFilter,
    /// `None` after the end.
    queue: Mutex<Option<mpsc::Sender<LogEvent>>>,
    dropped: AtomicU64,
}

/// The sessions in progress, by their numbers.
static SESSIONS: Mutex<BTreeMap<u64, Arc<Session>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);
/// The level of the most verbose session, by its place in [`LEVELS`].
static MOST_VERBOSE: AtomicU64 = AtomicU64::new(0);

const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

fn sessions() -> MutexGuard<'static, BTreeMap<u64, Arc<Session>>> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn most_verbose() -> LevelFilter {
    let place = usize::try_from(MOST_VERBOSE.load(Ordering::Relaxed)).unwrap_or_default();
    LEVELS.get(place).copied().unwrap_or(LevelFilter::OFF)
}

/// Notes the level of the most verbose session. Code that logs caches whether anyone wants its events, so the cache is rebuilt.
fn levels_changed(sessions: &BTreeMap<u64, Arc<Session>>) {
    let most = sessions.values().map(|session| session.level).max();
    let place = LEVELS.iter().position(|level| Some(*level) == most);
    let place = place.unwrap_or_default() as u64;
    if MOST_VERBOSE.swap(place, Ordering::Relaxed) != place {
        tracing::callsite::rebuild_interest_cache();
    }
}

pub(crate) fn of_number(number: u64) -> Option<Arc<Session>> {
    sessions().get(&number).cloned()
}

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
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(QUEUE);
        let session = Arc::new(Session {
            number,
            level,
            queue: Mutex::new(Some(sender)),
            dropped: AtomicU64::new(0),
        });
        {
            let mut sessions = sessions();
            sessions.insert(number, session.clone());
            levels_changed(&sessions);
        }
        let span = info_span!(parent: None, "session", session = number);
        (Self { session, span }, receiver)
    }

    /// The span that the run must be in.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The number of events that were dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.session.dropped.swap(0, Ordering::Relaxed)
    }

    /// Whether a span belongs to this session.
    pub(crate) fn has(&self, span: &OpenSpan) -> bool {
        span.session
            .as_ref()
            .is_some_and(|session| session.number == self.session.number)
    }

    /// Ends the session. Events that come later are ignored: parts of a run may outlive it.
    pub fn end(&self) {
        drop(self.session.queue().take());
        let mut sessions = sessions();
        if sessions.remove(&self.session.number).is_some() {
            levels_changed(&sessions);
        }
    }
}

impl Drop for LogSession {
    fn drop(&mut self) {
        self.end();
    }
}

impl Session {
    fn queue(&self) -> MutexGuard<'_, Option<mpsc::Sender<LogEvent>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn event(&self, event: &Event<'_>, span: &OpenSpan) {
        if *event.metadata().level() > self.level {
            return;
        }
        let Some(queue) = self.queue().clone() else {
            return;
        };
        // Before the event is made: making it is most of the work.
        let Ok(room) = queue.try_reserve() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        room.send(log_event(event, span));
    }
}

fn log_event(event: &Event<'_>, span: &OpenSpan) -> LogEvent {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let mut made = LogEvent {
        level: level(*event.metadata().level()),
        target: event.metadata().target(),
        line: String::new(),
        run: None,
        function: None,
        database: fields.get("database").map(str::to_owned),
    };
    let mut around = Vec::new();
    let mut next = Some(span);
    while let Some(span) = next {
        let fields = span.fields();
        match span.name {
            "session" => {}
            "run" => {
                made.run = fields.get("id").map(str::to_owned);
                made.function = fields.get("function").map(str::to_owned);
            }
            name => {
                if made.database.is_none() {
                    made.database = fields.get("database").map(str::to_owned);
                }
                around.push(format!("{name}{{{fields}}}"));
            }
        }
        next = span.parent.as_deref();
    }
    around.reverse();
    if !around.is_empty() {
        made.line = format!("{}: ", around.join(":"));
    }
    made.line += &fields.message;
    let values = fields.to_string();
    if !values.is_empty() {
        made.line.push(' ');
        made.line += &values;
    }
    made
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
