//! How many numbers each carrier module has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::carriers::ended;
use super::context::Run;
use super::read::parsed;
use super::{Answer, databases};
use crate::command::NumberDatabases;
use crate::kazoo::DatabaseName;
use couchdb::Error;
use couchdb::{Include, Object, Range, string};

/// The index that Kazoo keeps of carrier modules: a row a document, reduced by a sum.
const DESIGN: &str = "numbers";
const VIEW: &str = "module_name";

/// A number database has one design document, the one that the index is in.
const DESIGN_DOCUMENTS: u64 = 1;

/// Numbers by carrier module.
type Counts = BTreeMap<String, u64>;

/// The same as the index has it: keys in JSON.
type Rows = Vec<(Box<str>, u64)>;

/// `carrier_module_usage`
pub(super) async fn usage(run: &Arc<Run>, databases: NumberDatabases) -> Result<Answer, Error> {
    let databases = databases::number_databases(run, databases).await?;
    let (held, indexed) = futures::try_join!(
        held(run, &databases),
        run.each(databases.clone(), |run, database| async move {
            indexed(&run, &database).await
        })
    )?;
    let asked = databases
        .into_iter()
        .zip(indexed)
        .map(|(database, indexed)| {
            let whole = indexed.filter(|rows| is_whole(rows, held.get(&database).copied()));
            (database, whole)
        })
        .collect();
    let counted = run
        .each(asked, |run, (database, indexed)| async move {
            let counts = match indexed {
                Some(rows) => Ok(by_name(rows)),
                None => count_documents(&run, &database).await,
            };
            match counts {
                Ok(counts) => Ok(Some((database, counts))),
                Err(error) => {
                    run.database_failed(&database, error)?;
                    Ok(None)
                }
            }
        })
        .await?;
    let mut totals = Counts::new();
    for (database, counts) in counted.into_iter().flatten() {
        run.output(format!("{database}:")).await;
        for (module, numbers) in counts {
            run.output(format!("{module}: {numbers}")).await;
            *totals.entry(module).or_default() += numbers;
        }
    }
    run.output("Totals:".to_owned()).await;
    for (module, numbers) in totals {
        run.output(format!("{module}: {numbers}")).await;
    }
    Ok(ended(run).await)
}

/// How many documents the databases hold, where their servers say so.
async fn held(run: &Run, databases: &[DatabaseName]) -> Result<HashMap<DatabaseName, u64>, Error> {
    let mut by_server: HashMap<String, Vec<&DatabaseName>> = HashMap::new();
    for database in databases {
        let server = run.server(Some(database)).await?;
        by_server
            .entry(server.url().to_string())
            .or_default()
            .push(database);
    }
    let mut held = HashMap::new();
    for databases in by_server.into_values() {
        let server = run.server(databases.first().copied()).await?;
        match server.document_counts(&databases).await {
            Ok(counts) => held.extend(counts.into_iter().map(|(name, counts)| (name, counts.live))),
            Err(error) if Run::is_fatal(&error) => return Err(error),
            // The documents will tell.
            Err(_) => {}
        }
    }
    Ok(held)
}

/// What the index of a database says; None where it says nothing.
async fn indexed(run: &Run, database: &DatabaseName) -> Result<Option<Rows>, Error> {
    let server = run.server(Some(database)).await?;
    match server.grouped_counts(database, DESIGN, VIEW).await {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if Run::is_fatal(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Every document counts that is no design document, as the index has it (contract 9.2). The
/// index is taken at its word where it has a row for each document that the database held at that
/// moment; elsewhere it is missing, another version's or broken, or somebody is writing, and the
/// documents are read.
fn is_whole(rows: &Rows, held: Option<u64>) -> bool {
    let indexed = rows
        .iter()
        .try_fold(0_u64, |sum, (_, rows)| sum.checked_add(*rows));
    let indexed = indexed.and_then(|sum| sum.checked_add(DESIGN_DOCUMENTS));
    indexed.is_some() && indexed == held
}

fn by_name(rows: Rows) -> Counts {
    let mut counts = Counts::new();
    for (key, rows) in rows {
        *counts.entry(shown(&key)).or_default() += rows;
    }
    counts
}

async fn count_documents(run: &Run, database: &DatabaseName) -> Result<Counts, Error> {
    let mut counts = Counts::new();
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (row, text) in page.rows() {
            if row.id.starts_with("_design/") {
                continue;
            }
            let module = module_of(&parsed(database, text)?);
            *counts.entry(module).or_default() += 1;
        }
    }
    Ok(counts)
}

fn module_of(document: &Object<'_>) -> String {
    document
        .get("pvt_module_name")
        .map_or_else(|| "null".to_owned(), shown)
}

/// A module as it is printed: a string bare, anything else as JSON.
fn shown(json: &str) -> String {
    string(json).map_or_else(|| json.to_owned(), Into::into)
}
