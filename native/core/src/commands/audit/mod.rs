//! `audit`: reports drift and writes nothing.
//!
//! [`read_accounts`] reads the account databases first. It computes what uses each number, and keeps a digest and flags of each
//! number document ([`snapshot`]). [`read_numbers`] then reads the number databases. A document that equals its copy is in sync,
//! and each document sets flags in the snapshot. A pair that seems to differ is compared again ([`recheck`]), which excludes
//! changes between the two reads and names the fields. At the end the flags show what accounts have and should not.

mod contested;
mod coverage;
mod drift;
mod filter;
mod number_set;
mod one_number;
mod read_accounts;
mod read_numbers;
mod recheck;
mod results;
mod snapshot;
mod tally;
mod trend;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) use drift::{FoundDrift, find_drift};
pub(super) use one_number::{AuditedNumber, audit_number};

use super::answer::{Answer, Returned};
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, GREGORIAN_UNIX_EPOCH, number_database_of, number_databases_of,
};
use crate::plan::Drift;
use crate::report::{Audit, AuditScope, AuditTotals, Audited, Event, FEED_DELAY, Finding};
use crate::selection::AuditTarget;
use couchdb::Error;
use coverage::Coverage;
use filter::Filter;
use number_set::NumberSet;
use results::AuditResults;

/// The entries of the snapshot whose findings are settled together.
const SETTLED: usize = 1000;

/// `audit`
pub(crate) async fn audit(run: &Arc<Run>, target: AuditTarget) -> Result<Answer, Error> {
    run.prune_journals();
    let filter = Filter::of(run).await?;
    let parts = match target {
        AuditTarget::Trend => return trend::trend(run).await,
        AuditTarget::Parts(parts) => parts,
    };
    let coverage = Coverage::of(run, parts).await?;
    coverage.open_index(run, true).await?;
    let known = run.settings.audit.known.as_ref();
    if known.is_some_and(|moment| run.index.is_still_of(moment)) {
        return Ok(Answer::Only(Returned::Ok));
    }
    let Covered { mut audit, .. } = audit_covered(run, &Arc::new(coverage), filter).await?;
    audit.cluster = trend::cluster_of(run).await?;
    let totals = AuditTotals::of(&audit);
    let is_whole = audit.scope == AuditScope::All && audit.only_kinds.is_empty();
    if is_whole {
        audit.history = trend::add(run, totals.clone()).await;
    }
    // A run has one command, so this is the first value.
    let _ = run.audited.set(Audited { totals, is_whole });
    run.reporter.send(Event::Audit(Box::new(audit))).await;
    Ok(Answer::Figures)
}

/// An audit with the facts that its report does not have.
struct Covered {
    audit: Audit,
    /// The names of all accounts.
    account_names: BTreeMap<AccountId, String>,
    /// The accounts that could not be read.
    unread_accounts: BTreeSet<AccountId>,
    /// The wrong copies of which a number database assigns the number to their account, with that database.
    sources_of_wrong: WrongSources,
    /// Whether facts came from the index.
    used_index: bool,
}

/// By account and number: a number database.
pub(super) type WrongSources = BTreeMap<(AccountId, String), DatabaseName>;

/// Audits the numbers of a scope, for which the index was opened.
async fn audit_covered(
    run: &Arc<Run>,
    coverage: &Arc<Coverage>,
    filter: Filter,
) -> Result<Covered, Error> {
    let results = Arc::new(AuditResults::new(run, filter));
    let accounts = read_accounts::read(run, coverage).await?;
    let context = Arc::new(read_numbers::AuditContext {
        coverage: coverage.clone(),
        snapshot: accounts.snapshot,
        unread_accounts: accounts.unread,
        results: results.clone(),
    });
    let unread_databases = read_numbers::read(run, &context).await?;
    recheck::recheck(run, &results).await?;
    contested::add_claims(run, &context).await?;
    let mut looked_at = NumberSet::default();
    for (index, entry) in context.snapshot.entries() {
        find_drift_of_entry(&context, index, entry, &unread_databases, &mut looked_at);
        if index % SETTLED == 0 {
            results.flush(run).await;
        }
    }
    results.add_looked_at(&looked_at);
    for (account, number) in accounts.conflicted {
        if !(coverage.covers_copy(account, &number) || context.snapshot.is_in_scope(&number)) {
            continue;
        }
        results.add(Finding {
            kind: Drift::Conflicted,
            database: account.database(),
            number_database: number_database_of(&number),
            number,
            account: Some(account),
            fields: Vec::new(),
            assigned_to: None,
        });
    }
    results.settle(run, true).await;
    let (audit, concerned) = results.audit(coverage.scope.clone());
    let names = accounts.names.iter();
    let taken_at = run.now.saturating_sub(GREGORIAN_UNIX_EPOCH);
    let as_of = match run.index.believed_feed() {
        true => taken_at.saturating_sub(FEED_DELAY),
        false => taken_at,
    };
    let audit = Audit {
        account_names: names
            .filter(|(account, _)| concerned.contains(account))
            .map(|(account, name)| (account.to_string(), name.clone()))
            .collect(),
        taken_at,
        as_of,
        unread: run.reporter.failures(),
        ..audit
    };
    let is_of_all = audit.scope == AuditScope::All;
    for line in results.warnings(is_of_all && !audit.is_incomplete()) {
        run.reporter.warn(line).await;
    }
    Ok(Covered {
        audit,
        account_names: accounts.names,
        unread_accounts: context.unread_accounts.clone(),
        sources_of_wrong: context.snapshot.sources_of_wrong(),
        used_index: run.index.was_used(),
    })
}

/// Adds the findings of one entry of the snapshot, and its number.
fn find_drift_of_entry(
    context: &read_numbers::AuditContext,
    index: usize,
    entry: &snapshot::SnapshotEntry,
    unread: &BTreeSet<DatabaseName>,
    looked_at: &mut NumberSet,
) {
    let results = &context.results;
    if !context.coverage.covers_entry(entry) {
        return;
    }
    looked_at.insert(&entry.id);
    let find = |kind: Drift| {
        results.add(Finding {
            kind,
            database: entry.account.database(),
            number: entry.id.to_string(),
            account: Some(entry.account),
            number_database: number_database_of(&entry.id),
            fields: Vec::new(),
            assigned_to: match kind {
                Drift::FormerAccount => context.snapshot.assigned_to(index),
                _ => None,
            },
        });
    };
    if entry.has(snapshot::WRONG_USED_BY) {
        find(Drift::WrongUsedByInAccount);
    }
    if entry.has(snapshot::ASSIGNED_ELSEWHERE) {
        find(Drift::WrongAccount);
    }
    if entry.has(snapshot::ODD_ASSIGNMENT) {
        find(Drift::OddAssignment);
    }
    let Some(kind) = context.snapshot.drift_of(entry) else {
        return;
    };
    // A number database that was not read could have the number and assign it to this account.
    if number_databases_of(&entry.id).any(|place| unread.contains(&place)) {
        results.add_unchecked([&*entry.id]);
    } else {
        find(kind);
    }
}
