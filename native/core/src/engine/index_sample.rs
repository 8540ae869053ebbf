//! Compares a random sample of the index with the databases.

use rand::RngExt as _;

use super::database_states::DatabaseStates;
use super::run::Run;
use crate::index::{KnownDatabase, Store};
use crate::kazoo::DatabaseName;
use couchdb::{Error, Found, Revised};

/// The databases of which a sample is compared at the begin of a run, and the documents of each.
const SAMPLED: usize = 4;
const SAMPLE: usize = 25;

/// The databases among which these are: some may have changed.
const LOOKED_AT: usize = 2 * SAMPLED;

impl Run {
    /// Compares a random sample of the documents in unchanged databases with the index.
    pub(super) async fn sample_agrees(
        &self,
        store: &Store,
        states: &DatabaseStates,
    ) -> Result<bool, Error> {
        let mut all: Vec<_> = states.names().collect();
        let mut known = Vec::new();
        while known.len() < LOOKED_AT && !all.is_empty() {
            let place = rand::rng().random_range(0..all.len());
            let database = all.swap_remove(place);
            known.extend(store.get(database).map(|known| (database, known)));
        }
        let names: Vec<_> = known.iter().map(|(name, _)| (*name).clone()).collect();
        let now = match self.states_of(&names).await {
            Ok(now) => now,
            Err(error) if error.is_fatal() => return Err(error),
            // Each will be asked again.
            Err(_) => return Ok(true),
        };
        let is_at = |(database, known): &(&DatabaseName, KnownDatabase)| {
            now.get(*database).is_some_and(|state| known.is_at(state))
        };
        let sampled: Vec<_> = known.into_iter().filter(is_at).take(SAMPLED).collect();
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
