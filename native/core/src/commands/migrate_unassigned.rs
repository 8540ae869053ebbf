//! `migrate_unassigned_numbers`: removes fields that only assigned numbers should have. Inside Kazoo, Kazoo decides.

use std::sync::Arc;

use crate::engine::{Run, Target};
use crate::kazoo::DatabaseName;
use crate::plan::is_migrated;
use crate::repair::Migration;
use crate::report::Outcome;
use crate::selection::Unassigned;
use couchdb::Error;
use document::IdRange;

/// `migrate_unassigned_numbers`
pub(crate) async fn migrate_unassigned(run: &Arc<Run>, what: Unassigned) -> Result<(), Error> {
    let databases = match what {
        Unassigned::Number(number) => return migrate_number(run, number).await,
        Unassigned::Databases(databases) => databases,
    };
    let databases = run.number_databases(databases).await?;
    run.each_database(databases, DatabaseName::clone, |run, database| async move {
        migrate_database(&run, &database).await
    })
    .await?;
    Ok(())
}

async fn migrate_number(run: &Arc<Run>, number: String) -> Result<(), Error> {
    let numbers = run.normalised(vec![number]).await?;
    for (database, live) in run.read_numbers(numbers).await? {
        let mut targets = Vec::new();
        for number in live {
            if is_migrated(&database, &number.document) {
                targets.push(Target::present(number.document));
            } else {
                run.reporter.decided(&database, Outcome::Unchanged, 1);
            }
        }
        let reconciler = Migration {
            run,
            database: &database,
        };
        run.reconcile(&database, &reconciler, targets).await?;
        run.finished(&database).await;
    }
    Ok(())
}

async fn migrate_database(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    let mut scan = run.scan(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        run.warn_misfiled_in(database, &page).await;
        let targets = page.into_iter().map(Target::present).collect();
        let reconciler = Migration { run, database };
        run.reconcile(database, &reconciler, targets).await?;
    }
    Ok(())
}
