//! `remove_wrong_assigned_…` and `remove_former_copies`: delete copies in account databases that do not belong to the account.

use std::sync::Arc;

use crate::engine::{ByFacts, Reconciler, Run};
use crate::index::IndexedNumber;
use crate::kazoo::AccountId;
use crate::plan::other_account;
use crate::repair::{FormerCopies, KnownNumbers, wrong_copies};
use crate::selection::Accounts;
use couchdb::Error;

/// `remove_wrong_assigned_from_accounts`, `remove_wrong_assigned_from_single_accountdb`
pub(crate) async fn wrong_assigned(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    from_accounts(run, accounts, |run, account| async move {
        from_account(&run, account, &wrong_copies(account), |copy| {
            other_account(account, &copy.facts).into()
        })
        .await
    })
    .await
}

/// `remove_former_copies/0`, `/1`
pub(crate) async fn former_copies(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let known = match accounts {
        Accounts::All => KnownNumbers::of(run).await?,
        Accounts::One(_) | Accounts::List(_) => KnownNumbers::default(),
    };
    let known = Arc::new(known);
    from_accounts(run, accounts, |run, account| {
        let known = known.clone();
        async move {
            let rule = FormerCopies { run: &run, account };
            from_account(&run, account, &rule, |copy| {
                known.may_be_former(account, copy)
            })
            .await
        }
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
async fn from_account<R: Reconciler>(
    run: &Run,
    account: AccountId,
    rule: &R,
    by_facts: impl Fn(&IndexedNumber) -> ByFacts,
) -> Result<(), Error> {
    let mut pages = Vec::new();
    run.scanned_numbers_of(account, |page| pages.extend(page))
        .await?;
    run.reconcile_scanned(&account.database(), rule, pages, by_facts)
        .await?;
    Ok(())
}
