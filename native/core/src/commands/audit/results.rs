//! The results of an audit, shared by its tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::Kept;
use crate::kazoo::{AccountId, DatabaseName};
use crate::report::Finding;
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
    pub(super) findings: Mutex<Vec<Finding>>,
    pub(super) rechecks: Mutex<BTreeMap<AccountId, Vec<Recheck>>>,
    pub(super) in_sync: AtomicU64,
    pub(super) assigned: AtomicU64,
    pub(super) unchecked: AtomicU64,
}

impl AuditResults {
    pub(super) fn add(&self, finding: Finding) {
        self.findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(finding);
    }

    /// Counts documents that could not be checked completely.
    pub(super) fn add_unchecked(&self, documents: usize) {
        self.unchecked
            .fetch_add(documents as u64, Ordering::Relaxed);
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
