//! Numbers that the audited account claims and no number database has: whether another account claims them, too.
//!
//! An audit of one account reads no other account. Without this look the command that it names would decide a contest that the
//! operator knows nothing of (docs/specification.md#contested). One request an account, and only where the account has such
//! numbers.

use std::sync::Arc;

use super::sources::Pass;
use crate::engine::Run;
use crate::kazoo::{AccountId, NumberFacts};
use couchdb::Error;

/// Marks those that another account claims, too. An account that cannot be read is a failure.
pub(super) async fn look(run: &Arc<Run>, pass: &Arc<Pass>) -> Result<(), Error> {
    let Some(only) = pass.view.only else {
        return Ok(());
    };
    let claims: Arc<[String]> = pass.held.claims().map(|one| one.id.to_string()).collect();
    if claims.is_empty() {
        return Ok(());
    }
    let mut accounts = run.all_accounts().await?;
    accounts.retain(|account| *account != only);
    run.each(accounts, |run, account| {
        let (pass, claims) = (pass.clone(), claims.clone());
        async move {
            match claimed_by(&run, account, &claims).await {
                Ok(claimed) => claimed.into_iter().for_each(|id| pass.held.claimed(id)),
                Err(error) => run.database_failed(&account.database(), error)?,
            }
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Those of the numbers that an account holds live and as its own.
async fn claimed_by<'a>(
    run: &Run,
    account: AccountId,
    numbers: &'a [String],
) -> Result<Vec<&'a str>, Error> {
    let database = account.database();
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = run.present(&database, &ids).await?;
    let mut claimed = Vec::new();
    for (id, found) in ids.into_iter().zip(found) {
        if let Some(document) = found {
            let facts = NumberFacts::of(&document);
            if facts.is_live_number() && facts.assigned_to == Some(account) {
                claimed.push(id);
            }
        }
    }
    Ok(claimed)
}
