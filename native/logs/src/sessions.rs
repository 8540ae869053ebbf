//! The sessions in progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::event::LogEvent;

/// The most events in the queue of a session.
const QUEUE: usize = 1024;

/// A session, as its spans see it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: u64,
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

impl Session {
    fn queue(&self) -> MutexGuard<'_, Option<mpsc::Sender<LogEvent>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event of this level, if the session wants it and has room.
    pub(crate) fn queue_event(&self, level: Level, event: impl FnOnce() -> LogEvent) {
        if level > self.level {
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
        room.send(event());
    }

    /// Begins a session that wants events of this level and above.
    pub(crate) fn begin(level: LevelFilter) -> (Arc<Self>, mpsc::Receiver<LogEvent>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let session = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            level,
            queue: Mutex::new(Some(sender)),
            dropped: AtomicU64::new(0),
        });
        let mut sessions = sessions();
        sessions.insert(session.number, session.clone());
        levels_changed(&sessions);
        drop(sessions);
        (session, receiver)
    }

    /// Ends the session. Later events are ignored: parts of a run may outlive it.
    pub(crate) fn end(&self) {
        drop(self.queue().take());
        let mut sessions = sessions();
        if sessions.remove(&self.number).is_some() {
            levels_changed(&sessions);
        }
    }

    /// The number of events that were dropped since the last call.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}
