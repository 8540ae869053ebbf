//! How many documents come before an id: the `offset` of `_all_docs`.
//!
//! The store keeps no counts in its tree, so they are counted; but a client that reads page after
//! page asks each time a little further on, and what was counted for one page serves the next.

use crate::store::{Counters, Reader, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

/// Enough for every page of a database that is being read.
const MAX_KNOWN: usize = 4096;

#[derive(Debug, Default)]
struct Known {
    update_seq: u64,
    ranks: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Ranks {
    databases: Mutex<HashMap<u64, Known>>,
}

impl Ranks {
    /// The documents that sort before `id`, tombstones aside.
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
            if ranks.len() >= MAX_KNOWN {
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
