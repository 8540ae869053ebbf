//! `copy_accounts_to_number_dbs` and the narrower commands: from account databases to the number databases that lack a number.
//!
//! The accounts are read. Of each number that may be missing a digest is kept, by number database, and the document while there is
//! room. A copy that a copy in an unread account might beat is not made the authority: the next run, which may read that account,
//! could not take it back.
//!
//! For a whole cluster the number databases are read first, so that only missing numbers take room. For some accounts the number
//! databases are read afterwards, by the ids.

use std::sync::Arc;

use crate::engine::{Run, Scanned};
use crate::kazoo::{AccountId, NumberFacts};
use crate::repair::{AccountNumbers, Known, Others, fill, known};
use crate::report::Reason;
use crate::selection::Accounts;
use couchdb::{Error, Kind};

/// `copy_accounts_to_number_dbs`, `copy_single_account_to_number_dbs`
pub(crate) async fn copy(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let whole = accounts == Accounts::All;
    let accounts = run.accounts(accounts).await?;
    let known = if whole {
        known(run).await?
    } else {
        Known::default()
    };
    let copies = Arc::new(AccountNumbers::new(known, Others::Counted));
    let unread = run
        .each(accounts, |run, account| {
            let copies = copies.clone();
            async move {
                let mut unread = None;
                let read = add_numbers_of(&run, account, &copies).await;
                if let Err(error) = read {
                    // An account without a database holds nothing.
                    unread = (error.kind() != Kind::DatabaseNotFound).then(|| Reason::from(&error));
                    run.database_failed(&account.database(), error)?;
                }
                run.finished(&account.database()).await;
                Ok(unread)
            }
        })
        .await?;
    fill(run, copies, unread.into_iter().flatten().next()).await
}

/// Adds the live numbers of an account. A number that the index knows is read only if it differs from the one in its number database.
async fn add_numbers_of(
    run: &Run,
    account: AccountId,
    copies: &AccountNumbers,
) -> Result<(), Error> {
    let database = account.database();
    let mut unknown = Vec::new();
    run.scanned_numbers_of(account, |page| {
        for one in page {
            match one {
                Scanned::Read(document) => copies.add_live(run, account, document),
                Scanned::Known(number) if !number.facts.is_live_number() => {}
                Scanned::Known(number) => {
                    if !copies.count_equal(run, &number.id, number.digest) {
                        unknown.push(number.id);
                    }
                }
            }
        }
    })
    .await?;
    for some in unknown.chunks(run.settings.max_bulk_read.max(1)) {
        let ids: Vec<&str> = some.iter().map(|id| &**id).collect();
        for document in run.present(&database, &ids).await?.into_iter().flatten() {
            copies.add_live(run, account, document);
        }
    }
    Ok(())
}

/// `copy_number_from_accountdb_to_numbdb`, `copy_numbers_from_accountdb_to_numbdbs`
pub(crate) async fn copy_numbers(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = run.normalised_of(account, given).await?;
    let database = account.database();
    let copies = Arc::new(AccountNumbers::new(Known::default(), Others::Counted));
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = run.present(&database, &ids).await?;
    for (id, found) in ids.iter().zip(found) {
        match found {
            Some(document) if NumberFacts::of(&document).is_live_number() => {
                copies.add(run, account, document);
            }
            _ => run
                .reporter
                .failed(&database.encoded(), Reason::NOT_FOUND, id),
        }
    }
    run.finished(&database).await;
    fill(run, copies, None).await
}
