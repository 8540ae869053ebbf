//! What is out of step, and nothing changed.
//!
//! The account databases are read first. They tell what uses a number, and of each of their
//! numbers a digest is kept, with a few marks ([`held`]). Then the number databases pass by
//! ([`sources`]): what equals its copy is in sync, and every document marks the accounts' numbers
//! that it accounts for. What seems to differ is looked at again ([`copies`]), which is what tells
//! a difference from a change in between, and names the fields. At last the marks tell
//! what accounts hold and should not.

mod claims;
mod copies;
mod held;
mod holders;
mod sources;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::Answer;
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, GREGORIAN_UNIX_EPOCH, encoded_number_database_of, number_database_of,
    number_databases_of,
};
use crate::plan::Drift;
use crate::report::{Audit, Event, Finding};
use crate::selection::{AuditTarget, NumberDatabases, Selection};
use copies::Doubtful;
use couchdb::Error;
use view::View;

/// `audit`
pub(crate) async fn audit(run: &Arc<Run>, target: AuditTarget) -> Result<Answer, Error> {
    run.prune_journals();
    let view = match target {
        AuditTarget::All => View::of_all(run).await?,
        AuditTarget::Account(account) => {
            run.must_exist(account).await?;
            View::of_account(run, account).await?
        }
        AuditTarget::Databases(selection) => {
            let name = match &selection {
                Selection::Database(name) => name.encoded(),
                Selection::StartingWith(prefix) => encoded_number_database_of(prefix),
            };
            let chosen = run
                .number_databases(NumberDatabases::One(selection))
                .await?;
            View::of_databases(run, name, chosen).await?
        }
        AuditTarget::Number(given) => {
            let normaliser = run.normaliser().await?;
            let number = normaliser.normalise(&given);
            // No command would touch it; it may lie somewhere all the same.
            if !normaliser.is_reconcilable(&number) {
                run.reporter
                    .warn(format!(
                        "{number} is no number that Kazoo takes: not_reconcilable"
                    ))
                    .await;
            }
            View::of_number(run, number).await?
        }
    };
    let report = look(run, view).await?;
    run.reporter.send(Event::Audit(Box::new(report))).await;
    Ok(Answer::Figures)
}

/// What the tasks of an audit write down.
#[derive(Default)]
struct Notes {
    findings: Mutex<Vec<Finding>>,
    doubtful: Mutex<BTreeMap<AccountId, Vec<Doubtful>>>,
    in_sync: AtomicU64,
    assigned: AtomicU64,
    unchecked: AtomicU64,
}

impl Notes {
    fn find(&self, finding: Finding) {
        self.findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(finding);
    }

    /// Something of so many documents cannot be told.
    fn unchecked(&self, documents: usize) {
        self.unchecked
            .fetch_add(documents as u64, Ordering::Relaxed);
    }

    fn doubt(&self, account: AccountId, doubtful: Doubtful) {
        self.doubtful
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(account)
            .or_default()
            .push(doubtful);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn look(run: &Arc<Run>, view: View) -> Result<Audit, Error> {
    let view = Arc::new(view);
    let notes = Arc::new(Notes::default());
    let holders = holders::read(run, &view).await?;
    let pass = Arc::new(sources::Pass {
        view: view.clone(),
        held: holders.held,
        unread_accounts: holders.unread,
        notes: notes.clone(),
    });
    let unread_databases = sources::read(run, &pass).await?;
    copies::compare(run, &notes).await?;
    claims::look(run, &pass).await?;
    for (index, entry) in pass.held.entries() {
        tell_of_holder(&pass, index, entry, &unread_databases);
    }
    for (account, number) in holders.conflicted {
        if !(view.is_about_number(&number) || pass.held.was_seen(&number)) {
            continue;
        }
        notes.find(Finding {
            kind: Drift::Conflicted,
            database: account.database(),
            number_database: number_database_of(&number),
            number,
            account: Some(account),
            fields: Vec::new(),
            assigned_to: None,
        });
    }
    let findings = std::mem::take(
        &mut *notes
            .findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    let concerned: BTreeSet<AccountId> = findings
        .iter()
        .flat_map(|one| [one.account, one.assigned_to])
        .flatten()
        .collect();
    let names = holders.names.into_iter();
    let unread = run.reporter.failures();
    Ok(Audit {
        account_names: names
            .filter(|(account, _)| concerned.contains(account))
            .map(|(account, name)| (account.to_string(), name))
            .collect(),
        taken_at: run.now.saturating_sub(GREGORIAN_UNIX_EPOCH),
        assigned: notes.assigned.load(Ordering::Relaxed),
        in_sync: notes.in_sync.load(Ordering::Relaxed),
        unchecked: notes.unchecked.load(Ordering::Relaxed),
        unread,
        ..Audit::new(view.scope.clone(), findings)
    })
}

/// What is wrong with a number that an account holds.
fn tell_of_holder(
    pass: &sources::Pass,
    index: usize,
    entry: &held::Entry,
    unread: &BTreeSet<DatabaseName>,
) {
    let notes = &pass.notes;
    if !pass.view.is_about_holder(entry) {
        return;
    }
    let find = |kind: Drift| {
        notes.find(Finding {
            kind,
            database: entry.account.database(),
            number: entry.id.to_string(),
            account: Some(entry.account),
            number_database: number_database_of(&entry.id),
            fields: Vec::new(),
            assigned_to: match kind {
                Drift::FormerAccount => pass.held.assigned_to(index),
                _ => None,
            },
        });
    };
    if entry.has(held::USED_BY_IS_WRONG) {
        find(Drift::WrongUsedByInAccount);
    }
    if entry.has(held::IS_ANOTHERS) {
        find(Drift::WrongAccount);
    }
    if entry.has(held::IS_ODD) {
        find(Drift::OddAssignment);
    }
    let Some(kind) = pass.held.place(entry) else {
        return;
    };
    // A number database that was not read could hold it, and for this account.
    if number_databases_of(&entry.id).any(|place| unread.contains(&place)) {
        notes.unchecked(1);
    } else {
        find(kind);
    }
}
