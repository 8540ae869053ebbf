//! The results of an audit, shared by its tasks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::number_set::NumberSet;
use super::tally::FindingTally;
use crate::engine::Kept;
use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::Drift;
use crate::report::{Finding, NumberCounts};
use document::Digest;

/// A number with a copy that seems to be missing or to differ.
pub(super) struct Recheck {
    pub(super) id: String,
    /// The number database of the number.
    pub(super) from: DatabaseName,
    /// Its document there, if memory had room for it.
    pub(super) source: Option<Kept>,
    /// The digest of the copy in the snapshot.
    pub(super) known: Option<Digest>,
}

/// The results of an audit, shared by its tasks.
#[derive(Default)]
pub(super) struct AuditResults {
    collected: Mutex<Collected>,
    numbers: Mutex<Numbers>,
    pub(super) rechecks: Mutex<BTreeMap<AccountId, Vec<Recheck>>>,
    pub(super) in_sync: AtomicU64,
    pub(super) assigned: AtomicU64,
    unchecked: AtomicU64,
}

#[derive(Default)]
struct Collected {
    findings: Vec<Finding>,
    /// By database and number. Three number databases can assign a number to three accounts: one finding for each database.
    contested: BTreeMap<(DatabaseName, String), Finding>,
}

/// The numbers of the scope that were read, and those of them that could not be checked completely.
#[derive(Default)]
struct Numbers {
    looked_at: NumberSet,
    unchecked: NumberSet,
}

impl AuditResults {
    pub(super) fn add(&self, finding: Finding) {
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if finding.kind != Drift::Contested {
            collected.findings.push(finding);
            return;
        }
        let place = (finding.database.clone(), finding.number.clone());
        match collected.contested.entry(place) {
            Entry::Vacant(place) => {
                place.insert(finding);
            }
            // The same one, whatever the order in which databases were read.
            Entry::Occupied(mut place) if finding < *place.get() => {
                place.insert(finding);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Takes the findings so far. At the end of the audit the contested numbers are among them.
    pub(super) fn take(&self, is_end: bool) -> Vec<Finding> {
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut findings = std::mem::take(&mut collected.findings);
        if is_end {
            findings.extend(std::mem::take(&mut collected.contested).into_values());
        }
        findings
    }

    /// Counts numbers that the audit looked at.
    pub(super) fn add_looked_at<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        ids.into_iter().for_each(|id| numbers.looked_at.insert(id));
    }

    /// Counts documents that could not be checked completely.
    pub(super) fn add_unchecked<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            numbers.unchecked.insert(id);
            count(&self.unchecked);
        }
    }

    /// The number of documents that could not be checked completely.
    pub(super) fn unchecked(&self) -> u64 {
        self.unchecked.load(Ordering::Relaxed)
    }

    /// Counts the numbers, each once.
    pub(super) fn count_numbers(&self, tally: &FindingTally) -> NumberCounts {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = std::mem::take(&mut numbers.looked_at);
        tally.of_numbers(looked_at, &numbers.unchecked)
    }

    pub(super) fn add_recheck(&self, account: AccountId, recheck: Recheck) {
        self.rechecks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(account)
            .or_default()
            .push(recheck);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
