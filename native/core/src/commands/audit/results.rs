//! The results of an audit, shared by its tasks.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::filter::Filter;
use super::number_set::NumberSet;
use super::tally::{FindingTally, Treatment};
use crate::engine::{Kept, Run};
use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::Drift;
use crate::report::{Audit, AuditScope, Event, Finding, NumberCounts};
use document::Digest;

/// A number with a copy that seems to be missing or to differ.
pub(super) struct Recheck {
    pub(super) id: String,
    /// The number database of the number.
    pub(super) from: DatabaseName,
    /// Its document there, if memory had room for it.
    pub(super) source: Option<Kept>,
    /// Whether the source's facts came from the index, without the document.
    pub(super) is_indexed: bool,
    /// The digest of the copy in the snapshot.
    pub(super) known: Option<Digest>,
}

/// The results of an audit, shared by its tasks.
pub(super) struct AuditResults {
    filter: Filter,
    /// Whether findings are sent as soon as they are found.
    streams: bool,
    /// Whether findings are kept for the audit.
    keeps: bool,
    tally: Mutex<FindingTally>,
    kept: Mutex<Vec<Finding>>,
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
    pub(super) fn new(run: &Run, filter: Filter) -> Self {
        let streams = run.settings.audit.streams;
        Self {
            filter,
            streams,
            // A report has all findings.
            keeps: !streams || run.settings.report.is_some(),
            tally: Mutex::default(),
            kept: Mutex::default(),
            collected: Mutex::default(),
            numbers: Mutex::default(),
            rechecks: Mutex::default(),
            in_sync: AtomicU64::new(0),
            assigned: AtomicU64::new(0),
            unchecked: AtomicU64::new(0),
        }
    }

    /// Sends the findings so far, if the audit does not keep them until its end.
    pub(super) async fn flush(&self, run: &Run) {
        if self.streams {
            self.settle(run, false).await;
        }
    }

    /// Counts findings, and sends or keeps those that are reported. At the end the contested numbers are among them.
    pub(super) async fn settle(&self, run: &Run, is_end: bool) {
        let reported = self.reported(run, self.take(is_end));
        if self.streams {
            for finding in &reported {
                let finding = Box::new(finding.clone());
                run.reporter.send(Event::Finding(finding)).await;
            }
        }
        if self.keeps {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(reported);
        }
    }

    /// Counts findings, and returns those that are reported.
    fn reported(&self, run: &Run, mut findings: Vec<Finding>) -> Vec<Finding> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        findings.retain(|finding| {
            let treatment = if excludes(run, finding) {
                Treatment::NotAsked
            } else {
                self.filter.treatment(finding)
            };
            tally.add(finding, treatment);
            treatment == Treatment::Reported
        });
        findings
    }

    /// Makes the report of a settled audit.
    pub(super) fn audit(&self, scope: AuditScope) -> (Audit, BTreeSet<AccountId>) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let audit = Audit {
            assigned: self.assigned.load(Ordering::Relaxed),
            in_sync: self.in_sync.load(Ordering::Relaxed),
            unchecked: self.unchecked.load(Ordering::Relaxed),
            numbers: self.count_numbers(&tally),
            only_kinds: self.filter.kinds().iter().copied().collect(),
            accepted: self.filter.entries(),
            ..Audit::new(scope, &tally.of_kinds(), kept)
        };
        (audit, tally.accounts().clone())
    }

    /// Warnings about entries of the file of accepted findings.
    pub(super) fn warnings(&self, is_whole: bool) -> Vec<String> {
        self.filter.warnings(is_whole)
    }

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
    fn take(&self, is_end: bool) -> Vec<Finding> {
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
    pub(super) fn add_looked_at(&self, ids: &NumberSet) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.looked_at.extend(ids);
    }

    /// Counts documents that could not be checked completely.
    pub(super) fn add_unchecked<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            numbers.unchecked.insert(id);
            count(&self.unchecked);
        }
    }

    /// Counts the numbers, each once.
    fn count_numbers(&self, tally: &FindingTally) -> NumberCounts {
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

/// Whether a finding is about something that the run leaves alone.
fn excludes(run: &Run, finding: &Finding) -> bool {
    let accounts = [finding.account, finding.assigned_to];
    let accounts: Vec<AccountId> = accounts.into_iter().flatten().collect();
    run.excludes(&finding.database, &finding.number, &accounts)
}
