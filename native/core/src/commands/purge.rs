//! `purge_deleted`, `purge_discovery`: delete the numbers of one state from the number databases.

use std::sync::Arc;

use super::answer::{Answer, Returned};
use crate::engine::{End, InPlace, Run, Target};
use crate::kazoo::DatabaseName;
use crate::plan;
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
    let purged = run
        .each(databases, |run, database| async move {
            let purged = purge_one(&run, &database, state).await;
            let purged = run.or_failed(&database, purged)?.unwrap_or_default();
            Ok((database, purged))
        })
        .await?;
    for (database, purged) in purged {
        run.reporter
            .send(Event::Purged {
                database: database.encoded(),
                state,
                numbers: purged as u64,
            })
            .await;
    }
    Ok(Answer::printed(run, Returned::NoReturn).await)
}

async fn purge_one(run: &Run, database: &DatabaseName, state: &str) -> Result<usize, Error> {
    let rule = InPlace(|document: &Document| plan::state(database, document, state));
    let mut purged = 0;
    let mut scan = run.scan(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        run.warn_misfiled_in(database, &page).await;
        let targets = page.into_iter().map(Target::present).collect();
        let ends = run.reconcile(database, &rule, targets).await?;
        purged += ends.values().filter(|end| End::is_done(end)).count();
    }
    Ok(purged)
}
