//! Counts the figures of a run from CouchDB's answers, not from requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{Failures, Reason};
use crate::kazoo::DatabaseName;
use couchdb::Kind;
use document::Change;

/// The outcome for a document that a command decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document was right.
    Unchanged,
    /// The document was created.
    Created,
    /// The document was updated.
    Updated,
    /// The document was deleted.
    Deleted,
}

impl Outcome {
    /// The outcome of a landed change.
    pub(crate) fn of(change: &Change) -> Self {
        match change {
            Change::Create { .. } => Self::Created,
            Change::Update { .. } => Self::Updated,
            Change::Delete { .. } => Self::Deleted,
        }
    }

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Documents that were right.
    pub unchanged: u64,
    /// Documents created.
    pub created: u64,
    /// Documents updated.
    pub updated: u64,
    /// Documents deleted.
    pub deleted: u64,
    /// Failures: numbers, counted per reason and database, and databases that could not be read.
    pub failed: u64,
}

impl Counts {
    /// Documents created, updated and deleted.
    pub fn written(&self) -> u64 {
        self.created + self.updated + self.deleted
    }

    fn add(&mut self, outcome: Outcome, times: u64) {
        match outcome {
            Outcome::Unchanged => self.unchanged += times,
            Outcome::Created => self.created += times,
            Outcome::Updated => self.updated += times,
            Outcome::Deleted => self.deleted += times,
        }
    }
}

#[derive(Debug, Default)]
struct Figures {
    databases: BTreeMap<DatabaseName, (u64, Counts)>,
    failures: Failures,
    /// Documents of all databases, kept for frequent reads.
    documents: u64,
    changed: u64,
}

/// The figures of a run, shared by its tasks.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Figures>);

impl Tally {
    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts documents that a database delivered.
    pub fn read(&self, database: &DatabaseName, documents: usize) {
        let mut figures = self.figures();
        figures.documents += documents as u64;
        figures.databases.entry(database.clone()).or_default().0 += documents as u64;
    }

    /// Counts outcomes of documents in a database.
    pub fn decided(&self, database: &DatabaseName, outcome: Outcome, times: u64) {
        let mut figures = self.figures();
        if outcome != Outcome::Unchanged {
            figures.changed += times;
        }
        let counts = &mut figures.databases.entry(database.clone()).or_default().1;
        counts.add(outcome, times);
    }

    /// Records the failure of a number in a database, by its encoded name.
    pub fn failed(&self, database: &str, reason: Reason, number: &str) {
        self.figures().failures.number(database, reason, number);
    }

    /// Records a database that could not be read.
    pub fn database_failed(&self, database: &str, kind: Kind) {
        self.figures().failures.database(database, kind);
    }

    /// The number of documents delivered and of documents changed so far.
    pub fn so_far(&self) -> (u64, u64) {
        let figures = self.figures();
        (figures.documents, figures.changed)
    }

    /// The databases that delivered documents, or about whose documents the run has decided, sorted.
    pub fn databases(&self) -> Vec<DatabaseName> {
        self.figures().databases.keys().cloned().collect()
    }

    /// One database's figures.
    pub fn database(&self, database: &DatabaseName) -> (u64, Counts) {
        let figures = self.figures();
        let (read, mut counts) = figures.databases.get(database).copied().unwrap_or_default();
        counts.failed = figures
            .failures
            .by_database()
            .get(&database.encoded())
            .map_or(0, super::DatabaseFailures::count);
        (read, counts)
    }

    /// The failures so far.
    pub fn failures(&self) -> Failures {
        self.figures().failures.clone()
    }

    /// The documents that the run has decided about so far in databases with these plain names, failures included.
    pub fn decided_documents(&self, is_counted: impl Fn(&str) -> bool) -> u64 {
        let figures = self.figures();
        let databases = figures.databases.iter();
        let counted = databases.filter(|(name, _)| is_counted(name.plain()));
        let failures = figures.failures.by_database();
        counted
            .map(|(name, (_, counts))| {
                let failed = failures.get(&name.encoded());
                let failed = failed.map_or(0, super::DatabaseFailures::count);
                counts.unchanged + counts.written() + failed
            })
            .sum()
    }

    /// The number of databases, the documents they delivered, the outcomes, and the failures.
    pub fn total(&self) -> (u64, u64, Counts, Failures) {
        let figures = self.figures();
        let mut total = Counts::default();
        let mut documents = 0;
        for (read, counts) in figures.databases.values() {
            documents += read;
            total.unchanged += counts.unchanged;
            total.created += counts.created;
            total.updated += counts.updated;
            total.deleted += counts.deleted;
        }
        total.failed = figures.failures.count();
        (
            figures.databases.len() as u64,
            documents,
            total,
            figures.failures.clone(),
        )
    }
}
