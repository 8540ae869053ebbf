//! Compares a random sample of the index with the databases.

use std::collections::HashMap;

use rand::RngExt as _;

use super::run::Run;
use crate::index::{KnownDatabase, Store};
use crate::kazoo::DatabaseName;
use couchdb::{DatabaseState, Error, Found, Revised};

/// The databases of which a sample is compared at the begin of a run, and the documents of each.
const SAMPLED: usize = 4;
const SAMPLE: usize = 25;

impl Run {
    /// Compares a random sample of the documents in unchanged databases with the index.
    pub(super) async fn sample_agrees(
        &self,
        store: &Store,
        states: &HashMap<DatabaseName, DatabaseState>,
    ) -> Result<bool, Error> {
        let mut all: Vec<_> = states.iter().collect();
        let mut sampled = Vec::new();
        while sampled.len() < SAMPLED && !all.is_empty() {
            let place = rand::rng().random_range(0..all.len());
            let (database, state) = all.swap_remove(place);
            sampled.extend(
                store
                    .get(database)
                    .filter(|known| known.is_at(state))
                    .map(|known| (database, known)),
            );
        }
        let compared = sampled
            .iter()
            .map(|(database, known)| self.some_agree(database, known));
        let agree = futures::future::try_join_all(compared).await?;
        Ok(agree.into_iter().all(|agrees| agrees))
    }

    /// Compares some documents of an unchanged database with the index.
    async fn some_agree(
        &self,
        database: &DatabaseName,
        known: &KnownDatabase,
    ) -> Result<bool, Error> {
        let places: Vec<usize> = (0..SAMPLE)
            .map(|_| rand::rng().random_range(0..usize::MAX))
            .collect();
        let wanted = known.revisions_at(&places);
        let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
        if ids.is_empty() {
            return Ok(true);
        }
        let found = match self.revisions(database, &ids).await {
            Ok(found) => found,
            Err(error) if error.is_fatal() => return Err(error),
            // Reading it will report that.
            Err(_) => return Ok(true),
        };
        let agrees = wanted.iter().zip(&found).all(|((_, rev), found)| {
            matches!(found, Found::Present(Revised { rev: now, .. }) if now == rev)
        });
        if agrees {
            return Ok(true);
        }
        // Another writer may have changed them just now; then the sequence moved, too.
        let now = self.states_of(std::slice::from_ref(database)).await?;
        Ok(now.get(database).is_none_or(|state| !known.is_at(state)))
    }
}
