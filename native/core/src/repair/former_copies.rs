//! Copies in account databases that do not belong to the account.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::FutureExt;

use crate::engine::{InPlace, Lookup, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, number_databases_of};
use crate::plan::{
    Cause, Decision, Drift, Elsewhere, Source, former_copy, other_account,
    source_in_number_database,
};
use crate::report::NumberWarningKind;
use couchdb::{Error, Kind};
use document::{Change, Document, Leaf};

/// Removes copies of an account that say that they are assigned to another one.
pub(crate) fn wrong_copies(
    account: AccountId,
) -> InPlace<impl Fn(&Document) -> Decision + Send + Sync> {
    InPlace {
        cause: Cause::Drift(Drift::WrongAccount),
        rule: move |document: &Document| other_account(account, &NumberFacts::of(document)),
    }
}

/// Removes copies that say that they are assigned to another account, where a number database has the number and none assigns it to
/// this account: a copy may be the only document of its number, or be made equal to it.
pub(crate) struct MisplacedCopies<'a> {
    pub(crate) run: &'a Run,
    pub(crate) account: AccountId,
}

#[async_trait]
impl Reconciler for MisplacedCopies<'_> {
    type Other = Numbers;

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Numbers>>, Error> {
        numbers_of(self.run, self.account, targets).await
    }

    fn decide(&self, target: &Target, numbers: &Numbers, _: Read) -> Decision {
        let elsewhere = numbers.elsewhere;
        match &target.document {
            Some(copy) if elsewhere.exists && !elsewhere.is_assigned_here => {
                other_account(self.account, &NumberFacts::of(copy))
            }
            _ => Decision::Skip,
        }
    }

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        wrong_copies(self.account).permits(change, leaf)
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(Drift::WrongAccount)
    }
}

/// Removes former copies of an account. The number databases' documents decide.
pub(crate) struct FormerCopies<'a> {
    pub(crate) run: &'a Run,
    pub(crate) account: AccountId,
}

/// The documents of one number in the number databases.
#[derive(Clone, Copy, Default)]
pub(crate) struct Numbers {
    elsewhere: Elsewhere,
    /// A document has losing leaves.
    conflicted: bool,
    /// A document has an odd assignment.
    odd: bool,
}

#[async_trait]
impl Reconciler for FormerCopies<'_> {
    type Other = Numbers;

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Numbers>>, Error> {
        let all = numbers_of(self.run, self.account, targets).await?;
        for (target, numbers) in targets.iter().zip(&all) {
            self.warn_odd(target, numbers).await;
        }
        Ok(all)
    }

    fn decide(&self, target: &Target, numbers: &Numbers, _: Read) -> Decision {
        match &target.document {
            Some(copy) => former_copy(self.account, copy, numbers.elsewhere, numbers.conflicted),
            None => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(Drift::FormerAccount)
    }

    /// No leaf permits the deletion: a copy with conflicts is kept.
    fn permits(&self, _: &Change, _: &Leaf) -> bool {
        false
    }
}

impl FormerCopies<'_> {
    /// Warns of a copy that is kept because an assignment is odd, although it may be a former copy.
    async fn warn_odd(&self, target: &Target, numbers: &OtherSide<Numbers>) {
        let (Some(copy), Ok(numbers)) = (&target.document, numbers) else {
            return;
        };
        let facts = NumberFacts::of(copy);
        let is_odd = numbers.odd || (facts.is_assignment_odd && numbers.elsewhere.is_former());
        if facts.is_live_number() && is_odd {
            let (kind, database) = (NumberWarningKind::OddAssignment, self.account.database());
            self.run
                .reporter
                .warn_of_number(kind, &database, &target.id, None)
                .await;
        }
    }
}

/// The documents of targets in the number databases that may hold them.
async fn numbers_of(
    run: &Run,
    account: AccountId,
    targets: &[Target],
) -> Result<Vec<OtherSide<Numbers>>, Error> {
    let mut numbers = Lookup::default();
    let live = targets.iter().filter(|target| {
        let document = target.document.as_ref();
        document.is_some_and(|document| NumberFacts::of(document).is_live_number())
    });
    for target in live {
        for database in number_databases_of(&target.id) {
            numbers.add(database, &target.id);
        }
    }
    let read = numbers
        .read(|database, ids| present(run, database, ids).boxed())
        .await?;
    let mut others: HashMap<&str, OtherSide<Numbers>> = HashMap::new();
    for one in read {
        let other = others
            .entry(one.id)
            .or_insert_with(|| Ok(Numbers::default()));
        match (one.found, other) {
            (Ok(Some(document)), Ok(other)) => {
                let facts = NumberFacts::of(&document);
                let source = source_in_number_database(&one.database, one.id, &facts);
                other.elsewhere.add(source, account);
                other.conflicted |= facts.has_conflicts;
                other.odd |= source == Source::OddlyAssigned;
            }
            (Err(failed), other) => *other = Err(failed),
            (Ok(_), _) => {}
        }
    }
    let mut all = Vec::with_capacity(targets.len());
    for target in targets {
        let other = others.remove(target.id.as_str());
        let other = other.unwrap_or_else(|| Ok(Numbers::default()));
        all.push(other);
    }
    Ok(all)
}

/// Documents of a number database. A database that does not exist has none.
async fn present(
    run: &Run,
    database: &DatabaseName,
    ids: &[&str],
) -> Result<Vec<Option<Document>>, Error> {
    match run.present(database, ids).await {
        Err(error) if error.kind() == Kind::DatabaseNotFound => Ok(vec![None; ids.len()]),
        found => found,
    }
}
