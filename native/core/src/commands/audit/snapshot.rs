//! A snapshot of the accounts' copies: a digest and flags of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use super::WrongSources;
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase};
use crate::plan::{Drift, Elsewhere, Owner, place_in_account};
use document::Digest;

/// `pvt_used_by` differs from the usage in the account's documents.
pub(super) const WRONG_USED_BY: u16 = 1;
/// The copy is assigned to another account.
pub(super) const ASSIGNED_ELSEWHERE: u16 = 1 << 1;
/// The copy is assigned to its account.
const ASSIGNED_HERE: u16 = 1 << 2;
/// The assignment of the copy is not an account id.
pub(super) const ODD_ASSIGNMENT: u16 = 1 << 3;
/// A number database that may hold the number has a document of it.
const HAS_SOURCE: u16 = 1 << 4;
/// Such a document is assigned to an account.
const SOURCE_ASSIGNED: u16 = 1 << 5;
/// Such a document is assigned to the account of the copy.
const SOURCE_ASSIGNED_HERE: u16 = 1 << 6;
/// Such a document is live and assigned to nobody.
const SOURCE_UNASSIGNED: u16 = 1 << 7;
/// Such a document is in a database that the audit covers.
pub(super) const IN_SCOPE: u16 = 1 << 8;
/// An account outside of the snapshot claims the number.
const CLAIMED_OUTSIDE: u16 = 1 << 9;
/// Two or more accounts outside of the snapshot claim the number.
const CLAIMED_TWICE_OUTSIDE: u16 = 1 << 10;

/// The flag for the assignment of a copy.
pub(super) fn owner_flag(owner: Owner) -> u16 {
    match owner {
        Owner::Here => ASSIGNED_HERE,
        Owner::Another => ASSIGNED_ELSEWHERE,
        Owner::Odd => ODD_ASSIGNMENT,
        Owner::Nobody => 0,
    }
}

/// An account's live number document.
pub(super) struct SnapshotEntry {
    pub(super) id: Box<str>,
    pub(super) account: AccountId,
    digest: Digest,
    flags: AtomicU16,
}

impl SnapshotEntry {
    pub(super) fn new(id: &str, account: AccountId, digest: Digest, flags: u16) -> Self {
        Self {
            id: id.into(),
            account,
            digest,
            flags: AtomicU16::new(flags),
        }
    }

    /// Sets flags, and returns those that were set before.
    fn set(&self, flags: u16) -> u16 {
        self.flags.fetch_or(flags, Ordering::Relaxed)
    }

    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    fn owner(&self) -> Owner {
        [Owner::Here, Owner::Another, Owner::Odd]
            .into_iter()
            .find(|owner| self.has(owner_flag(*owner)))
            .unwrap_or(Owner::Nobody)
    }
}

/// The state of a number's document in a number database.
#[derive(Clone, Copy, Debug)]
pub(super) enum SourceState {
    /// A live number, assigned to this account.
    Assigned(AccountId),
    /// A live number, assigned to nobody.
    Unassigned,
    /// Any other document.
    Other,
}

/// A place in a snapshot from which the next number is found soon.
#[derive(Default)]
pub(super) struct Place(usize);

/// The live number documents of all accounts, sorted by number and account.
pub(super) struct AccountSnapshot {
    entries: Vec<SnapshotEntry>,
    /// By the index of an entry: a number database that assigns the number to another account, and that account.
    assigned_to: Mutex<HashMap<usize, (DatabaseName, AccountId)>>,
    /// By the index of a wrong copy: the number database that assigns the number to its account.
    sources: Mutex<HashMap<usize, DatabaseName>>,
}

impl AccountSnapshot {
    pub(super) fn new(mut entries: Vec<SnapshotEntry>) -> Self {
        entries
            .sort_unstable_by(|one, other| (&one.id, one.account).cmp(&(&other.id, other.account)));
        entries.shrink_to_fit();
        Self {
            entries,
            assigned_to: Mutex::default(),
            sources: Mutex::default(),
        }
    }

    /// The entries with their indexes.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &SnapshotEntry)> {
        self.entries.iter().enumerate()
    }

    /// The entries of a number, and the index of the first.
    fn of(&self, number: &str) -> (usize, &[SnapshotEntry]) {
        self.near(&mut Place::default(), number)
    }

    /// The same, found in a few steps if the place is that of a number shortly before.
    fn near(&self, place: &mut Place, number: &str) -> (usize, &[SnapshotEntry]) {
        let is_before = |index: usize| {
            let entry = self.entries.get(index);
            entry.is_some_and(|entry| *entry.id < *number)
        };
        let (mut from, mut step) = (0, 1);
        if place.0 > 0 && is_before(place.0 - 1) {
            from = place.0;
            while is_before(from + step) {
                from += step;
                step *= 2;
            }
        } else {
            step = self.entries.len();
        }
        let to = (from + step).min(self.entries.len());
        let some = self.entries.get(from..to).unwrap_or_default();
        let start = from + some.partition_point(|entry| *entry.id < *number);
        *place = Place(start);
        let rest = self.entries.get(start..).unwrap_or_default();
        let of_number = rest.iter().take_while(|entry| *entry.id == *number);
        (start, rest.get(..of_number.count()).unwrap_or_default())
    }

    /// The digest of an account's copy. `place`: that of the last number, of numbers in their order.
    pub(super) fn digest_of(
        &self,
        place: &mut Place,
        account: AccountId,
        number: &str,
    ) -> Option<Digest> {
        let mut all = self.near(place, number).1.iter();
        all.find(|entry| entry.account == account)
            .map(|entry| entry.digest)
    }

    /// Sets the flags for a document in a number database that may hold the number. `place`: that of the last number, of numbers in
    /// their order.
    pub(super) fn flag_source(
        &self,
        place: &mut Place,
        database: &DatabaseName,
        number: &str,
        state: SourceState,
        scope: u16,
    ) {
        let (start, entries) = self.near(place, number);
        for (index, entry) in (start..).zip(entries) {
            let flags = match state {
                SourceState::Assigned(account) if account == entry.account => {
                    if entry.has(ASSIGNED_ELSEWHERE) {
                        self.add_source(index, database, number);
                    }
                    SOURCE_ASSIGNED | SOURCE_ASSIGNED_HERE
                }
                SourceState::Assigned(account) => {
                    self.add_holder(index, database, number, account);
                    SOURCE_ASSIGNED
                }
                SourceState::Unassigned => SOURCE_UNASSIGNED,
                SourceState::Other => 0,
            };
            entry.set(HAS_SOURCE | flags | scope);
        }
    }

    /// The databases are read in no order, so the one with priority counts.
    fn add_holder(&self, index: usize, database: &DatabaseName, number: &str, account: AccountId) {
        let mut holders = self
            .assigned_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let holder = holders
            .entry(index)
            .or_insert_with(|| (database.clone(), account));
        holder.0.prefer(database, number);
        if holder.0 == *database {
            holder.1 = account;
        }
    }

    fn add_source(&self, index: usize, database: &DatabaseName, number: &str) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.entry(index).or_insert_with(|| database.clone());
        source.prefer(database, number);
    }

    /// The wrong copies of which a number database assigns the number to their account, with that database.
    pub(super) fn sources_of_wrong(&self) -> WrongSources {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = sources.iter().filter_map(|(index, database)| {
            let entry = self.entries.get(*index)?;
            Some(((entry.account, entry.id.to_string()), database.clone()))
        });
        entries.collect()
    }

    /// Whether a database that the audit covers has a document of this number, and an account has a live copy.
    pub(super) fn is_in_scope(&self, number: &str) -> bool {
        self.of(number).1.iter().any(|entry| entry.has(IN_SCOPE))
    }

    /// The copies of numbers that no number database has.
    pub(super) fn unsourced(&self) -> impl Iterator<Item = &SnapshotEntry> {
        self.entries.iter().filter(|entry| !entry.has(HAS_SOURCE))
    }

    /// Records a claim of an account outside of the snapshot.
    pub(super) fn add_claim(&self, number: &str) {
        for entry in self.of(number).1 {
            if entry.set(CLAIMED_OUTSIDE) & CLAIMED_OUTSIDE != 0 {
                entry.set(CLAIMED_TWICE_OUTSIDE);
            }
        }
    }

    /// The account to which a number database assigns an entry's number, if it is another one.
    pub(super) fn assigned_to(&self, index: usize) -> Option<AccountId> {
        self.assigned_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .map(|(_, account)| *account)
    }

    /// The drift of an entry, given the number databases and the other accounts.
    pub(super) fn drift_of(&self, entry: &SnapshotEntry) -> Option<Drift> {
        let others = self.of(&entry.id).1.iter();
        let claims =
            others.filter(|other| other.account != entry.account && other.has(ASSIGNED_HERE));
        let outside = [CLAIMED_OUTSIDE, CLAIMED_TWICE_OUTSIDE];
        let elsewhere = Elsewhere {
            exists: entry.has(HAS_SOURCE),
            is_assigned: entry.has(SOURCE_ASSIGNED),
            is_assigned_here: entry.has(SOURCE_ASSIGNED_HERE),
            is_unassigned: entry.has(SOURCE_UNASSIGNED),
            claims: claims.count() + outside.iter().filter(|flag| entry.has(**flag)).count(),
        };
        place_in_account(entry.owner(), elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn number_is_found_from_any_place(
            ids in prop::collection::vec("[ab]{0,3}", 0..20),
            sought in prop::collection::vec("[ab]{0,3}", 0..20),
        ) {
            let account = AccountId::parse("4b87ccf02d8846f06c3b1f0e04e76bfd").unwrap();
            let entry = |id: &String| SnapshotEntry::new(id, account, Digest::from([0; 16]), 0);
            let snapshot = AccountSnapshot::new(ids.iter().map(entry).collect());
            let mut place = Place::default();
            for number in &sought {
                let (start, found) = snapshot.near(&mut place, number);
                prop_assert_eq!(start, ids.iter().filter(|id| *id < number).count());
                prop_assert_eq!(found.len(), ids.iter().filter(|id| *id == number).count());
            }
        }
    }
}
