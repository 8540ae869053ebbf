//! Numbers that two number databases assign. Only `numbers/inum` and `numbers/managed` can hold a number of another database.

use std::collections::{BTreeMap, HashSet};

use super::run::Run;
use super::scanned::Scanned;
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts};
use crate::plan::{Source, source_in_number_database};
use crate::report::NumberWarningKind;
use couchdb::{Error, Kind};

/// An assigned number that another number database with priority also assigns.
pub(crate) struct Duplicate {
    pub(crate) id: String,
    /// The account in the database without priority.
    pub(crate) account: AccountId,
    /// The number database with priority.
    pub(crate) other: DatabaseName,
    /// The account in the database with priority.
    pub(crate) holder: AccountId,
}

impl Run {
    /// Finds the assigned numbers of a database that another number database also assigns.
    pub(crate) async fn duplicates(
        &self,
        database: &DatabaseName,
        ids: &[(AccountId, &str)],
    ) -> Result<Vec<Duplicate>, Error> {
        let mut by_database: BTreeMap<DatabaseName, Vec<(AccountId, &str)>> = BTreeMap::new();
        for (account, id) in ids {
            for other in database.gives_way_to(id) {
                by_database.entry(other).or_default().push((*account, id));
            }
        }
        let mut duplicates = Vec::new();
        for (other, ids) in by_database {
            let keys: Vec<&str> = ids.iter().map(|(_, id)| *id).collect();
            let found = match self.present(&other, &keys).await {
                Ok(found) => found,
                Err(error) if error.kind() == Kind::DatabaseNotFound => continue,
                Err(error) => return Err(error),
            };
            for ((account, id), found) in ids.into_iter().zip(found) {
                let Some(document) = found else { continue };
                let facts = NumberFacts::of(&document);
                if let Source::Assigned(holder) = source_in_number_database(&other, id, &facts) {
                    duplicates.push(Duplicate {
                        id: id.to_owned(),
                        account,
                        other: other.clone(),
                        holder,
                    });
                }
            }
        }
        Ok(duplicates)
    }

    /// Finds the numbers of a database that another number database with priority assigns to the same account, and warns of each.
    /// Only the document with priority is a source: two sources of one copy would overwrite it in turn.
    pub(crate) async fn shadowed(
        &self,
        database: &DatabaseName,
        ids: &[(AccountId, &str)],
    ) -> Result<HashSet<String>, Error> {
        let duplicates = self.duplicates(database, ids).await?;
        Ok(self.warn_shadowed(database, &duplicates).await)
    }

    /// The ids of duplicates with the same account in both databases, with a warning each.
    pub(crate) async fn warn_shadowed(
        &self,
        database: &DatabaseName,
        duplicates: &[Duplicate],
    ) -> HashSet<String> {
        let mut shadowed = HashSet::new();
        for one in duplicates.iter().filter(|one| one.account == one.holder) {
            if shadowed.insert(one.id.clone()) {
                let other = Some(one.other.encoded());
                let kind = NumberWarningKind::Shadowed;
                self.reporter
                    .warn_of_number(kind, database, &one.id, other)
                    .await;
            }
        }
        shadowed
    }

    /// Warns of those documents of a page that are numbers in the number database of another prefix.
    pub(crate) async fn warn_misfiled_in(&self, database: &DatabaseName, page: &[Scanned]) {
        let is_misfiled = |one: &&Scanned| {
            source_in_number_database(database, one.id(), &one.facts()) == Source::Misfiled
        };
        let misfiled = page.iter().filter(is_misfiled);
        let misfiled: Vec<String> = misfiled.map(|one| one.id().to_owned()).collect();
        self.warn_misfiled(database, &misfiled).await;
    }

    /// Warns of numbers in the number database of another prefix.
    pub(crate) async fn warn_misfiled(&self, database: &DatabaseName, ids: &[String]) {
        for id in ids {
            let kind = NumberWarningKind::Misfiled;
            self.reporter.warn_of_number(kind, database, id, None).await;
        }
    }
}
