//! The numbers that accounts hold: a digest each, and marks.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::kazoo::AccountId;
use crate::plan::{Drift, Elsewhere, place_in_account};
use couchdb::Digest;

/// `pvt_used_by` is not what the account's documents say.
pub(super) const USED_BY_IS_WRONG: u8 = 1;
/// The document says that it is another account's.
pub(super) const IS_ANOTHERS: u8 = 1 << 1;
/// The document says that it is this account's.
pub(super) const IS_AT_HOME: u8 = 1 << 2;
/// A number database that may hold the number has a document of it.
const EXISTS: u8 = 1 << 3;
/// One of them is assigned to an account.
const IS_HELD: u8 = 1 << 4;
/// One of them is assigned to this account.
const IS_HELD_HERE: u8 = 1 << 5;
/// It was seen in a database that the audit is about.
pub(super) const WAS_SEEN: u8 = 1 << 6;

/// An account's live number document.
pub(super) struct Entry {
    pub(super) id: Box<str>,
    pub(super) account: AccountId,
    digest: Digest,
    marks: AtomicU8,
}

impl Entry {
    pub(super) fn new(id: &str, account: AccountId, digest: Digest, marks: u8) -> Self {
        Self {
            id: id.into(),
            account,
            digest,
            marks: AtomicU8::new(marks),
        }
    }

    pub(super) fn mark(&self, marks: u8) {
        self.marks.fetch_or(marks, Ordering::Relaxed);
    }

    pub(super) fn has(&self, mark: u8) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    /// What the number databases that were read make of it.
    pub(super) fn place(&self) -> Option<Drift> {
        place_in_account(
            self.has(IS_AT_HOME),
            Elsewhere {
                exists: self.has(EXISTS),
                is_held: self.has(IS_HELD),
                is_held_here: self.has(IS_HELD_HERE),
            },
        )
    }
}

/// All of them, by number and account.
pub(super) struct Held(Vec<Entry>);

impl Held {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries
            .sort_unstable_by(|one, other| (&one.id, one.account).cmp(&(&other.id, other.account)));
        entries.shrink_to_fit();
        Self(entries)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The accounts' documents of a number.
    fn of(&self, number: &str) -> &[Entry] {
        let start = self.0.partition_point(|entry| *entry.id < *number);
        let rest = self.0.get(start..).unwrap_or_default();
        let end = rest.partition_point(|entry| *entry.id == *number);
        rest.get(..end).unwrap_or_default()
    }

    /// What an account held of a number when it was read.
    pub(super) fn digest_of(&self, account: AccountId, number: &str) -> Option<Digest> {
        let mut all = self.of(number).iter();
        all.find(|entry| entry.account == account)
            .map(|entry| entry.digest)
    }

    /// A number database that may hold this number has a document of it, which is assigned to
    /// this account, if it is a live number and assigned.
    pub(super) fn exists(&self, number: &str, assigned_to: Option<AccountId>, further: u8) {
        for entry in self.of(number) {
            let held = match assigned_to {
                Some(account) if account == entry.account => IS_HELD | IS_HELD_HERE,
                Some(_) => IS_HELD,
                None => 0,
            };
            entry.mark(EXISTS | held | further);
        }
    }
}
