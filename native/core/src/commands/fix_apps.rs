//! `fix_apps_…`: set the application that uses a number (`pvt_used_by`), in account databases and in number databases.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::{AccountFilter, AllAccounts, Kept, Run, Scanned, Target};
use crate::index::{IndexedNumber, KnownDatabase};
use crate::kazoo::{AccountId, AppUsage, DatabaseName, NumberFacts, UsedBy};
use crate::plan::{Decision, decide_used_by, is_used_by_wrong};
use crate::repair::{
    AccountUsage, AssignedUsage, known_usage_of, numbers_and_usage, usage_of, usages_of,
    warn_used_by_both,
};
use crate::report::{Outcome, Reason};
use crate::selection::{Accounts, NumberDatabases};
use couchdb::Error;
use document::{Change, Document};

/// `fix_apps_for_account_dbs`, `fix_apps_for_single_account_db`
pub(crate) async fn in_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let accounts = run.accounts(accounts).await?;
    run.each_database(
        accounts,
        |account| account.database(),
        |run, account| async move { in_account(&run, account).await },
    )
    .await?;
    Ok(())
}

/// A live number that waits until the account's database is read completely.
enum PendingNumber {
    Kept(Kept),
    /// The id of a document that memory had no room for.
    Id(String, UsedBy),
}

/// Fixes one account's database. If the index knows that nothing is wrong, it is not read.
async fn in_account(run: &Run, account: AccountId) -> Result<(), Error> {
    let database = account.database();
    if let Some(known) = run.known(&database).await?
        && nothing_is_wrong(run, &database, *known).await?
    {
        return Ok(());
    }
    read_account(run, account).await
}

/// Whether every live number that the index knows has the right `pvt_used_by`. If so, they count as unchanged.
async fn nothing_is_wrong(
    run: &Run,
    database: &DatabaseName,
    known: KnownDatabase,
) -> Result<bool, Error> {
    let (mut numbers, usage) = numbers_and_usage(run, known).await?;
    numbers.retain(|number| number.facts.is_live_number());
    let is_wrong =
        |number: &IndexedNumber| is_used_by_wrong(number.facts.used_by, usage.of(&number.id));
    if numbers.iter().any(is_wrong) {
        return Ok(false);
    }
    for number in &numbers {
        warn_used_by_both(run, database, &number.id, &usage).await;
    }
    run.reporter
        .decided(database, Outcome::Unchanged, numbers.len() as u64);
    Ok(true)
}

/// Fixes one account's database in one scan. Callflows and trunkstore documents name the numbers in use, so all of them are read
/// before a number is decided.
async fn read_account(run: &Run, account: AccountId) -> Result<(), Error> {
    let normaliser = run.normaliser().await?;
    let database = account.database();
    let mut usage = AppUsage::default();
    let mut waiting = Vec::new();
    let mut scan = run.scan_all(&database).await?;
    while let Some(page) = scan.next().await? {
        let charge = run.budget.charge_page(&page);
        for document in page {
            let facts = NumberFacts::of(&document);
            if !facts.is_live_number() {
                usage.add(&document, &normaliser);
                continue;
            }
            waiting.push(match &charge {
                Some(charge) => PendingNumber::Kept(Kept::in_page(document, charge)),
                None => PendingNumber::Id(document.id().to_owned(), facts.used_by),
            });
        }
    }
    let mut changes = Vec::new();
    let mut charges = Vec::new();
    let mut undecided = Vec::new();
    for one in waiting {
        match one {
            PendingNumber::Kept(kept) => {
                let (document, charge) = kept.into_parts();
                if let Some(change) = change_of(run, &database, document, &usage).await {
                    changes.push(change);
                    charges.push(charge);
                }
            }
            // A document is read again only if it must change.
            PendingNumber::Id(id, used_by) if is_used_by_wrong(used_by, usage.of(&id)) => {
                undecided.push(id);
            }
            PendingNumber::Id(..) => run.reporter.decided(&database, Outcome::Unchanged, 1),
        }
    }
    let reconciler = AccountUsage(&usage);
    run.apply(&database, &reconciler, changes).await?;
    drop(charges);
    run.reconcile_ids(&database, &reconciler, &undecided)
        .await?;
    Ok(())
}

/// The change that a document needs. A correct document counts as unchanged; a number that both applications use gets a warning.
async fn change_of(
    run: &Run,
    database: &DatabaseName,
    document: Document,
    usage: &AppUsage,
) -> Option<Change> {
    if let Decision::Write(after) = decide_used_by(&document, usage.of(document.id())) {
        return Some(Change::update(document, after));
    }
    warn_used_by_both(run, database, document.id(), usage).await;
    run.reporter.decided(database, Outcome::Unchanged, 1);
    None
}

/// `fix_numbers_apps_in_accountdb`
pub(crate) async fn numbers_in_account(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = run.normalised_of(account, given).await?;
    let database = account.database();
    let usage = match usage_of(run, account).await {
        Ok(usage) => usage,
        Err(error) => {
            let ids = numbers.iter().map(String::as_str);
            return run.numbers_failed(&database, &error, Reason::AppUsage(error.kind()), ids);
        }
    };
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut targets = Vec::new();
    for (id, found) in ids.iter().zip(run.present(&database, &ids).await?) {
        match found {
            Some(document) if NumberFacts::of(&document).is_live_number() => {
                warn_used_by_both(run, &database, document.id(), &usage).await;
                targets.push(Target::present(document));
            }
            _ => run
                .reporter
                .failed(&database.encoded(), Reason::NOT_FOUND, id),
        }
    }
    run.reconcile(&database, &AccountUsage(&usage), targets)
        .await?;
    run.finished(&database).await;
    Ok(())
}

/// `fix_apps_in_number_dbs_for_accounts`, `fix_apps_in_number_dbs_for_single_account`
pub(crate) async fn of_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let accounts: BTreeSet<AccountId> = run.accounts(accounts).await?.into_iter().collect();
    if accounts.is_empty() {
        return Ok(());
    }
    in_number_databases_of(run, NumberDatabases::All, Arc::new(accounts)).await
}

/// `fix_apps_for_number_dbs`, `fix_apps_for_single_number_db`
pub(crate) async fn in_number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<(), Error> {
    in_number_databases_of(run, databases, Arc::new(AllAccounts)).await
}

async fn in_number_databases_of(
    run: &Arc<Run>,
    databases: NumberDatabases,
    accounts: Arc<dyn AccountFilter>,
) -> Result<(), Error> {
    if databases == NumberDatabases::All {
        run.open_index_of_accounts().await?;
    }
    let databases = run.number_databases(databases).await?;
    run.each_number_database(databases, |run, database| {
        let accounts = accounts.clone();
        async move {
            let fixed = in_number_database(&run, &database, &*accounts).await;
            run.or_failed(&database, fixed)?;
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

async fn in_number_database(
    run: &Run,
    database: &DatabaseName,
    accounts: &dyn AccountFilter,
) -> Result<(), Error> {
    let mut scan = run.scan_assigned(database, accounts).await?;
    while let Some(page) = scan.next().await? {
        let left = leave_out_right(run, database, page).await?;
        fix_assigned(run, database, scan.documents(left).await?).await?;
    }
    Ok(())
}

/// Leaves out the numbers that have the right `pvt_used_by` according to the index, and counts them.
async fn leave_out_right(
    run: &Run,
    database: &DatabaseName,
    page: Vec<(AccountId, Scanned)>,
) -> Result<Vec<Scanned>, Error> {
    let mut left = Vec::with_capacity(page.len());
    let mut right = 0;
    for (account, one) in page {
        if let Scanned::Known(number) = &one
            && let Some(usage) = known_usage_of(run, account).await?.as_ref()
            && !is_used_by_wrong(number.facts.used_by, usage.of(&number.id))
        {
            warn_used_by_both(run, database, &number.id, usage).await;
            right += 1;
        } else {
            left.push(one);
        }
    }
    run.reporter.decided(database, Outcome::Unchanged, right);
    Ok(left)
}

/// Fixes assigned documents of a number database.
async fn fix_assigned(
    run: &Run,
    database: &DatabaseName,
    assigned: Vec<(AccountId, Document)>,
) -> Result<(), Error> {
    let usages = usages_of(run, &assigned).await?;
    let mut targets = Vec::with_capacity(assigned.len());
    for (account, document) in assigned {
        if let Some(usage) = usages.get(&account) {
            warn_used_by_both(run, database, document.id(), usage).await;
            targets.push(Target::present(document));
        }
    }
    let reconciler = AssignedUsage { run, database };
    run.reconcile(database, &reconciler, targets).await?;
    Ok(())
}

/// `fix_numbers_apps_in_numbdb`
pub(crate) async fn numbers_in_number_databases(
    run: &Arc<Run>,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = run.normalised(given).await?;
    for (database, live) in run.read_numbers(numbers).await? {
        let assigned = run.assigned_of(&database, live);
        fix_assigned(run, &database, assigned).await?;
        run.finished(&database).await;
    }
    Ok(())
}
