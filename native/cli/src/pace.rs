//! The pace of progress: at most three times a second, and the latest state is never kept back longer.

use std::time::{Duration, Instant};

use kazoo_numbers::report::Progress;

/// The least time between two reports of progress.
pub(crate) const INTERVAL: Duration = Duration::from_millis(334);

/// Something that is done at most once an interval.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    last: Option<Instant>,
}

impl Turn {
    /// The time until the next turn.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        let since = self.last.map(|last| now.saturating_duration_since(last));
        since.map_or(Duration::ZERO, |since| INTERVAL.saturating_sub(since))
    }

    /// Whether the next turn has come.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wait(now) == Duration::ZERO
    }

    /// Begins a turn.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

/// Progress that waits for its turn.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    turn: Turn,
    waiting: Option<Progress>,
}

impl Pace {
    /// Replaces the progress that waits.
    pub(crate) fn put(&mut self, progress: Progress) {
        self.waiting = Some(progress);
    }

    /// The time until the waiting progress may be reported. `None`: none waits.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        self.waiting?;
        Some(self.turn.wait(now))
    }

    /// The progress whose turn has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Progress> {
        self.waiting?;
        if !self.turn.is_due(now) {
            return None;
        }
        self.turn.begin(now);
        self.waiting.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_progress_is_reported_three_times_a_second() {
        let began = Instant::now();
        let mut pace = Pace::default();
        let mut reported = Vec::new();
        for millisecond in 0..2000 {
            let now = began + Duration::from_millis(millisecond);
            if millisecond < 1500 {
                pace.put(Progress {
                    databases: millisecond,
                    ..Progress::default()
                });
            }
            reported.extend(pace.take(now).map(|progress| progress.databases));
        }
        assert_eq!(reported, [0, 334, 668, 1002, 1336, 1499]);
        assert_eq!(pace.wait(began + Duration::from_secs(3)), None);
    }
}
