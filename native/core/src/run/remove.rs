//! Numbers that an account's database holds and that are another account's.

use std::sync::Arc;

use super::context::Run;
use super::databases;
use super::read::parsed;
use super::settle::{Decision, InPlace, settle};
use crate::command::Accounts;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Change, is_wrongly_assigned};
use crate::report::Outcome;
use couchdb::Error;
use couchdb::Revision;

/// `remove_wrong_assigned_from_accounts` and its narrower kin.
pub(super) async fn wrong_assigned(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let accounts = databases::accounts(run, accounts).await?;
    run.each(accounts, |run, account| async move {
        if let Err(error) = from_account(&run, account).await {
            run.database_failed(&account.database(), error)?;
        }
        run.finished(&account.database()).await;
        Ok(())
    })
    .await?;
    Ok(())
}

async fn from_account(run: &Run, account: AccountId) -> Result<(), Error> {
    let database = account.database();
    let mut right = 0;
    let mut wrong = Vec::new();
    run.numbers_of_account(account, |row, text, _, facts| {
        if is_wrongly_assigned(account, facts) {
            wrong.push(deletion(&row.id, &row.rev, text));
        } else if facts.is_live_number() {
            right += 1;
        }
    })
    .await?;
    run.tally.decided(&database, Outcome::Unchanged, right);
    remove(run, account, &database, wrong, &[]).await
}

pub(super) fn deletion(id: &str, rev: &Revision, text: &str) -> (String, Change) {
    (id.to_owned(), Change::delete(rev, text))
}

/// Deletes numbers that are another account's, and looks again at those that changed or are not
/// known for sure.
pub(super) async fn remove(
    run: &Run,
    account: AccountId,
    database: &DatabaseName,
    wrong: Vec<(String, Change)>,
    unknown: &[String],
) -> Result<(), Error> {
    let decider = InPlace {
        run,
        database,
        plan: |_: &str, rev: &Revision, text: &str| {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            Ok(if is_wrongly_assigned(account, &facts) {
                Decision::Change(Change::delete(rev, text))
            } else if facts.is_live_number() {
                Decision::Unchanged
            } else {
                Decision::Skip
            })
        },
    };
    settle(run, database, wrong, unknown, &decider).await?;
    Ok(())
}
