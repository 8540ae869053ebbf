//! The numbers that accounts hold: a digest each, and marks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::kazoo::AccountId;
use crate::plan::{Drift, Elsewhere, Owner, place_in_account};
use document::Digest;

/// `pvt_used_by` is not what the account's documents say.
pub(super) const USED_BY_IS_WRONG: u16 = 1;
/// The document says that it is another account's.
pub(super) const IS_ANOTHERS: u16 = 1 << 1;
/// The document says that it is this account's.
const IS_AT_HOME: u16 = 1 << 2;
/// The document's assignment is no account id.
pub(super) const IS_ODD: u16 = 1 << 3;
/// A number database that may hold the number has a document of it.
const EXISTS: u16 = 1 << 4;
/// One of them is assigned to an account.
const IS_HELD: u16 = 1 << 5;
/// One of them is assigned to this account.
const IS_HELD_HERE: u16 = 1 << 6;
/// One of them is live and assigned to nobody.
const IS_RELEASED: u16 = 1 << 7;
/// An account that was not read whole claims it, too.
const IS_CLAIMED: u16 = 1 << 9;
/// It was seen in a database that the audit is about.
pub(super) const WAS_SEEN: u16 = 1 << 8;

/// The mark for whose a copy says that it is.
pub(super) fn mark_of(owner: Owner) -> u16 {
    match owner {
        Owner::Here => IS_AT_HOME,
        Owner::Another => IS_ANOTHERS,
        Owner::Odd => IS_ODD,
        Owner::Nobody => 0,
    }
}

/// An account's live number document.
pub(super) struct Entry {
    pub(super) id: Box<str>,
    pub(super) account: AccountId,
    digest: Digest,
    marks: AtomicU16,
}

impl Entry {
    pub(super) fn new(id: &str, account: AccountId, digest: Digest, marks: u16) -> Self {
        Self {
            id: id.into(),
            account,
            digest,
            marks: AtomicU16::new(marks),
        }
    }

    fn mark(&self, marks: u16) {
        self.marks.fetch_or(marks, Ordering::Relaxed);
    }

    pub(super) fn has(&self, mark: u16) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    fn owner(&self) -> Owner {
        [Owner::Here, Owner::Another, Owner::Odd]
            .into_iter()
            .find(|owner| self.has(mark_of(*owner)))
            .unwrap_or(Owner::Nobody)
    }
}

/// What a number database holds of a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holding {
    /// A live number, assigned to this account.
    Assigned(AccountId),
    /// A live number, assigned to nobody.
    Released,
    /// Anything else.
    Other,
}

/// All of them, by number and account.
pub(super) struct Held {
    entries: Vec<Entry>,
    /// The account that a number database assigns a number to, where it is another than the entry's: by the entry's index.
    assigned_to: Mutex<HashMap<usize, AccountId>>,
}

impl Held {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries
            .sort_unstable_by(|one, other| (&one.id, one.account).cmp(&(&other.id, other.account)));
        entries.shrink_to_fit();
        Self {
            entries,
            assigned_to: Mutex::default(),
        }
    }

    /// Each entry, with its index.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate()
    }

    /// The accounts' documents of a number, and the index of the first.
    fn of(&self, number: &str) -> (usize, &[Entry]) {
        let start = self.entries.partition_point(|entry| *entry.id < *number);
        let rest = self.entries.get(start..).unwrap_or_default();
        let end = rest.partition_point(|entry| *entry.id == *number);
        (start, rest.get(..end).unwrap_or_default())
    }

    /// What an account held of a number when it was read.
    pub(super) fn digest_of(&self, account: AccountId, number: &str) -> Option<Digest> {
        let mut all = self.of(number).1.iter();
        all.find(|entry| entry.account == account)
            .map(|entry| entry.digest)
    }

    /// A number database that may hold this number has a document of it.
    pub(super) fn exists(&self, number: &str, holding: Holding, further: u16) {
        let (start, entries) = self.of(number);
        for (index, entry) in (start..).zip(entries) {
            let marks = match holding {
                Holding::Assigned(account) if account == entry.account => IS_HELD | IS_HELD_HERE,
                Holding::Assigned(account) => {
                    self.assigned_to
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(index, account);
                    IS_HELD
                }
                Holding::Released => IS_RELEASED,
                Holding::Other => 0,
            };
            entry.mark(EXISTS | marks | further);
        }
    }

    /// Whether a database that the audit is about has a document of this number, which an account holds live.
    pub(super) fn was_seen(&self, number: &str) -> bool {
        self.of(number).1.iter().any(|entry| entry.has(WAS_SEEN))
    }

    /// Numbers that no number database has and whose copy says that it is the account's.
    pub(super) fn claims(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.has(IS_AT_HOME) && !entry.has(EXISTS))
    }

    /// Another account claims the entry's number, which was not among those read.
    pub(super) fn claimed(&self, number: &str) {
        for entry in self.of(number).1 {
            entry.mark(IS_CLAIMED);
        }
    }

    /// The account that a number database assigns an entry's number to, where it is another than the entry's.
    pub(super) fn assigned_to(&self, index: usize) -> Option<AccountId> {
        self.assigned_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .copied()
    }

    /// What the number databases and the other accounts that were read make of an entry.
    pub(super) fn place(&self, entry: &Entry) -> Option<Drift> {
        let claims = self.of(&entry.id).1.iter();
        let elsewhere = Elsewhere {
            exists: entry.has(EXISTS),
            is_held: entry.has(IS_HELD),
            is_held_here: entry.has(IS_HELD_HERE),
            is_released: entry.has(IS_RELEASED),
            is_claimed: entry.has(IS_CLAIMED)
                || claims
                    .filter(|other| other.account != entry.account)
                    .any(|other| other.has(IS_AT_HOME)),
        };
        place_in_account(entry.owner(), elsewhere)
    }
}
