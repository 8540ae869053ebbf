//! Reads the other side of several targets: ids in several databases, each database once.

use std::collections::BTreeMap;

use futures::future::BoxFuture;

use super::reconcile::OtherSide;
use crate::kazoo::DatabaseName;
use crate::report::Reason;
use couchdb::Error;

/// Ids to look up, by database.
#[derive(Default)]
pub(crate) struct Lookup<'t>(BTreeMap<DatabaseName, Vec<&'t str>>);

/// The result of the lookup of one id in one database.
pub(crate) struct LookedUp<'t, T> {
    pub(crate) database: DatabaseName,
    pub(crate) id: &'t str,
    pub(crate) found: OtherSide<T>,
}

impl<'t> Lookup<'t> {
    /// Adds an id. Several databases can be asked for the same id.
    pub(crate) fn add(&mut self, database: DatabaseName, id: &'t str) {
        self.0.entry(database).or_default().push(id);
    }

    /// Reads the ids of each database with `read`, which returns one value per id, in their order. If a database cannot be read,
    /// only its ids fail.
    ///
    /// # Errors
    ///
    /// A fatal error.
    pub(crate) async fn read<T>(
        self,
        read: impl for<'r> Fn(&'r DatabaseName, &'r [&'t str]) -> BoxFuture<'r, Result<Vec<T>, Error>>
        + Send
        + Sync,
    ) -> Result<Vec<LookedUp<'t, T>>, Error> {
        let mut all = Vec::new();
        for (database, ids) in self.0 {
            let looked_up = |id, found| LookedUp {
                database: database.clone(),
                id,
                found,
            };
            match read(&database, &ids).await {
                Ok(found) => {
                    let found = ids.into_iter().zip(found);
                    all.extend(found.map(|(id, found)| looked_up(id, Ok(found))));
                }
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    let place = error.database().unwrap_or(&database).encoded();
                    let failed = |id| looked_up(id, Err((place.clone(), Reason::from(&error))));
                    all.extend(ids.into_iter().map(failed));
                }
            }
        }
        Ok(all)
    }
}
