//! Numbers that two number databases assign: only `numbers/inum` and `numbers/managed` can hold a number of another database.

use std::collections::{BTreeMap, HashSet};

use super::run::Run;
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts};
use crate::plan::{Source, source_in_number_database};
use couchdb::{Error, Kind};
use document::Document;

/// An assigned number of a number database that another one, which counts instead, assigns too.
pub(crate) struct Duplicate {
    pub(crate) id: String,
    /// The account that has it in the database that gives way.
    pub(crate) account: AccountId,
    /// The number database that counts.
    pub(crate) other: DatabaseName,
    /// The account that has it there.
    pub(crate) holder: AccountId,
}

impl Run {
    /// Finds those of a database's assigned numbers that another number database assigns, too.
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

    /// Those of a database's assigned numbers that another number database assigns to the same account, with a warning each: that
    /// one's document counts, or two sources would fight over one copy.
    pub(crate) async fn shadowed(
        &self,
        database: &DatabaseName,
        ids: &[(AccountId, &str)],
    ) -> Result<HashSet<String>, Error> {
        let duplicates = self.duplicates(database, ids).await?;
        Ok(self.warn_shadowed(database, &duplicates).await)
    }

    /// Those of the duplicates that are the same account's in both databases, with a warning each.
    pub(crate) async fn warn_shadowed(
        &self,
        database: &DatabaseName,
        duplicates: &[Duplicate],
    ) -> HashSet<String> {
        let mut shadowed = HashSet::new();
        for one in duplicates.iter().filter(|one| one.account == one.holder) {
            if shadowed.insert(one.id.clone()) {
                let line = format!(
                    "{database}: {} is in {} too, and that one counts",
                    one.id, one.other
                );
                self.reporter.warn(line).await;
            }
        }
        shadowed
    }

    /// Warns of those documents of a page that are numbers in the number database of another prefix.
    pub(crate) async fn warn_misfiled_in(&self, database: &DatabaseName, page: &[Document]) {
        let is_misfiled = |document: &&Document| {
            let facts = NumberFacts::of(document);
            source_in_number_database(database, document.id(), &facts) == Source::Misfiled
        };
        let misfiled: Vec<String> = page
            .iter()
            .filter(is_misfiled)
            .map(|document| document.id().to_owned())
            .collect();
        self.warn_misfiled(database, &misfiled).await;
    }

    /// Warns of numbers in the number database of another prefix.
    pub(crate) async fn warn_misfiled(&self, database: &DatabaseName, ids: &[String]) {
        for id in ids {
            let line =
                format!("{database}: {id} belongs in another number database and is left alone");
            self.reporter.warn(line).await;
        }
    }
}
