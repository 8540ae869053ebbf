//! `purge_deleted`, `purge_discovery`: delete the numbers of one state from the number databases.

use std::sync::Arc;

use super::answer::{Answer, Returned};
use crate::engine::{InPlace, Run, Target};
use crate::kazoo::DatabaseName;
use crate::plan::{self, Cause};
use crate::report::Event;
use crate::selection::NumberDatabases;
use couchdb::Error;
use document::{Document, IdRange};

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
    let mut scan = run.scan(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        run.warn_misfiled_in(database, &page).await;
        let targets = page.into_iter().map(Target::present).collect();
        run.reconcile(database, &rule, targets).await?;
    }
    Ok(())
}
