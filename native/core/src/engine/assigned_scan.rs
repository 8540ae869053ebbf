//! Scans number databases for assigned numbers.

use document::Document;

use super::assigned_pages::AssignedPages;
use super::run::Run;
use super::scanned::Scanned;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Source, source_in_number_database};
use couchdb::Error;

/// A set of accounts that limits a scan.
pub(crate) trait AccountFilter: Send + Sync {
    /// Whether the set has this account.
    fn hold(&self, account: AccountId) -> bool;

    /// The account, if the set has only one.
    fn only(&self) -> Option<AccountId> {
        None
    }

    /// Whether the set has all accounts; numbers of no account then count, too.
    fn are_all(&self) -> bool {
        false
    }
}

pub(crate) struct AllAccounts;

impl AccountFilter for AllAccounts {
    fn hold(&self, _: AccountId) -> bool {
        true
    }

    fn are_all(&self) -> bool {
        true
    }
}

impl AccountFilter for AccountId {
    fn hold(&self, account: AccountId) -> bool {
        *self == account
    }

    fn only(&self) -> Option<AccountId> {
        Some(*self)
    }
}

impl AccountFilter for std::collections::BTreeSet<AccountId> {
    fn hold(&self, account: AccountId) -> bool {
        self.contains(&account)
    }

    fn only(&self) -> Option<AccountId> {
        self.first().copied().filter(|_| self.len() == 1)
    }
}

/// A scan of the numbers in a number database that are assigned to some accounts. Misfiled numbers are skipped with a warning
/// each.
pub(crate) struct AssignedScan<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    accounts: &'a dyn AccountFilter,
    documents: AssignedPages<'a>,
}

impl Run {
    /// Starts a scan of the numbers in a number database that are assigned to these accounts.
    pub(crate) async fn scan_assigned<'a>(
        &'a self,
        database: &'a DatabaseName,
        accounts: &'a dyn AccountFilter,
    ) -> Result<AssignedScan<'a>, Error> {
        Ok(AssignedScan {
            run: self,
            database,
            accounts,
            documents: self.assigned(database, accounts.only()).await?,
        })
    }
}

impl AssignedScan<'_> {
    /// The documents of a page. Those that only the index knew are read; one that is not assigned to the accounts by now is left out.
    pub(crate) async fn documents(
        &mut self,
        page: Vec<Scanned>,
    ) -> Result<Vec<(AccountId, Document)>, Error> {
        let documents = self.run.documents_of(self.database, page).await?;
        let assigned = documents.into_iter().filter_map(|document| {
            let facts = NumberFacts::of(&document);
            match source_in_number_database(self.database, document.id(), &facts) {
                Source::Assigned(account) if self.accounts.hold(account) => {
                    Some((account, document))
                }
                _ => None,
            }
        });
        Ok(assigned.collect())
    }

    /// The assigned numbers of the next page, each with its account; `None` after the last page.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<(AccountId, Scanned)>>, Error> {
        let Some(page) = self.documents.next().await? else {
            return Ok(None);
        };
        let mut assigned = Vec::with_capacity(page.len());
        let mut misfiled = Vec::new();
        for one in page {
            let facts = one.facts();
            match source_in_number_database(self.database, one.id(), &facts) {
                Source::Assigned(account) if self.accounts.hold(account) => {
                    assigned.push((account, one));
                }
                Source::Misfiled
                    if self.accounts.are_all()
                        || facts.assigned_to.is_some_and(|one| self.accounts.hold(one)) =>
                {
                    misfiled.push(one.id().to_owned());
                }
                _ => {}
            }
        }
        self.run.warn_misfiled(self.database, &misfiled).await;
        Ok(Some(assigned))
    }
}
