//! `purge_deleted`, `purge_discovery`: delete the numbers of one state from the number databases.

use std::sync::Arc;

use super::answer::{Answer, Returned};
use crate::engine::{ByFacts, InPlace, Run};
use crate::index::IndexedNumber;
use crate::kazoo::DatabaseName;
use crate::plan::{self, Cause, source_in_number_database};
use crate::report::Event;
use crate::selection::NumberDatabases;
use couchdb::Error;
use document::Document;

pub(crate) async fn purge(
    run: &Arc<Run>,
    state: &'static str,
    databases: NumberDatabases,
) -> Result<Answer, Error> {
    let databases = run.number_databases(databases).await?;
    let databases = run
        .each(databases, |run, database| async move {
            let purged = purge_one(&run, &database, state).await;
            run.or_failed(&database, purged)?;
            Ok(database)
        })
        .await?;
    run.make_withheld().await?;
    for database in databases {
        let (_, counts) = run.reporter.tally().database(&database);
        let purged = counts.deleted;
        run.reporter
            .send(Event::Purged {
                database: database.encoded(),
                state,
                numbers: purged,
            })
            .await;
    }
    Ok(Answer::Printed(Returned::NoReturn))
}

async fn purge_one(run: &Run, database: &DatabaseName, state: &str) -> Result<(), Error> {
    let rule = InPlace {
        cause: Cause::State,
        rule: |document: &Document| plan::state(database, document, state),
    };
    let by_facts = |number: &IndexedNumber| {
        let source = source_in_number_database(database, &number.id, &number.facts);
        if plan::is_purged(source, number.state.as_deref(), state) {
            ByFacts::Read
        } else {
            ByFacts::Skip
        }
    };
    let mut scan = run.scan_facts(database).await?;
    while let Some(page) = scan.next_scanned().await? {
        run.warn_misfiled_in(database, &page).await;
        run.reconcile_scanned(database, &rule, page, by_facts)
            .await?;
    }
    Ok(())
}
