//! The parts of the cluster that a run leaves alone (docs/specification.md#exclude).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::Run;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::selection::Exclusions;
use couchdb::Error;
use document::{Change, Document};

/// The exclusions of a run, and how many changes they held up.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    parts: OnceLock<Exclusions>,
    changes: AtomicU64,
}

impl Run {
    /// Takes the exclusions of the settings, with normalised numbers. Without this call nothing is excluded.
    pub(crate) async fn exclude(&self) -> Result<(), Error> {
        if !self.settings.exclude.is_empty() {
            let normaliser = self.normaliser().await?;
            let normalised = |number: &str| normaliser.normalise(number);
            let parts = self.settings.exclude.normalised(normalised);
            // Fails only if it is set twice.
            let _ = self.excluded.parts.set(parts);
        }
        Ok(())
    }

    /// Whether a document is left alone. `accounts`: those that it is assigned to, or concerns.
    pub(crate) fn excludes(
        &self,
        database: &DatabaseName,
        id: &str,
        accounts: &[AccountId],
    ) -> bool {
        let parts = self.excluded.parts.get();
        parts.is_some_and(|parts| parts.hold(database, id, accounts))
    }

    /// Whether a change is not made because its document is left alone. It is counted.
    pub(super) fn excludes_change(&self, database: &DatabaseName, change: &Change) -> bool {
        if self.excluded.parts.get().is_none() {
            return false;
        }
        let assigned = |document: &Document| NumberFacts::of(document).assigned_to;
        let sides = [change.before(), change.after()];
        let accounts: Vec<AccountId> = sides.into_iter().flatten().filter_map(assigned).collect();
        let excludes = self.excludes(database, change.id(), &accounts);
        if excludes {
            self.excluded.changes.fetch_add(1, Ordering::Relaxed);
        }
        excludes
    }

    /// How many changes were not made because of exclusions.
    pub(crate) fn excluded_changes(&self) -> u64 {
        self.excluded.changes.load(Ordering::Relaxed)
    }
}
