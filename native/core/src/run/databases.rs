//! Which databases a command is about.

use std::sync::Arc;

use super::context::Run;
use crate::command::{Accounts, NumberDatabases, Selection};
use crate::kazoo::{
    AccountId, Classification, DatabaseName, KazooDatabase, encoded_number_database_of,
};
use couchdb::{Error, Kind, Operation};

/// All databases whose names start so: those of every server that the host uses.
async fn listed(run: &Run, prefix: &str) -> Result<Vec<DatabaseName>, Error> {
    match run.host.databases(prefix).await? {
        Some(mut databases) => {
            databases.sort();
            databases.dedup();
            Ok(databases)
        }
        None => run.server(None).await?.databases(prefix).await,
    }
}

/// All number databases, by name.
pub(super) async fn all_number_databases(run: &Run) -> Result<Vec<DatabaseName>, Error> {
    let databases = listed(run, "numbers/").await?;
    Ok(databases
        .into_iter()
        .filter(|database| database.classification() == Classification::Numbers)
        .collect())
}

/// All accounts that have a database, by its name.
pub(super) async fn all_accounts(run: &Run) -> Result<Vec<AccountId>, Error> {
    let databases = listed(run, "account/").await?;
    Ok(databases
        .iter()
        .filter_map(KazooDatabase::account)
        .collect())
}

/// An account that the operator named: its database must exist.
pub(super) async fn must_exist(run: &Run, account: AccountId) -> Result<(), Error> {
    database_must_exist(run, &account.database()).await
}

async fn database_must_exist(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    let server = run.server(Some(database)).await?;
    if server.exists(database).await? {
        Ok(())
    } else {
        Err(missing(database))
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
                        Ok(()) => Ok(Some(account)),
                        Err(error) => left_to_the_reading(&run, &account.database(), error)
                            .map(|left| left.then_some(account)),
                    }
                })
                .await?;
            Ok(checked.into_iter().flatten().collect())
        }
    }
}

/// The number databases of a command, by name. One that was named alone must exist; in a list,
/// one that does not is a failure of its own.
///
/// The cluster's databases are listed only where a selection needs it: not every user may.
pub(super) async fn number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<Vec<DatabaseName>, Error> {
    let mut chosen = match databases {
        NumberDatabases::All => return all_number_databases(run).await,
        NumberDatabases::One(Selection::Database(name)) => {
            database_must_exist(run, &name).await?;
            vec![name]
        }
        NumberDatabases::One(Selection::StartingWith(prefix)) => {
            let matching = starting_with(&all_number_databases(run).await?, &prefix);
            if matching.is_empty() {
                return Err(Error::new(
                    Kind::NotFound,
                    Operation::LIST_DATABASES,
                    format!("there is no number database that starts with {prefix}"),
                ));
            }
            matching
        }
        NumberDatabases::List(selections) => selected(run, selections).await?,
    };
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

/// Those of the number databases whose numbers start so.
fn starting_with(all: &[DatabaseName], prefix: &str) -> Vec<DatabaseName> {
    let start = format!("numbers/{prefix}");
    all.iter()
        .filter(|database| database.plain().starts_with(&start))
        .cloned()
        .collect()
}

/// The number databases of a list.
async fn selected(run: &Arc<Run>, selections: Vec<Selection>) -> Result<Vec<DatabaseName>, Error> {
    let mut chosen = Vec::new();
    let mut named = Vec::new();
    let mut all = None;
    for selection in selections {
        match selection {
            Selection::Database(name) => named.push(name),
            Selection::StartingWith(prefix) => {
                let all = match &mut all {
                    Some(all) => all,
                    None => all.insert(all_number_databases(run).await?),
                };
                let matching = starting_with(all, &prefix);
                if matching.is_empty() {
                    run.tally.database_failed(
                        &encoded_number_database_of(&prefix),
                        Kind::DatabaseNotFound.name(),
                    );
                }
                chosen.extend(matching);
            }
        }
    }
    if let Some(all) = all {
        // What is listed exists.
        named.retain(|name| {
            let known = all.contains(name);
            if known {
                chosen.push(name.clone());
            }
            !known
        });
    }
    let checked = run
        .each(named, |run, name| async move {
            match database_must_exist(&run, &name).await {
                Ok(()) => Ok(Some(name)),
                Err(error) => {
                    left_to_the_reading(&run, &name, error).map(|left| left.then_some(name))
                }
            }
        })
        .await?;
    chosen.extend(checked.into_iter().flatten());
    Ok(chosen)
}

/// What becomes of a database of a list that could not be found: one that does not exist is a
/// failure. Of another it is not known whether it exists, and its reading will say: a command
/// must report each database that it could not read.
fn left_to_the_reading(run: &Run, database: &DatabaseName, error: Error) -> Result<bool, Error> {
    if error.kind() == Kind::DatabaseNotFound {
        run.database_failed(database, error)?;
        return Ok(false);
    }
    if Run::is_fatal(&error) {
        return Err(error);
    }
    Ok(true)
}
