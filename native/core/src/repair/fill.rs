//! Creates the numbers that number databases lack from the copies in account databases.
//!
//! All copies of a number are known before the number is created, so the one that is chosen does not depend on the order of reading.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::NumberCopies;
use super::number_database::{Existing, Known, by_ids, create, put_design};
use crate::engine::{Kept, Run};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, number_database_of};
use crate::plan::{
    Candidate, Decision, Pick, compare_with_number_database, copy_to_number_database, pick,
};
use crate::report::{NumberWarningKind, Outcome, Reason};
use couchdb::Error;
use document::{Change, Digest, Document};

/// The treatment of copies that a number is not created from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are counted, and a different one is a conflict.
    Counted,
    /// A later pass of the run treats them.
    Later,
}

/// One account's copy of a number.
struct AccountCopy {
    id: String,
    account: AccountId,
    /// Whether it says that it is assigned to that account.
    at_home: bool,
    digest: Digest,
    document: Option<Kept>,
}

/// Copies by the number database that they belong to.
pub(crate) struct AccountNumbers {
    /// The content of the number databases that were read before.
    known: Known,
    others: Others,
    by_database: Mutex<BTreeMap<DatabaseName, Vec<AccountCopy>>>,
}

impl AccountNumbers {
    /// `known`: the content of number databases that were read before.
    pub(crate) fn new(known: Known, others: Others) -> Self {
        let databases = known.keys().map(|name| (name.clone(), Vec::new()));
        Self {
            by_database: Mutex::new(databases.collect()),
            known,
            others,
        }
    }

    /// Counts a number that the number databases which were read before have with this content. `false`: they do not have it so.
    pub(crate) fn count_equal(&self, run: &Run, id: &str, digest: Digest) -> bool {
        let database = number_database_of(id);
        let equal = database.filter(|database| self.held(database, id) == Some(digest));
        if let Some(database) = &equal {
            run.reporter.decided(database, Outcome::Unchanged, 1);
        }
        equal.is_some()
    }

    /// The digest of a number in the number databases that were read before.
    fn held(&self, database: &DatabaseName, id: &str) -> Option<Digest> {
        match self.known.get(database) {
            Some(Ok(Some(existing))) => existing.digest(id),
            _ => None,
        }
    }

    /// Adds a document of an account, if it is a live number.
    pub(crate) fn add_live(&self, run: &Run, account: AccountId, document: Document) {
        if NumberFacts::of(&document).is_live_number() {
            self.add(run, account, document);
        }
    }

    /// Adds a live number document of an account.
    pub(crate) fn add(&self, run: &Run, account: AccountId, document: Document) {
        let id = document.id();
        let Some(database) = number_database_of(id) else {
            let encoded = account.database().encoded();
            run.reporter.failed(&encoded, Reason::NoNumberDatabase, id);
            return;
        };
        let digest = document.digest();
        if let Some(held) = self.held(&database, id) {
            count(run, &database, id, digest, held);
            return;
        }
        let facts = NumberFacts::of(&document);
        let copy = AccountCopy {
            id: id.to_owned(),
            account,
            at_home: facts.assigned_to == Some(account),
            digest,
            // Those with attachments are read again with their content.
            document: if facts.has_attachments {
                None
            } else {
                run.budget.keep(document).ok()
            },
        };
        self.by_database
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(database)
            .or_default()
            .push(copy);
    }

    fn take(&self) -> BTreeMap<DatabaseName, Vec<AccountCopy>> {
        let mut copies = self
            .by_database
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *copies)
    }
}

/// Creates what the number databases lack. `unread`: why an account could not be read.
pub(crate) async fn fill(
    run: &Arc<Run>,
    copies: Arc<AccountNumbers>,
    unread: Option<Reason>,
) -> Result<(), Error> {
    let by_database: Vec<_> = copies.take().into_iter().collect();
    run.each(by_database, |run, (database, some)| {
        let copies = copies.clone();
        async move {
            fill_one(&run, &database, &copies, some, unread).await?;
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Creates what one number database lacks.
async fn fill_one(
    run: &Run,
    database: &DatabaseName,
    all: &AccountNumbers,
    mut copies: Vec<AccountCopy>,
    unread: Option<Reason>,
) -> Result<(), Error> {
    copies.sort_by(|one, other| (&one.id, one.account).cmp(&(&other.id, other.account)));
    let asked;
    let holds = match all.known.get(database) {
        Some(known) => known,
        None => {
            let ids: Vec<&str> = copies.iter().map(|one| one.id.as_str()).collect();
            asked = by_ids(run, database, &ids).await;
            &asked
        }
    };
    let existing = match holds {
        Ok(existing) => existing.as_ref(),
        Err(error) => {
            let ids = copies.iter().map(|one| one.id.as_str());
            return run.numbers_failed(database, error, error.into(), ids);
        }
    };
    let mut chosen = Vec::new();
    for copies in copies.chunk_by_mut(|one, other| one.id == other.id) {
        chosen.extend(choose(run, database, existing, copies, unread, all.others).await);
    }
    drop(copies);
    if chosen.is_empty() {
        return Ok(());
    }
    let made = match existing {
        None => create(run, database).await,
        // The run that created it was killed before it wrote the design document.
        Some(known) if !known.has_design => put_design(run, database).await,
        Some(_) => Ok(()),
    };
    if let Err(error) = made {
        let ids = chosen.iter().map(|one| one.id.as_str());
        return run.numbers_failed(database, &error, (&error).into(), ids);
    }
    write(run, database, chosen).await
}

/// Chooses the copy from which a number is created, and counts the others. `copies`: all copies of one number.
async fn choose(
    run: &Run,
    database: &DatabaseName,
    existing: Option<&Existing>,
    copies: &mut [AccountCopy],
    unread: Option<Reason>,
    others: Others,
) -> Option<AccountCopy> {
    let id = copies.first()?.id.clone();
    let held = existing.and_then(|known| known.digest(&id));
    let picked = match held {
        Some(_) => None,
        None => match pick(&candidates(copies)) {
            Pick::None => None,
            Pick::Copy(index) => Some(index),
            Pick::Contested(claims) => {
                let claims = claims.iter().filter_map(|index| copies.get(*index));
                let accounts: Vec<String> = claims.map(|copy| copy.account.to_string()).collect();
                contested(run, database, &id, &accounts).await;
                return None;
            }
        },
    };
    let picked_copy = picked.and_then(|index| copies.get(index));
    // A copy in its own account is not held up: only an account that claims the same number could beat it, and one account's
    // failure must not stop all others. A later pass would delete the copy of such an account as a former one, so then it is held up.
    if let (Some(copy), Some(reason)) = (picked_copy, unread)
        && (!copy.at_home || others == Others::Later)
    {
        run.reporter.failed(&database.encoded(), reason, &id);
        return None;
    }
    let reference = held.or_else(|| picked_copy.map(|copy| copy.digest))?;
    let mut chosen = None;
    for (index, copy) in copies.iter_mut().enumerate() {
        if Some(index) == picked {
            chosen = Some(AccountCopy {
                document: copy.document.take(),
                id: copy.id.clone(),
                ..*copy
            });
        } else if others == Others::Counted {
            count(run, database, &id, copy.digest, reference);
        }
    }
    chosen
}

/// Several accounts claim a number that its number database lacks: the operator decides (docs/specification.md#contested).
async fn contested(run: &Run, database: &DatabaseName, id: &str, accounts: &[String]) {
    run.reporter
        .failed(&database.encoded(), Reason::Contested, id);
    let claiming = Some(accounts.join(" and "));
    run.reporter
        .warn_of_number(NumberWarningKind::Contested, database, id, claiming)
        .await;
}

/// Counts a copy that is not written.
fn count(run: &Run, database: &DatabaseName, id: &str, copy: Digest, number: Digest) {
    match compare_with_number_database(copy, number) {
        Decision::Failed(reason) => run.reporter.failed(&database.encoded(), reason, id),
        _ => run.reporter.decided(database, Outcome::Unchanged, 1),
    }
}

fn candidates(copies: &[AccountCopy]) -> Vec<Candidate> {
    copies
        .iter()
        .map(|copy| Candidate {
            database: copy.account.database(),
            at_home: copy.at_home,
            digest: copy.digest,
        })
        .collect()
}

async fn write(run: &Run, database: &DatabaseName, chosen: Vec<AccountCopy>) -> Result<(), Error> {
    let mut changes = Vec::new();
    let mut undecided = Vec::new();
    let mut from = HashMap::new();
    for copy in chosen {
        from.insert(copy.id.clone(), copy.account);
        let decision = copy
            .document
            .as_ref()
            .map(|kept| copy_to_number_database(kept.document(), None, false));
        match decision {
            Some(Decision::Write(after)) => changes.push(Change::create(after)),
            _ => undecided.push(copy.id),
        }
    }
    let reconciler = NumberCopies { run, from };
    run.apply(database, &reconciler, changes).await?;
    run.reconcile_ids(database, &reconciler, &undecided).await?;
    Ok(())
}
