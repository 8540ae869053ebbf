//! Finds other accounts that claim numbers of the audited accounts which no number database has.
//!
//! An audit of one account reads no other account. Without this check the suggested command would decide a contest that the
//! operator does not know of (docs/specification.md#contested). The check costs one request per account, and only if the account
//! has such numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::read_numbers::AuditContext;
use crate::engine::Run;
use crate::kazoo::{AccountId, NumberFacts};
use couchdb::Error;

/// Adds the claims of accounts that the audit does not read. An unreadable account is a failure.
pub(super) async fn add_claims(run: &Arc<Run>, context: &Arc<AuditContext>) -> Result<(), Error> {
    let Some(only) = context.coverage.only_accounts() else {
        return Ok(());
    };
    let numbers: BTreeSet<String> = context
        .snapshot
        .unsourced()
        .map(|one| one.id.to_string())
        .collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Arc<[String]> = numbers.into_iter().collect();
    let mut accounts = run.all_accounts().await?;
    accounts.retain(|account| !only.contains(account));
    run.each(accounts, |run, account| {
        let (context, numbers) = (context.clone(), numbers.clone());
        async move {
            match claimed_by(&run, account, &numbers).await {
                Ok(claimed) => claimed
                    .into_iter()
                    .for_each(|id| context.snapshot.add_claim(id)),
                Err(error) => run.database_failed(&account.database(), error)?,
            }
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// The numbers that an account claims with a live copy.
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
