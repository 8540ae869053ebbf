//! `remove_wrong_assigned_…` and `remove_former_copies`: delete copies in account databases that do not belong to the account.

use std::sync::Arc;

use crate::engine::{Reconciler, Run, Target};
use crate::kazoo::AccountId;
use crate::repair::{FormerCopies, wrong_copies};
use crate::selection::Accounts;
use couchdb::Error;

/// `remove_wrong_assigned_from_accounts`, `remove_wrong_assigned_from_single_accountdb`
pub(crate) async fn wrong_assigned(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    from_accounts(run, accounts, |run, account| async move {
        from_account(&run, account, &wrong_copies(account)).await
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
