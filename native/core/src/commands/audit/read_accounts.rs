//! Reads the account databases: their number documents, and the documents that use numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::Coverage;
use super::snapshot::{AccountSnapshot, SnapshotEntry, WRONG_USED_BY, owner_flag};
use crate::engine::Run;
use crate::index::{DocumentFacts, IndexedNumber, facts_of};
use crate::kazoo::{AccountId, AppUsage, UsedBy};
use crate::plan::{Owner, is_used_by_wrong};
use crate::repair::usage_of;
use couchdb::Error;
use document::{Digest, Document};

/// The scanned account databases.
pub(super) struct ScannedAccounts {
    pub(super) snapshot: AccountSnapshot,
    /// The accounts' number documents with conflicts.
    pub(super) conflicted: Vec<(AccountId, String)>,
    /// Accounts whose databases could not be read.
    pub(super) unread: BTreeSet<AccountId>,
    /// The names of accounts.
    pub(super) names: BTreeMap<AccountId, String>,
}

/// One scanned account database.
#[derive(Default)]
struct ScannedAccount {
    entries: Vec<SnapshotEntry>,
    /// Number documents with conflicts.
    conflicted: Vec<String>,
    name: Option<String>,
}

/// Reads the account databases of an audit. Unreadable databases are failures.
pub(super) async fn read(
    run: &Arc<Run>,
    coverage: &Arc<Coverage>,
) -> Result<ScannedAccounts, Error> {
    let all = run
        .each(coverage.accounts.clone(), |run, account| {
            let coverage = coverage.clone();
            async move {
                let read = match coverage.only_numbers() {
                    Some(numbers) => read_numbers(&run, account, &numbers, &coverage).await,
                    None => read_all(&run, account, &coverage).await,
                };
                let scanned = run.or_failed(&account.database(), read)?;
                Ok((account, scanned))
            }
        })
        .await?;
    let read = all.iter().filter_map(|(_, scanned)| scanned.as_ref());
    let mut entries = Vec::with_capacity(read.map(|scanned| scanned.entries.len()).sum());
    let mut unread = BTreeSet::new();
    let mut names = BTreeMap::new();
    let mut conflicted = Vec::new();
    for (account, read) in all {
        match read {
            Some(scanned) => {
                entries.extend(scanned.entries);
                conflicted.extend(scanned.conflicted.into_iter().map(|id| (account, id)));
                names.extend(scanned.name.map(|name| (account, name)));
            }
            None => {
                unread.insert(account);
            }
        }
    }
    Ok(ScannedAccounts {
        snapshot: AccountSnapshot::new(entries),
        conflicted,
        unread,
        names,
    })
}

/// A live number until the account's usage is known.
struct PendingCopy {
    id: Box<str>,
    digest: Digest,
    used_by: UsedBy,
    flags: u16,
}

impl PendingCopy {
    fn of(account: AccountId, number: IndexedNumber) -> Self {
        Self {
            digest: number.digest,
            used_by: number.facts.used_by,
            flags: owner_flag(Owner::of(account, &number.facts)),
            id: number.id,
        }
    }

    fn entry(self, account: AccountId, usage: &AppUsage) -> SnapshotEntry {
        let wrong = if is_used_by_wrong(self.used_by, usage.of(&self.id)) {
            WRONG_USED_BY
        } else {
            0
        };
        SnapshotEntry::new(&self.id, account, self.digest, self.flags | wrong)
    }
}

/// Reads an account's numbers, and what uses numbers.
async fn read_all(
    run: &Run,
    account: AccountId,
    coverage: &Coverage,
) -> Result<ScannedAccount, Error> {
    let normaliser = run.normaliser().await?;
    let mut usage = AppUsage::default();
    let mut waiting = Vec::new();
    let mut scanned = ScannedAccount::default();
    let mut scan = run.scan_facts(&account.database()).await?;
    while let Some(page) = scan.next().await? {
        for facts in page {
            match facts {
                DocumentFacts::Number(number) => {
                    if !coverage.may_cover(&number.id) {
                        continue;
                    }
                    if number.facts.has_conflicts {
                        scanned.conflicted.push(number.id.to_string());
                    }
                    if number.facts.is_live_number() {
                        waiting.push(PendingCopy::of(account, number));
                    }
                }
                DocumentFacts::Uses { id, uses } => usage.add_named(&id, &uses, &normaliser),
                DocumentFacts::Account { id, name, uses } => {
                    scanned.name = name.map(Into::into);
                    usage.add_named(&id, &uses, &normaliser);
                }
            }
        }
    }
    let waiting = waiting.into_iter();
    scanned.entries = waiting.map(|one| one.entry(account, &usage)).collect();
    run.usages.set(account, usage.packed());
    Ok(scanned)
}

/// Reads some numbers of an account. The usage is read only if the account has one of them.
async fn read_numbers(
    run: &Run,
    account: AccountId,
    numbers: &[&str],
    coverage: &Coverage,
) -> Result<ScannedAccount, Error> {
    let database = account.database();
    let id = account.to_string();
    let ids: Vec<&str> = std::iter::once(id.as_str())
        .chain(numbers.iter().copied())
        .collect();
    let mut found = run.present(&database, &ids).await?.into_iter();
    let definition = found.next().flatten();
    let mut scanned = ScannedAccount {
        name: definition.as_ref().and_then(name_of),
        ..ScannedAccount::default()
    };
    for document in found.flatten() {
        coverage.keep(&database, &document);
        let Some(DocumentFacts::Number(number)) = facts_of(&database, document, None) else {
            continue;
        };
        if number.facts.has_conflicts {
            scanned.conflicted.push(number.id.to_string());
        }
        if number.facts.is_live_number() {
            let usage = usage_of(run, account).await?;
            let entry = PendingCopy::of(account, number).entry(account, &usage);
            scanned.entries.push(entry);
        }
    }
    Ok(scanned)
}

/// The name of an account, from its own document.
fn name_of(document: &Document) -> Option<String> {
    document.string("name").map(Into::into)
}
