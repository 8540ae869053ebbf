//! The account databases: what they hold, and what they say uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::held::{Entry, Held, USED_BY_IS_WRONG, mark_of};
use super::view::View;
use crate::engine::Run;
use crate::kazoo::{AccountId, AppUsage, NumberFacts, UsedBy};
use crate::plan::{Owner, is_used_by_wrong};
use crate::repair::usage_of;
use couchdb::Error;
use document::{Digest, Document, IdRange};

/// What the account databases told.
pub(super) struct Holders {
    pub(super) held: Held,
    /// Accounts' documents that have conflicts, by number.
    pub(super) conflicted: Vec<(AccountId, String)>,
    /// Accounts whose databases could not be read: nobody knows what they hold.
    pub(super) unread: BTreeSet<AccountId>,
    /// What accounts are called.
    pub(super) names: BTreeMap<AccountId, String>,
}

/// One account's part of it.
#[derive(Default)]
struct Holder {
    entries: Vec<Entry>,
    /// Numbers whose document has conflicts.
    conflicted: Vec<String>,
    name: Option<String>,
}

/// Reads the account databases of an audit. Those that could not be read are failures.
pub(super) async fn read(run: &Arc<Run>, view: &Arc<View>) -> Result<Holders, Error> {
    let all = run
        .each(view.accounts.clone(), |run, account| {
            let view = view.clone();
            async move {
                let read = match &view.number {
                    Some(number) => one_number(&run, account, number).await,
                    None => whole(&run, account, &view).await,
                };
                let holder = run.or_failed(&account.database(), read)?;
                Ok((account, holder))
            }
        })
        .await?;
    let read = all.iter().filter_map(|(_, holder)| holder.as_ref());
    let mut entries = Vec::with_capacity(read.map(|holder| holder.entries.len()).sum());
    let mut unread = BTreeSet::new();
    let mut names = BTreeMap::new();
    let mut conflicted = Vec::new();
    for (account, read) in all {
        match read {
            Some(holder) => {
                entries.extend(holder.entries);
                conflicted.extend(holder.conflicted.into_iter().map(|id| (account, id)));
                names.extend(holder.name.map(|name| (account, name)));
            }
            None => {
                unread.insert(account);
            }
        }
    }
    Ok(Holders {
        held: Held::new(entries),
        conflicted,
        unread,
        names,
    })
}

/// A live number that waits until it is known what uses it.
struct Waiting {
    id: String,
    digest: Digest,
    used_by: UsedBy,
    marks: u16,
}

impl Waiting {
    fn of(account: AccountId, document: &Document, facts: &NumberFacts) -> Self {
        Self {
            id: document.id().to_owned(),
            digest: document.digest(),
            used_by: facts.used_by,
            marks: mark_of(Owner::of(account, facts)),
        }
    }

    fn entry(self, account: AccountId, usage: &AppUsage) -> Entry {
        let wrong = if is_used_by_wrong(self.used_by, usage.of(&self.id)) {
            USED_BY_IS_WRONG
        } else {
            0
        };
        Entry::new(&self.id, account, self.digest, self.marks | wrong)
    }
}

/// An account's database in one reading: what uses numbers, and the numbers.
async fn whole(run: &Run, account: AccountId, view: &View) -> Result<Holder, Error> {
    let normaliser = run.normaliser().await?;
    let database = account.database();
    let mut usage = AppUsage::default();
    let mut waiting = Vec::new();
    let mut conflicted = Vec::new();
    let id = account.to_string();
    let mut name = None;
    let mut scan = run.scan(&database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        for document in &page {
            let facts = NumberFacts::of(document);
            if facts.is_number && facts.has_conflicts && view.may_be_about(document.id()) {
                conflicted.push(document.id().to_owned());
            }
            if !facts.is_live_number() {
                usage.add(document, &normaliser);
                if document.id() == id {
                    name = name_of(document);
                }
            } else if !is_design(document.id()) && view.may_be_about(document.id()) {
                waiting.push(Waiting::of(account, document, &facts));
            }
        }
    }
    let entries = waiting
        .into_iter()
        .map(|one| one.entry(account, &usage))
        .collect();
    run.usages.set(account, usage.packed()).await;
    Ok(Holder {
        entries,
        conflicted,
        name,
    })
}

/// One number of an account; what uses it is only asked where it is.
async fn one_number(run: &Run, account: AccountId, number: &str) -> Result<Holder, Error> {
    let database = account.database();
    let id = account.to_string();
    let mut found = run.present(&database, &[number, &id]).await?.into_iter();
    let (number_document, definition) = (found.next().flatten(), found.next().flatten());
    let mut holder = Holder {
        name: definition.as_ref().and_then(name_of),
        ..Holder::default()
    };
    let Some(document) = number_document else {
        return Ok(holder);
    };
    let facts = NumberFacts::of(&document);
    if facts.is_number && facts.has_conflicts {
        holder.conflicted.push(number.to_owned());
    }
    if facts.is_live_number() {
        let usage = usage_of(run, account).await?;
        let entry = Waiting::of(account, &document, &facts).entry(account, &usage);
        holder.entries.push(entry);
    }
    Ok(holder)
}

/// What an account is called, by its own document.
fn name_of(document: &Document) -> Option<String> {
    document.string("name").map(Into::into)
}

/// Whether an id is that of a design document, which is never a number's.
pub(super) fn is_design(id: &str) -> bool {
    id.starts_with("_design/")
}
