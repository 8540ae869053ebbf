//! Copies of numbers in account databases: made equal to the documents of number databases.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::engine::{Charge, Ends, Kept, Read, Reconciler, Run, Target};
use crate::engine::{MissingDatabase, OtherSide};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{self, Decision, Source, source_in_number_database};
use couchdb::{Attachments, Error};
use document::{Change, Document, Leaf};

/// A number that is to be copied to an account.
pub(crate) struct CopySource {
    pub(crate) id: String,
    /// The number database that it comes from.
    pub(crate) from: DatabaseName,
    /// Its document, while there is room for it.
    pub(crate) document: Option<Kept>,
}

/// The copies that an account is to get.
#[derive(Default)]
pub(crate) struct Copies {
    sources: Vec<CopySource>,
    /// Copies that are decided about already, each with the number database that it comes from.
    changes: Vec<(Change, DatabaseName)>,
    /// What the documents of the changes are charged with.
    charges: Vec<Arc<Charge>>,
}

impl Copies {
    /// A number that is still to be compared with its copy.
    pub(crate) fn compare(&mut self, source: CopySource) {
        self.sources.push(source);
    }

    /// A copy that was compared, and is to be written.
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

/// Whether a copy needs the number to be assigned to the account that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// It does.
    ToTheAccount,
    /// It does not (`copy_single_number_to_account_db`).
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
            run.reporter.finished(&account.database()).await;
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
        planned: Mutex::default(),
        assignment,
    };
    let mut ends = run.apply(&database, &reconciler, changes).await?;
    drop(copies.charges);
    ends.extend(run.reconcile_ids(&database, &reconciler, &ids).await?);
    Ok(ends)
}

/// An account's copies of numbers.
struct AccountCopies<'a> {
    run: &'a Run,
    account: AccountId,
    from: HashMap<String, DatabaseName>,
    /// Sources as they were scanned: good for the first decision.
    known: Mutex<HashMap<String, Kept>>,
    /// In a dry run, sources with attachments as the run would have written them before.
    planned: Mutex<HashMap<String, Document>>,
    assignment: Assignment,
}

/// The source of a copy, if it still is one.
enum CopyOf {
    Nothing,
    Kept(Kept),
    Read(Document),
}

#[async_trait]
impl Reconciler for AccountCopies<'_> {
    type Other = CopyOf;

    /// An account database is never created, so the copy cannot be saved.
    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::FailsToWrite
    }

    async fn other_side(
        &self,
        targets: &[Target],
        read: Read,
    ) -> Result<Vec<OtherSide<CopyOf>>, Error> {
        let mut sources: HashMap<&str, CopyOf> = HashMap::new();
        let mut unknown: BTreeMap<&DatabaseName, Vec<&str>> = BTreeMap::new();
        for target in targets {
            let id = target.id.as_str();
            if let Some(kept) = self.known(id, read) {
                sources.insert(id, CopyOf::Kept(kept));
            } else if let Some(from) = self.from.get(id) {
                unknown.entry(from).or_default().push(id);
            }
        }
        for (from, ids) in unknown {
            let found = self.run.documents(from, &ids, read.attachments).await?;
            for (id, found) in ids.into_iter().zip(found) {
                if let Some(source) = found
                    .present()
                    .filter(|source| self.is_source(from, source))
                {
                    sources.insert(id, CopyOf::Read(self.as_planned(source)));
                }
            }
        }
        let source_of = |target: &Target| sources.remove(target.id.as_str());
        Ok(targets
            .iter()
            .map(source_of)
            .map(|source| Ok(source.unwrap_or(CopyOf::Nothing)))
            .collect())
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

    /// The losing leaves of a copy that is overwritten must say the same as the copy in all that copying goes by
    /// (docs/specification.md#conflicts-delete): they are numbers, of the same account, and differ from the source.
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
}

impl AccountCopies<'_> {
    /// A source that is kept, for the first decision.
    fn known(&self, id: &str, read: Read) -> Option<Kept> {
        if read.fresh {
            return None;
        }
        let kept = locked(&self.known).remove(id)?;
        let document = kept.document();
        if self.run.settings.dry_run && NumberFacts::of(document).has_attachments {
            locked(&self.planned).insert(id.to_owned(), document.clone());
        }
        Some(kept)
    }

    /// A source as it would be now, if a dry run had written what it planned before.
    fn as_planned(&self, source: Document) -> Document {
        const ATTACHMENTS: &str = "_attachments";
        match locked(&self.planned).get(source.id()) {
            Some(planned) => planned.edited(&[(ATTACHMENTS, source.get(ATTACHMENTS))]),
            None => source,
        }
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
