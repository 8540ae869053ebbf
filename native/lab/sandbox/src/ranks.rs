//! The number of documents before an id: the `offset` of `_all_docs`.
//!
//! The store has no counts in its tree, so documents are counted. A client that pages through a
//! database asks for increasing offsets, so the count for one page is cached for the next.

use crate::store::{Counters, Reader, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

/// The most cached ranks for a database.
const MAX_CACHED: usize = 4096;

#[derive(Debug, Default)]
struct DatabaseRanks {
    update_seq: u64,
    ranks: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Ranks {
    databases: Mutex<HashMap<u64, DatabaseRanks>>,
}

impl Ranks {
    /// The number of documents before `id`, without tombstones.
    pub(crate) fn before(
        &self,
        reader: &Reader,
        db: u64,
        counters: Counters,
        id: &str,
    ) -> Result<u64, StoreError> {
        let nearest = self.with(db, counters, |ranks| {
            let below = ranks.range::<str, _>((Bound::Unbounded, Bound::Included(id)));
            below.last().map(|(known, rank)| (known.clone(), *rank))
        });
        let (from, known) = match &nearest {
            Some((known, rank)) => (Bound::Included(known.as_str()), *rank),
            None => (Bound::Unbounded, 0),
        };
        let rank = known + reader.count(db, (from, Bound::Excluded(id)))?;
        self.remember(db, counters, id, rank);
        Ok(rank)
    }

    pub(crate) fn remember(&self, db: u64, counters: Counters, id: &str, rank: u64) {
        self.with(db, counters, |ranks| {
            if ranks.len() >= MAX_CACHED {
                ranks.clear();
            }
            ranks.insert(id.to_owned(), rank);
        });
    }

    fn with<T>(
        &self,
        db: u64,
        counters: Counters,
        work: impl FnOnce(&mut BTreeMap<String, u64>) -> T,
    ) -> T {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = databases.entry(db).or_default();
        if known.update_seq != counters.update_seq {
            known.ranks.clear();
            known.update_seq = counters.update_seq;
        }
        work(&mut known.ranks)
    }
}
