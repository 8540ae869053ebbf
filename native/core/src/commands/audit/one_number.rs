//! The audit of one number, with the documents that it read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::Coverage;
use super::filter::Filter;
use super::{Covered, audit_covered};
use crate::engine::Run;
use crate::kazoo::{AccountId, DatabaseName};
use crate::report::Audit;
use crate::selection::Part;
use couchdb::Error;
use document::Document;

/// Normalises the number of an audit.
pub(super) async fn normalised(run: &Run, given: &str) -> Result<String, Error> {
    let normaliser = run.normaliser().await?;
    let number = normaliser.normalise(given);
    // No command changes such a number, but a database may still have it.
    if !normaliser.is_reconcilable(&number) {
        run.reporter
            .warn(format!(
                "{number} is not a phone number that Kazoo accepts: not_reconcilable"
            ))
            .await;
    }
    Ok(number)
}

/// The audit of one number, with the documents that it read.
pub(in crate::commands) struct AuditedNumber {
    pub(in crate::commands) number: String,
    pub(in crate::commands) audit: Audit,
    /// The documents of the number in all databases.
    pub(in crate::commands) found: Vec<(DatabaseName, Document)>,
    /// The names of all accounts.
    pub(in crate::commands) account_names: BTreeMap<AccountId, String>,
    /// All accounts that have a database.
    pub(in crate::commands) accounts: BTreeSet<AccountId>,
}

/// Audits one number, and records the documents that use it in [`Run::usages`].
pub(in crate::commands) async fn audit_number(
    run: &Arc<Run>,
    given: &str,
) -> Result<AuditedNumber, Error> {
    let coverage = Coverage::of(run, vec![Part::Number(given.to_owned())]).await?;
    let number = coverage.only_numbers().unwrap_or_default().concat();
    // Fails only if it is set twice.
    let _ = run.watched.set(number.clone());
    let coverage = Arc::new(coverage);
    let Covered {
        audit,
        account_names,
        ..
    } = audit_covered(run, &coverage, Filter::of(run).await?).await?;
    Ok(AuditedNumber {
        number,
        audit,
        found: coverage.take_found(),
        account_names,
        accounts: coverage.accounts.iter().copied().collect(),
    })
}
