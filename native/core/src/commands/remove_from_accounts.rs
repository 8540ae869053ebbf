//! `remove_wrong_assigned_…` and `remove_former_copies`: delete copies in account databases that do not belong to the account.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;

use crate::engine::{InPlace, Lookup, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, number_databases_of};
use crate::plan::{
    Cause, Decision, Drift, Elsewhere, Source, former_copy, other_account,
    source_in_number_database,
};
use crate::report::NumberWarningKind;
use crate::selection::Accounts;
use couchdb::{Error, Kind};
use document::{Change, Document, Leaf};

/// `remove_wrong_assigned_from_accounts`, `remove_wrong_assigned_from_single_accountdb`
pub(crate) async fn wrong_assigned(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    from_accounts(run, accounts, |run, account| async move {
        let rule = InPlace {
            cause: Cause::Drift(Drift::WrongAccount),
            rule: move |document: &Document| other_account(account, document),
        };
        from_account(&run, account, &rule).await
    })
    .await
}

/// `remove_former_copies/0`, `/1`
pub(crate) async fn former_copies(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    from_accounts(run, accounts, |run, account| async move {
        let rule = FormerCopies { run: &run, account };
        from_account(&run, account, &rule).await
    })
    .await
}

async fn from_accounts<F>(
    run: &Arc<Run>,
    accounts: Accounts,
    work: impl Fn(Arc<Run>, AccountId) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let accounts = run.accounts(accounts).await?;
    run.each_database(accounts, |account| account.database(), work)
        .await?;
    Ok(())
}

/// Applies a rule to the numbers of an account, a page at a time.
async fn from_account<R: Reconciler>(run: &Run, account: AccountId, rule: &R) -> Result<(), Error> {
    let mut pages = Vec::new();
    run.scan_numbers_of(account, |page| pages.extend(page))
        .await?;
    let targets = pages.into_iter().map(Target::present).collect();
    run.reconcile(&account.database(), rule, targets).await?;
    Ok(())
}

/// Removes former copies of an account. The number databases' documents decide.
struct FormerCopies<'a> {
    run: &'a Run,
    account: AccountId,
}

/// The documents of one number in the number databases.
#[derive(Clone, Copy, Default)]
struct Numbers {
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
            .read(|database, ids| self.present(database, ids).boxed())
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
                    other.elsewhere.add(source, self.account);
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
            self.warn_odd(target, &other).await;
            all.push(other);
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
    /// Documents of a number database. A database that does not exist has none.
    async fn present(
        &self,
        database: &DatabaseName,
        ids: &[&str],
    ) -> Result<Vec<Option<Document>>, Error> {
        match self.run.present(database, ids).await {
            Err(error) if error.kind() == Kind::DatabaseNotFound => Ok(vec![None; ids.len()]),
            found => found,
        }
    }

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
