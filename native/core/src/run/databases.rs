//! Which databases a command is about.

use std::sync::Arc;

use super::context::Run;
use crate::command::{Accounts, NumberDatabases, Selection};
use crate::kazoo::{
    AccountId, Classification, DatabaseName, KazooDatabase, encoded_number_database_of,
};
use couchdb::{Error, Kind, Operation};

/// All number databases, by name.
pub(super) async fn all_number_databases(run: &Run) -> Result<Vec<DatabaseName>, Error> {
    let databases = run.server(None).await?.databases("numbers/").await?;
    Ok(databases
        .into_iter()
        .filter(|database| database.classification() == Classification::Numbers)
        .collect())
}

/// All accounts that have a database, by its name.
pub(super) async fn all_accounts(run: &Run) -> Result<Vec<AccountId>, Error> {
    let databases = run.server(None).await?.databases("account/").await?;
    Ok(databases
        .iter()
        .filter_map(KazooDatabase::account)
        .collect())
}

/// An account that the operator named: its database must exist.
pub(super) async fn must_exist(run: &Run, account: AccountId) -> Result<(), Error> {
    let database = account.database();
    let server = run.server(Some(&database)).await?;
    if server.exists(&database).await? {
        Ok(())
    } else {
        Err(missing(&database))
    }
}

fn missing(database: &DatabaseName) -> Error {
    Error::new(Kind::DatabaseNotFound, Operation::OPEN_DOCS, "").in_database(database)
}

/// The accounts of a command. One that was named alone must exist; in a list, one that does not
/// is a failure of its own.
pub(super) async fn accounts(run: &Arc<Run>, accounts: Accounts) -> Result<Vec<AccountId>, Error> {
    match accounts {
        Accounts::All => all_accounts(run).await,
        Accounts::One(account) => {
            must_exist(run, account).await?;
            Ok(vec![account])
        }
        Accounts::List(list) => {
            let checked = run
                .each(list, |run, account| async move {
                    match must_exist(&run, account).await {
                        Err(error) if error.kind() == Kind::DatabaseNotFound => {
                            run.database_failed(&account.database(), error)?;
                            Ok(None)
                        }
                        Err(error) if Run::is_fatal(&error) => Err(error),
                        // Whether it is there is not known. Reading it tells, and a command must
                        // know of every account that it could not read.
                        Ok(()) | Err(_) => Ok(Some(account)),
                    }
                })
                .await?;
            Ok(checked.into_iter().flatten().collect())
        }
    }
}

/// The number databases of a command, by name. One that was named alone must exist; in a list,
/// one that does not is a failure of its own.
pub(super) async fn number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<Vec<DatabaseName>, Error> {
    let all = all_number_databases(run).await?;
    let (selections, listed) = match databases {
        NumberDatabases::All => return Ok(all),
        NumberDatabases::One(selection) => (vec![selection], false),
        NumberDatabases::List(list) => (list, true),
    };
    let mut chosen = Vec::new();
    for selection in selections {
        let (matching, named): (Vec<_>, _) = match &selection {
            Selection::Database(name) => (
                all.iter().filter(|database| *database == name).collect(),
                name.encoded(),
            ),
            Selection::StartingWith(prefix) => {
                let start = format!("numbers/{prefix}");
                let matching = all
                    .iter()
                    .filter(|database| database.plain().starts_with(&start));
                (matching.collect(), encoded_number_database_of(prefix))
            }
        };
        if !matching.is_empty() {
            chosen.extend(matching.into_iter().cloned());
        } else if listed {
            run.tally
                .database_failed(&named, Kind::DatabaseNotFound.name());
        } else {
            let line = match &selection {
                Selection::Database(name) => return Err(missing(name)),
                Selection::StartingWith(prefix) => {
                    format!("there is no number database that starts with {prefix}")
                }
            };
            return Err(Error::new(Kind::NotFound, Operation::LIST_DATABASES, line));
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}
