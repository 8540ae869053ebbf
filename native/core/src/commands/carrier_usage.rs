//! `carrier_module_usage`: how many numbers each carrier module has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::answer::Answer;
use crate::engine::Run;
use crate::kazoo::DatabaseName;
use crate::report::Event;
use crate::selection::NumberDatabases;
use couchdb::{DatabaseState, Error};
use document::{Document, IdRange, string};

/// Kazoo's view of carrier modules: one row per document, reduced by a sum.
const DESIGN: &str = "numbers";
const VIEW: &str = "module_name";

/// A number database has one design document: the one with the view.
const DESIGN_DOCUMENTS: u64 = 1;

/// Numbers by carrier module.
type Counts = BTreeMap<String, u64>;

/// Numbers by carrier module, as the view returns them: keys are JSON.
type Rows = Vec<(Box<str>, u64)>;

/// `carrier_module_usage`
pub(crate) async fn usage(run: &Arc<Run>, databases: NumberDatabases) -> Result<Answer, Error> {
    run.prune_journals();
    let databases = run.number_databases(databases).await?;
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
            let whole = indexed.filter(|rows| is_whole(rows, held.get(&database)));
            (database, whole)
        })
        .collect();
    let counted = run
        .each(asked, |run, (database, indexed)| async move {
            let counts = match indexed {
                Some(rows) => Ok(by_name(rows)),
                None => count_documents(&run, &database).await,
            };
            let counts = run.or_failed(&database, counts)?;
            Ok(counts.map(|counts| (database, counts)))
        })
        .await?;
    let mut totals = Counts::new();
    for (database, counts) in counted.into_iter().flatten() {
        for (module, numbers) in &counts {
            *totals.entry(module.clone()).or_default() += numbers;
        }
        run.reporter
            .send(Event::CarrierUsage {
                database: Some(database.encoded()),
                modules: counts,
            })
            .await;
    }
    run.reporter
        .send(Event::CarrierUsage {
            database: None,
            modules: totals,
        })
        .await;
    Ok(Answer::Listed)
}

/// The states of the databases, where the server reports them.
async fn held(
    run: &Run,
    databases: &[DatabaseName],
) -> Result<HashMap<DatabaseName, DatabaseState>, Error> {
    match run.states_of(databases).await {
        Err(error) if !error.is_fatal() => Ok(HashMap::new()),
        states => states,
    }
}

/// The counts from the view of a database; `None` if the view is not available.
async fn indexed(run: &Run, database: &DatabaseName) -> Result<Option<Rows>, Error> {
    let server = run.cluster.server(Some(database)).await?;
    match server.grouped_counts(database, DESIGN, VIEW).await {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.is_fatal() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether the view has a row for each document that the database held at that moment. If not, the view is missing, broken or of
/// another version, or another writer is active; then the documents are read. All documents except design documents count
/// (docs/specification.md#other-types).
fn is_whole(rows: &Rows, held: Option<&DatabaseState>) -> bool {
    let indexed = rows
        .iter()
        .try_fold(0_u64, |sum, (_, rows)| sum.checked_add(*rows));
    let indexed = indexed.and_then(|sum| sum.checked_add(DESIGN_DOCUMENTS));
    indexed.is_some() && indexed == held.map(|state| state.documents)
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
    let mut scan = run.scan(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        for document in &page {
            if document.id().starts_with("_design/") {
                continue;
            }
            let module = module_of(document);
            *counts.entry(module).or_default() += 1;
        }
    }
    Ok(counts)
}

fn module_of(document: &Document) -> String {
    document
        .get("pvt_module_name")
        .map_or_else(|| "null".to_owned(), shown)
}

/// The printed form of a module: the content of a string, JSON of any other value.
fn shown(json: &str) -> String {
    string(json).map_or_else(|| json.to_owned(), Into::into)
}
