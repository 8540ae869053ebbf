//! Repairs `pvt_used_by` of number documents from the documents of their accounts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::engine::{OtherSide, Read, Reconciler, Run, Target};
use crate::index::{DocumentFacts, IndexedNumber, KnownDatabase};
use crate::kazoo::{AccountId, AppUsage, DatabaseName, NumberFacts, Usage, range_after_numbers};
use crate::plan::{Cause, Decision, Drift, Source, decide_used_by, source_in_number_database};
use crate::report::{NumberWarningKind, Reason};
use couchdb::Error;
use document::{Change, Document};

/// The application usage of an account, read once per run.
///
/// It is computed from the account's documents, because the views for it can be missing, not built yet, or empty without an error
/// (docs/specification.md#usage-source). Ids of numbers are skipped: callflows and trunkstore documents have ids of 32 hexadecimal
/// digits.
pub(crate) async fn usage_of(run: &Run, account: AccountId) -> Result<Arc<AppUsage>, Error> {
    let read = || -> BoxFuture<'_, Result<AppUsage, Error>> {
        Box::pin(async move {
            let normaliser = run.normaliser().await?;
            let mut usage = AppUsage::watching(run.watched.get().map(String::as_str));
            let mut scan = run.scan(&account.database(), range_after_numbers()).await?;
            while let Some(page) = scan.next().await? {
                for document in &page {
                    usage.add(document, &normaliser);
                }
            }
            Ok(usage.packed())
        })
    };
    run.usages.of(account, read).await
}

/// The numbers of an account's database that the index knows, and what its other documents use.
pub(crate) async fn numbers_and_usage(
    run: &Run,
    known: KnownDatabase,
) -> Result<(Vec<IndexedNumber>, AppUsage), Error> {
    let normaliser = run.normaliser().await?;
    let (mut numbers, mut usage) = (Vec::new(), AppUsage::default());
    let (facts, _) = known.into_facts();
    for facts in facts {
        match facts {
            DocumentFacts::Number(number) => numbers.push(number),
            DocumentFacts::Uses { id, uses } | DocumentFacts::Account { id, uses, .. } => {
                usage.add_named(&id, &uses, &normaliser);
            }
        }
    }
    Ok((numbers, usage.packed()))
}

/// The application usage of an account that the index knows, to leave out what needs no look. A change is decided by [`usage_of`].
pub(crate) async fn known_usage_of(
    run: &Run,
    account: AccountId,
) -> Result<Arc<Option<AppUsage>>, Error> {
    let read = || -> BoxFuture<'_, Result<Option<AppUsage>, Error>> {
        Box::pin(async move {
            let Some(known) = run.known(&account.database()).await? else {
                return Ok(None);
            };
            let (_, usage) = numbers_and_usage(run, *known).await?;
            Ok(Some(usage))
        })
    };
    run.known_usages.of(account, read).await
}

/// The usage of the accounts that could be read. The numbers of the others are failures in their accounts.
pub(crate) async fn usages_of(
    run: &Run,
    assigned: &[(AccountId, Document)],
) -> Result<HashMap<AccountId, Arc<AppUsage>>, Error> {
    let accounts: BTreeSet<AccountId> = assigned.iter().map(|(account, _)| *account).collect();
    let read =
        futures::future::join_all(accounts.iter().map(|account| usage_of(run, *account))).await;
    let mut usages = HashMap::new();
    for (account, usage) in accounts.into_iter().zip(read) {
        match usage {
            Ok(usage) => {
                usages.insert(account, usage);
            }
            Err(error) => {
                let ids = assigned
                    .iter()
                    .filter(|(other, _)| *other == account)
                    .map(|(_, document)| document.id());
                let reason = Reason::AppUsage(error.kind());
                run.numbers_failed(&account.database(), &error, reason, ids)?;
            }
        }
    }
    Ok(usages)
}

/// Warns of a number that both applications use. It is left alone (docs/specification.md#used-by-both).
pub(crate) async fn warn_used_by_both(
    run: &Run,
    database: &DatabaseName,
    number: &str,
    usage: &AppUsage,
) {
    if usage.of(number) == Usage::Both {
        let kind = NumberWarningKind::UsedByBoth;
        run.reporter
            .warn_of_number(kind, database, number, None)
            .await;
    }
}

/// Repairs number documents of an account's database by the usage of that account.
pub(crate) struct AccountUsage<'a>(pub(crate) &'a AppUsage);

#[async_trait]
impl Reconciler for AccountUsage<'_> {
    type Other = ();

    async fn other_side(&self, targets: &[Target], _: Read) -> Result<Vec<OtherSide<()>>, Error> {
        Ok(targets.iter().map(|_| Ok(())).collect())
    }

    fn decide(&self, target: &Target, (): &(), _: Read) -> Decision {
        match &target.document {
            Some(document) if NumberFacts::of(document).is_live_number() => {
                decide_used_by(document, self.0.of(document.id()))
            }
            _ => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(Drift::WrongUsedByInAccount)
    }
}

/// Repairs assigned documents of a number database by the usage of each one's account.
pub(crate) struct AssignedUsage<'a> {
    pub(crate) run: &'a Run,
    pub(crate) database: &'a DatabaseName,
}

#[async_trait]
impl Reconciler for AssignedUsage<'_> {
    /// The usage of the number's account; `None` if the number is not assigned.
    type Other = Option<Arc<AppUsage>>;

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Self::Other>>, Error> {
        let mut usages = Vec::with_capacity(targets.len());
        for target in targets {
            let source = target.document.as_ref().map(|document| {
                source_in_number_database(self.database, &target.id, &NumberFacts::of(document))
            });
            usages.push(match source {
                Some(Source::Assigned(account)) => match usage_of(self.run, account).await {
                    Ok(usage) => Ok(Some(usage)),
                    Err(error) if error.is_fatal() => return Err(error),
                    Err(error) => {
                        Err((account.database().encoded(), Reason::AppUsage(error.kind())))
                    }
                },
                _ => Ok(None),
            });
        }
        Ok(usages)
    }

    fn decide(&self, target: &Target, usage: &Self::Other, _: Read) -> Decision {
        match (&target.document, usage) {
            (Some(document), Some(usage)) => decide_used_by(document, usage.of(document.id())),
            _ => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(Drift::WrongUsedByInNumberDatabase)
    }
}
