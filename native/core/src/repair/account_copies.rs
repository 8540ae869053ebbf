//! Makes copies of numbers in account databases equal to the documents of number databases.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;

use crate::engine::{Charge, Ends, Kept, Lookup, MissingDatabase};
use crate::engine::{OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{self, Cause, Decision, Drift, Source, source_in_number_database};
use couchdb::{Attachments, Error};
use document::{Change, Document, Leaf};

/// The source of a copy in an account database.
pub(crate) struct CopySource {
    pub(crate) id: String,
    /// The number database of the source.
    pub(crate) from: DatabaseName,
    /// The source document, while memory permits.
    pub(crate) document: Option<Kept>,
}

/// The copies for one account.
#[derive(Default)]
pub(crate) struct Copies {
    sources: Vec<CopySource>,
    /// Changes that are already decided, each with the number database of its source.
    changes: Vec<(Change, DatabaseName)>,
    /// The charges of the changes' documents.
    charges: Vec<Arc<Charge>>,
}

impl Copies {
    /// Adds a number that must be compared with its copy.
    pub(crate) fn compare(&mut self, source: CopySource) {
        self.sources.push(source);
    }

    /// Adds a decided change of a copy.
    pub(crate) fn change(
        &mut self,
        change: Change,
        from: DatabaseName,
        charges: impl IntoIterator<Item = Arc<Charge>>,
    ) {
        self.changes.push((change, from));
        self.charges.extend(charges);
    }

    pub(crate) fn len(&self) -> usize {
        self.sources.len() + self.changes.len()
    }
}

/// The assignment that a number needs to be copied to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// It must be assigned to that account.
    ToTheAccount,
    /// It may have any assignment (`copy_single_number_to_account_db`).
    Any,
}

/// Makes the copies of several accounts equal to their sources.
pub(crate) async fn copy_to_accounts(
    run: &Arc<Run>,
    by_account: BTreeMap<AccountId, Copies>,
) -> Result<(), Error> {
    run.each(
        by_account.into_iter().collect(),
        |run, (account, copies)| async move {
            copy_to_account(&run, account, copies, Assignment::ToTheAccount).await?;
            run.finished(&account.database()).await;
            Ok(())
        },
    )
    .await?;
    Ok(())
}

/// Makes the copies of an account equal to their sources.
pub(crate) async fn copy_to_account(
    run: &Run,
    account: AccountId,
    copies: Copies,
    assignment: Assignment,
) -> Result<Ends, Error> {
    let database = account.database();
    let mut from = HashMap::with_capacity(copies.len());
    let mut known = HashMap::new();
    let mut ids = Vec::with_capacity(copies.sources.len());
    for source in copies.sources {
        if let Some(document) = source.document {
            known.insert(source.id.clone(), document);
        }
        from.insert(source.id.clone(), source.from);
        ids.push(source.id);
    }
    let mut changes = Vec::with_capacity(copies.changes.len());
    for (change, database) in copies.changes {
        from.insert(change.id().to_owned(), database);
        changes.push(change);
    }
    let reconciler = AccountCopies {
        run,
        account,
        from,
        known: Mutex::new(known),
        assignment,
    };
    let mut ends = run.apply(&database, &reconciler, changes).await?;
    drop(copies.charges);
    ends.extend(run.reconcile_ids(&database, &reconciler, &ids).await?);
    Ok(ends)
}

struct AccountCopies<'a> {
    run: &'a Run,
    account: AccountId,
    from: HashMap<String, DatabaseName>,
    /// Scanned sources, valid for the first decision.
    known: Mutex<HashMap<String, Kept>>,
    assignment: Assignment,
}

/// The source of a copy, if it still qualifies.
enum CopyOf {
    Nothing,
    Kept(Kept),
    Read(Document),
}

#[async_trait]
impl Reconciler for AccountCopies<'_> {
    type Other = CopyOf;

    /// An account database is never created, so saving the copy fails.
    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::FailsToWrite
    }

    async fn other_side(
        &self,
        targets: &[Target],
        read: Read,
    ) -> Result<Vec<OtherSide<CopyOf>>, Error> {
        let mut sources: HashMap<&str, OtherSide<CopyOf>> = HashMap::new();
        let mut unknown = Lookup::default();
        for target in targets {
            let id = target.id.as_str();
            if let Some(kept) = self.known(id, read) {
                sources.insert(id, Ok(CopyOf::Kept(kept)));
            } else if let Some(from) = self.from.get(id) {
                unknown.add(from.clone(), id);
            }
        }
        let (run, attachments) = (self.run, read.attachments);
        let read = unknown
            .read(|from, ids| run.documents(from, ids, attachments).boxed())
            .await?;
        for one in read {
            let source = one.found.map(|found| {
                let source = found.present();
                match source.filter(|source| self.is_source(&one.database, source)) {
                    Some(source) => CopyOf::Read(source),
                    None => CopyOf::Nothing,
                }
            });
            sources.insert(one.id, source);
        }
        let source_of = |target: &Target| {
            let source = sources.remove(target.id.as_str());
            source.unwrap_or(Ok(CopyOf::Nothing))
        };
        Ok(targets.iter().map(source_of).collect())
    }

    fn decide(&self, target: &Target, source: &CopyOf, read: Read) -> Decision {
        let source = match source {
            CopyOf::Nothing => return Decision::Skip,
            CopyOf::Kept(kept) => kept.document(),
            CopyOf::Read(document) => document,
        };
        let whole = read.attachments == Attachments::Inline;
        plan::copy_to_account(source, target.document.as_ref(), whole)
    }

    /// The losing leaves of an overwritten copy must agree with the copy in the fields that decide
    /// (docs/specification.md#conflicts-delete): they are numbers of the same account and differ from the source.
    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        let (Some(before), Some(after)) = (change.before(), change.after()) else {
            return false;
        };
        NumberFacts::of(before).are_of_the_same_number(&NumberFacts::of(leaf))
            && leaf.digest() != after.digest()
    }

    fn asks_leaves(&self, _: &Change) -> bool {
        true
    }

    fn cause(&self, change: &Change) -> Cause {
        Cause::Drift(match change.before() {
            None => Drift::MissingCopy,
            Some(_) => Drift::DifferingCopy,
        })
    }
}

impl AccountCopies<'_> {
    /// The kept source, for the first decision.
    fn known(&self, id: &str, read: Read) -> Option<Kept> {
        if read.fresh {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(id)
    }

    fn is_source(&self, from: &DatabaseName, document: &Document) -> bool {
        let facts = NumberFacts::of(document);
        match self.assignment {
            Assignment::ToTheAccount => {
                source_in_number_database(from, document.id(), &facts)
                    == Source::Assigned(self.account)
            }
            Assignment::Any => facts.is_live_number(),
        }
    }
}
