//! The state of a watch that its page shows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use kazoo_numbers::report::Metrics;
use kazoo_numbers::report::audit::{Audit, to_html};
use kazoo_numbers::run::Finished;

/// A watch without an audit for this time is not healthy.
const LONGEST_SILENCE: Duration = Duration::from_secs(180);

/// The last audit, and what counts all of them.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    audit: Option<(Instant, Audit)>,
    metrics: Metrics,
    failure: Option<String>,
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an audit, and adds it to the counters.
    pub(super) fn set(&self, audit: Audit, finished: &Finished) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let mut state = self.state();
        state.metrics.add(&finished.summary, 0, now);
        if let Some(audited) = &finished.audit {
            state.metrics.set_drift(&audited.totals);
        }
        state.audit = Some((Instant::now(), audit));
        state.failure = None;
    }

    pub(super) fn fail(&self, line: String) {
        self.state().failure = Some(line);
    }

    pub(super) fn metrics(&self) -> String {
        self.state().metrics.render()
    }

    /// The page of the last audit.
    pub(super) fn page(&self) -> Option<String> {
        self.state().audit.as_ref().map(|(_, audit)| to_html(audit))
    }

    /// Why the watch is not healthy.
    pub(super) fn illness(&self) -> Option<String> {
        let state = self.state();
        if let Some(failure) = &state.failure {
            return Some(failure.clone());
        }
        match &state.audit {
            None => Some("no audit has ended yet".to_owned()),
            Some((at, _)) if at.elapsed() > LONGEST_SILENCE => Some(format!(
                "the last audit ended {} seconds ago",
                at.elapsed().as_secs()
            )),
            Some(_) => None,
        }
    }
}
