//! Which entries of the lock belong to runs that are alive, as `unlock` sees it. This module reads and writes nothing; `unlock`
//! does what it says. `interleavings` checks it against every order of events.

use std::time::{Duration, Instant};

use super::entry::{Entry, Watch};
use super::holders::Holders;
use super::renewal;

/// The longest time for which entries are watched. Runs of this library renew them every ten seconds.
const LONGEST: Duration = Duration::from_secs(25);

/// Entries that are watched.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    first: Vec<Entry>,
    watch: Watch,
    began: Instant,
    patience: Duration,
}

/// The result of a survey. An entry that its run removed meanwhile is in neither list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surveyed {
    /// The entries that stayed as they were for two renewals of their runs.
    pub(super) silent: Vec<Entry>,
    /// Those that changed or came.
    pub(super) alive: Vec<Entry>,
}

impl Survey {
    /// Begins to watch the entries that were read at this moment. `None`: the document has no entry.
    pub(super) fn begin(holders: &Holders, at: Instant) -> Option<Self> {
        let two_renewals = |entry: &Entry| {
            let two = renewal::interval(entry.lease()) * 2 + Duration::from_secs(1);
            two.min(LONGEST)
        };
        let patience = holders.iter().map(two_renewals).max()?;
        let mut watch = Watch::default();
        watch.see(holders.iter(), at);
        Some(Self {
            first: holders.iter().cloned().collect(),
            watch,
            began: at,
            patience,
        })
    }

    /// How long the entries are watched.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The entries that were there at the beginning, and that moment, for the state of a checker.
    #[cfg(test)]
    pub(super) fn began(&self) -> (&[Entry], Instant) {
        (&self.first, self.began)
    }

    /// The document was read at this moment. The result, if it is known: nothing is removed while any run is alive.
    pub(super) fn see(&mut self, holders: &Holders, at: Instant) -> Option<Surveyed> {
        self.watch.see(holders.iter(), at);
        let all: Vec<Entry> = holders.iter().cloned().collect();
        let (alive, silent): (Vec<Entry>, Vec<Entry>) = all
            .into_iter()
            .partition(|entry| self.watch.has_changed(entry));
        if alive.is_empty() && at.saturating_duration_since(self.began) < self.patience {
            return None;
        }
        // A run that took the lock during the watch is alive, too.
        let (silent, new): (Vec<Entry>, Vec<Entry>) = silent
            .into_iter()
            .partition(|entry| self.first.contains(entry));
        let silent = if alive.is_empty() { silent } else { Vec::new() };
        Some(Surveyed {
            silent,
            alive: [alive, new].concat(),
        })
    }
}
