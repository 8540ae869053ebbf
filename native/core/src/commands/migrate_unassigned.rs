//! `migrate_unassigned_numbers`: removes fields that only assigned numbers should have. Inside Kazoo, Kazoo decides.

use std::sync::Arc;

use crate::engine::{ByFacts, Run, Target};
use crate::index::IndexedNumber;
use crate::kazoo::DatabaseName;
use crate::plan::is_migrated;
use crate::repair::{Migration, decides_by_rule};
use crate::report::Outcome;
use crate::selection::Unassigned;
use couchdb::Error;

/// `migrate_unassigned_numbers`
pub(crate) async fn migrate_unassigned(run: &Arc<Run>, what: Unassigned) -> Result<(), Error> {
    let databases = match what {
        Unassigned::Number(number) => return migrate_number(run, number).await,
        Unassigned::Databases(databases) => databases,
    };
    let databases = run.number_databases(databases).await?;
    let by_rule = run.settings.index.is_some() && decides_by_rule(run).await?;
    run.each_database(
        databases,
        DatabaseName::clone,
        move |run, database| async move { migrate_database(&run, &database, by_rule).await },
    )
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

/// `by_rule`: the rule decides, so the index knows what is to be changed.
async fn migrate_database(run: &Run, database: &DatabaseName, by_rule: bool) -> Result<(), Error> {
    let reconciler = Migration { run, database };
    let by_facts = |number: &IndexedNumber| {
        if !number.is_migrated {
            ByFacts::Skip
        } else if by_rule && !number.is_unmigrated {
            ByFacts::Unchanged
        } else {
            ByFacts::Read
        }
    };
    let mut scan = run.scan_facts(database).await?;
    while let Some(page) = scan.next_scanned().await? {
        run.warn_misfiled_in(database, &page).await;
        run.reconcile_scanned(database, &reconciler, page, by_facts)
            .await?;
    }
    Ok(())
}
