//! Selects the databases of a command.

use std::sync::Arc;

use tracing::{Instrument, debug_span};

use super::run::Run;
use crate::kazoo::{
    AccountId, Classification, DatabaseName, KazooDatabase, encoded_number_database_of,
};
use crate::selection::{Accounts, NumberDatabases, Selection};
use couchdb::{Error, Kind, Operation};

impl Run {
    /// All number databases, sorted by name.
    pub(crate) async fn all_number_databases(&self) -> Result<Vec<DatabaseName>, Error> {
        let databases = self.cluster.databases("numbers/").await?;
        Ok(databases
            .into_iter()
            .filter(|database| database.classification() == Classification::Numbers)
            .collect())
    }

    /// All accounts with a database, sorted by its name.
    pub(crate) async fn all_accounts(&self) -> Result<Vec<AccountId>, Error> {
        let databases = self.cluster.databases("account/").await?;
        Ok(databases
            .iter()
            .filter_map(KazooDatabase::account)
            .collect())
    }

    /// Checks that the database of a named account exists.
    pub(crate) async fn must_exist(&self, account: AccountId) -> Result<(), Error> {
        self.database_must_exist(&account.database()).await
    }

    async fn database_must_exist(&self, database: &DatabaseName) -> Result<(), Error> {
        let server = self.cluster.server(Some(database)).await?;
        let span = debug_span!("exists", database = %database);
        if server.exists(database).instrument(span).await? {
            Ok(())
        } else {
            Err(missing(database))
        }
    }

    /// All number databases, to be read. The index is opened for them.
    pub(crate) async fn number_databases_to_read(&self) -> Result<Vec<DatabaseName>, Error> {
        let databases = self.all_number_databases().await?;
        self.open_index(&databases).await?;
        Ok(databases)
    }

    /// All accounts with a database, to be read. The index is opened for their databases.
    pub(crate) async fn accounts_to_read(&self) -> Result<Vec<AccountId>, Error> {
        let accounts = self.all_accounts().await?;
        let databases: Vec<_> = accounts.iter().map(|account| account.database()).collect();
        self.open_index(&databases).await?;
        Ok(accounts)
    }

    /// Opens the index, if the run may use one, for the number databases, which the run compares with what it reads.
    pub(crate) async fn open_index_of_number_databases(&self) -> Result<(), Error> {
        if self.settings.index.is_some() {
            self.number_databases_to_read().await?;
        }
        Ok(())
    }

    /// Opens the index, if the run may use one, for the accounts' databases, which the run compares with what it reads.
    pub(crate) async fn open_index_of_accounts(&self) -> Result<(), Error> {
        if self.settings.index.is_some() {
            self.accounts_to_read().await?;
        }
        Ok(())
    }

    /// The accounts of a command. A single named account must exist; a missing account of a list fails alone.
    pub(crate) async fn accounts(
        self: &Arc<Self>,
        accounts: Accounts,
    ) -> Result<Vec<AccountId>, Error> {
        match accounts {
            Accounts::All => self.accounts_to_read().await,
            Accounts::One(account) => {
                self.must_exist(account).await?;
                Ok(vec![account])
            }
            Accounts::List(list) => {
                let checked = self
                    .each(list, |run, account| async move {
                        match run.must_exist(account).await {
                            Ok(()) => Ok(Some(account)),
                            Err(error) => run
                                .is_left_to_the_scan(&account.database(), error)
                                .map(|left| left.then_some(account)),
                        }
                    })
                    .await?;
                Ok(checked.into_iter().flatten().collect())
            }
        }
    }

    /// The number databases of a command, sorted by name. A single named database must exist; a missing database of a list fails
    /// alone.
    ///
    /// The cluster's databases are listed only if a selection needs it, because some users may not list them.
    pub(crate) async fn number_databases(
        self: &Arc<Self>,
        databases: NumberDatabases,
    ) -> Result<Vec<DatabaseName>, Error> {
        let mut chosen = match databases {
            NumberDatabases::All => return self.number_databases_to_read().await,
            NumberDatabases::One(Selection::Database(name)) => {
                self.database_must_exist(&name).await?;
                vec![name]
            }
            NumberDatabases::One(Selection::StartingWith(prefix)) => {
                let matching = starting_with(&self.all_number_databases().await?, &prefix);
                if matching.is_empty() {
                    return Err(Error::new(
                        Kind::NotFound,
                        Operation::LIST_DATABASES,
                        format!("there is no number database that starts with {prefix}"),
                    ));
                }
                matching
            }
            NumberDatabases::List(selections) => self.selected(selections).await?,
        };
        chosen.sort();
        chosen.dedup();
        Ok(chosen)
    }

    /// The number databases of a list.
    async fn selected(
        self: &Arc<Self>,
        selections: Vec<Selection>,
    ) -> Result<Vec<DatabaseName>, Error> {
        let mut chosen = Vec::new();
        let mut named = Vec::new();
        let mut all = None;
        for selection in selections {
            match selection {
                Selection::Database(name) => named.push(name),
                Selection::StartingWith(prefix) => {
                    let all = match &mut all {
                        Some(all) => all,
                        None => all.insert(self.all_number_databases().await?),
                    };
                    let matching = starting_with(all, &prefix);
                    if matching.is_empty() {
                        self.reporter.database_failed(
                            &encoded_number_database_of(&prefix),
                            Kind::DatabaseNotFound,
                        );
                    }
                    chosen.extend(matching);
                }
            }
        }
        if let Some(all) = all {
            // Listed databases exist.
            named.retain(|name| {
                let known = all.contains(name);
                if known {
                    chosen.push(name.clone());
                }
                !known
            });
        }
        let checked = self
            .each(named, |run, name| async move {
                match run.database_must_exist(&name).await {
                    Ok(()) => Ok(Some(name)),
                    Err(error) => run
                        .is_left_to_the_scan(&name, error)
                        .map(|left| left.then_some(name)),
                }
            })
            .await?;
        chosen.extend(checked.into_iter().flatten());
        Ok(chosen)
    }

    /// Whether a database of a list that could not be checked is scanned anyway. A database that does not exist is a failure and
    /// is not scanned. Any other error leaves it open; the scan reports the error, because a command must report each database
    /// that it could not read.
    fn is_left_to_the_scan(&self, database: &DatabaseName, error: Error) -> Result<bool, Error> {
        if error.kind() == Kind::DatabaseNotFound {
            self.database_failed(database, error)?;
            return Ok(false);
        }
        if error.is_fatal() {
            return Err(error);
        }
        Ok(true)
    }
}

fn missing(database: &DatabaseName) -> Error {
    Error::new(Kind::DatabaseNotFound, Operation::OPEN_DOCS, "").in_database(database)
}

/// The number databases whose numbers have this prefix.
fn starting_with(all: &[DatabaseName], prefix: &str) -> Vec<DatabaseName> {
    let start = format!("numbers/{prefix}");
    all.iter()
        .filter(|database| database.plain().starts_with(&start))
        .cloned()
        .collect()
}
