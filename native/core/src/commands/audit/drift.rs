//! The drift that `repair` starts from: an audit that is not reported.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::coverage::Coverage;
use super::filter::Filter;
use super::{Covered, WrongSources, audit_covered};
use crate::engine::Run;
use crate::kazoo::AccountId;
use crate::report::{AuditScope, Finding};
use crate::selection::Part;
use couchdb::Error;

/// The drift of parts of the cluster.
pub(in crate::commands) struct FoundDrift {
    /// The findings that were asked for and are not accepted.
    pub(in crate::commands) findings: Vec<Finding>,
    /// The numbers with a live document in these parts.
    pub(in crate::commands) looked_at: u64,
    /// All accounts that have a database.
    pub(in crate::commands) accounts: BTreeSet<AccountId>,
    /// Whether the findings name all copies of a number that no number database has: none is outside of the parts, excluded,
    /// accepted or of a kind that was not asked for.
    pub(in crate::commands) has_all_copies: bool,
    /// The accounts that could not be read.
    pub(in crate::commands) unread_accounts: BTreeSet<AccountId>,
    /// The wrong copies of which a number database assigns the number to their account, with that database, which may be out of
    /// the parts.
    pub(in crate::commands) sources_of_wrong: WrongSources,
}

/// Finds the drift of these parts; without any, of the whole cluster.
pub(in crate::commands) async fn find_drift(
    run: &Arc<Run>,
    parts: Vec<Part>,
) -> Result<FoundDrift, Error> {
    let filter = Filter::of(run).await?;
    let is_open = filter.is_open() && run.settings.exclude.is_empty();
    let coverage = Arc::new(Coverage::of(run, parts).await?);
    coverage.open_index(run, false).await?;
    let Covered {
        audit,
        unread_accounts,
        sources_of_wrong,
        used_index,
        ..
    } = audit_covered(run, &coverage, filter).await?;
    if used_index {
        // Writes are decided from documents that this run read.
        run.usages.clear();
    }
    let accounts: BTreeSet<AccountId> = match coverage.only_accounts() {
        Some(_) => run.all_accounts().await?.into_iter().collect(),
        None => coverage.accounts.iter().copied().collect(),
    };
    Ok(FoundDrift {
        findings: audit.findings,
        looked_at: audit.numbers.looked_at,
        has_all_copies: is_open && coverage.scope == AuditScope::All,
        accounts,
        unread_accounts,
        sources_of_wrong,
    })
}
