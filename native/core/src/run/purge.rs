//! Numbers of a state out of the number databases, and fields that unassigned numbers should
//! not have.

use std::sync::Arc;

use async_trait::async_trait;

use super::accounts::warn_misfiled;
use super::context::Run;
use super::databases;
use super::numbers;
use super::read::parsed;
use super::remove::deletion;
use super::settle::{Decide, Decision, InPlace, settle};
use super::unassigned::{self, Read};
use super::{Answer, FAILED, Returned};
use crate::command::{NumberDatabases, Unassigned};
use crate::kazoo::{DatabaseName, NumberFacts};
use crate::plan::{Change, Source, migrate_unassigned as migrated, source_in_number_database};
use crate::report::Outcome;
use couchdb::Error;
use couchdb::{Include, Object, Range, Revision};

/// A number's state, which older documents keep elsewhere.
fn has_state(document: &Object<'_>, state: &str) -> bool {
    let known = document
        .string("pvt_state")
        .or_else(|| document.string("pvt_number_state"));
    known.as_deref() == Some(state)
}

/// `purge_deleted` and `purge_discovery`
pub(super) async fn purge(
    run: &Arc<Run>,
    state: &'static str,
    databases: NumberDatabases,
) -> Result<Answer, Error> {
    let databases = databases::number_databases(run, databases).await?;
    let purged = run
        .each(databases, |run, database| async move {
            let purged = match purge_one(&run, &database, state).await {
                Ok(purged) => purged,
                Err(error) => {
                    run.database_failed(&database, error)?;
                    0
                }
            };
            Ok((database, purged))
        })
        .await?;
    for (database, purged) in purged {
        run.output(format!(
            "{database}: purged {purged} numbers in state {state}"
        ))
        .await;
    }
    let failures = run.tally.failures();
    Ok(Answer::Only(if failures.is_empty() {
        Returned::NoReturn
    } else {
        run.output(failures.to_json()).await;
        Returned::Code(FAILED)
    }))
}

async fn purge_one(run: &Run, database: &DatabaseName, state: &str) -> Result<usize, Error> {
    let is_meant = |id: &str, document: &Object<'_>| {
        let source = source_in_number_database(database, id, &NumberFacts::of(document));
        source.is_filed() && has_state(document, state)
    };
    let decider = InPlace {
        run,
        database,
        plan: |id: &str, rev: &Revision, text: &str| {
            Ok(if is_meant(id, &parsed(database, text)?) {
                Decision::Change(Change::delete(rev, text))
            } else {
                Decision::Skip
            })
        },
    };
    let mut purged = 0;
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        let mut planned = Vec::new();
        for (row, text) in page.rows() {
            if is_meant(&row.id, &parsed(database, text)?) {
                planned.push(deletion(&row.id, &row.rev, text));
            }
        }
        let ends = settle(run, database, planned, &[], &decider).await?;
        purged += ends.values().filter(|end| end.is_done()).count();
    }
    Ok(purged)
}

/// `migrate_unassigned_numbers`
pub(super) async fn migrate_unassigned(run: &Arc<Run>, what: Unassigned) -> Result<(), Error> {
    let databases = match what {
        Unassigned::Number(number) => return migrate_number(run, number).await,
        Unassigned::Databases(databases) => databases,
    };
    let databases = databases::number_databases(run, databases).await?;
    run.each(databases, |run, database| async move {
        if let Err(error) = migrate_one(&run, &database).await {
            run.database_failed(&database, error)?;
        }
        run.finished(&database).await;
        Ok(())
    })
    .await?;
    Ok(())
}

async fn migrate_number(run: &Arc<Run>, number: String) -> Result<(), Error> {
    let numbers = numbers::normalised(run, vec![number]).await?;
    for (database, live) in numbers::read_all(run, numbers).await? {
        let read: Vec<Read<'_>> = live
            .iter()
            .map(|number| (number.id.as_str(), &number.rev, &*number.text))
            .collect();
        let mut planned = Vec::new();
        for (number, decision) in live.iter().zip(migrations(run, &database, &read).await?) {
            match decision {
                Decision::Change(change) => planned.push((number.id.clone(), change)),
                Decision::Failed(place, reason) => run.tally.failed(&place, &reason, &number.id),
                Decision::Unchanged | Decision::Skip => {
                    run.tally.decided(&database, Outcome::Unchanged, 1);
                }
            }
        }
        migrate(run, &database, planned).await?;
        run.finished(&database).await;
    }
    Ok(())
}

async fn migrate_one(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        let mut misfiled = Vec::new();
        let mut read: Vec<Read<'_>> = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            if source_in_number_database(database, &row.id, &facts) == Source::Misfiled {
                misfiled.push(row.id.as_str());
            }
            read.push((&row.id, &row.rev, text));
        }
        let mut planned = Vec::new();
        for ((id, _, _), decision) in read.iter().zip(migrations(run, database, &read).await?) {
            match decision {
                Decision::Change(change) => planned.push(((*id).to_owned(), change)),
                Decision::Failed(place, reason) => run.tally.failed(&place, &reason, id),
                Decision::Unchanged => run.tally.decided(database, Outcome::Unchanged, 1),
                Decision::Skip => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
        migrate(run, database, planned).await?;
    }
    Ok(())
}

/// What becomes of documents: Kazoo decides where it is there, else [`migration`].
async fn migrations(
    run: &Run,
    database: &DatabaseName,
    read: &[Read<'_>],
) -> Result<Vec<Decision>, Error> {
    let mut decisions = Vec::with_capacity(read.len());
    let mut eligible = Vec::new();
    for &(id, rev, text) in read {
        let decision = migration(database, id, rev, text)?;
        if !matches!(decision, Decision::Skip) {
            eligible.push((id, rev, text));
        }
        decisions.push(decision);
    }
    if let Some(asked) = unassigned::asked_of_the_host(run, database, &eligible).await? {
        let mut asked = asked.into_iter();
        for decision in &mut decisions {
            if !matches!(decision, Decision::Skip)
                && let Some(asked) = asked.next()
            {
                *decision = asked;
            }
        }
    }
    Ok(decisions)
}

/// Numbers of no account; those deleted and those only discovered are left out (contract section 8).
fn migration(
    database: &DatabaseName,
    id: &str,
    rev: &Revision,
    text: &str,
) -> Result<Decision, Error> {
    let document = parsed(database, text)?;
    let source = source_in_number_database(database, id, &NumberFacts::of(&document));
    let is_past = has_state(&document, "deleted") || has_state(&document, "discovery");
    if source != Source::Unassigned || is_past {
        return Ok(Decision::Skip);
    }
    Ok(match migrated(&document) {
        None => Decision::Unchanged,
        Some(body) => Decision::Change(Change::update(rev, text, body)),
    })
}

async fn migrate(
    run: &Run,
    database: &DatabaseName,
    planned: Vec<(String, Change)>,
) -> Result<(), Error> {
    settle(run, database, planned, &[], &Migration { run, database }).await?;
    Ok(())
}

struct Migration<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
}

#[async_trait]
impl Decide for Migration<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Documents)
            .await?;
        let read: Vec<Read<'_>> = ids
            .iter()
            .zip(&found)
            .filter_map(|(id, found)| found.document().map(|(rev, text)| (*id, rev, text)))
            .collect();
        let mut decided = migrations(self.run, self.database, &read)
            .await?
            .into_iter();
        Ok(found
            .iter()
            .map(|found| match found.document() {
                Some(_) => decided.next().unwrap_or(Decision::Skip),
                None => Decision::Skip,
            })
            .collect())
    }
}
