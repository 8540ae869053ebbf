//! The coverage of an audit, and the databases that it must read.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::snapshot::{IN_SCOPE, SnapshotEntry};
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, number_database_of, number_databases_of,
};
use crate::report::AuditScope;
use couchdb::Error;
use document::Document;

/// The coverage of an audit.
pub(super) struct Coverage {
    pub(super) scope: AuditScope,
    /// The account databases to read.
    pub(super) accounts: Vec<AccountId>,
    /// The number databases to read.
    pub(super) databases: Vec<DatabaseName>,
    /// The number databases with findings; the others are only read to find a number. `None`: all.
    chosen: Option<BTreeSet<DatabaseName>>,
    /// The only account with findings. `None`: all.
    pub(super) only: Option<AccountId>,
    /// The only number with findings. Its documents are read by id. `None`: all.
    pub(super) number: Option<String>,
    /// The documents of that number, as they were read.
    found: Mutex<Vec<(DatabaseName, Document)>>,
}

impl Coverage {
    pub(super) async fn of_all(run: &Run) -> Result<Self, Error> {
        Ok(Self {
            scope: AuditScope::All,
            accounts: run.all_accounts().await?,
            databases: run.all_number_databases().await?,
            chosen: None,
            only: None,
            number: None,
            found: Mutex::default(),
        })
    }

    /// An account's numbers can be in any number database.
    pub(super) async fn of_account(run: &Run, account: AccountId) -> Result<Self, Error> {
        Ok(Self {
            scope: AuditScope::Account(account.to_string()),
            accounts: vec![account],
            databases: run.all_number_databases().await?,
            chosen: None,
            only: Some(account),
            number: None,
            found: Mutex::default(),
        })
    }

    /// A number database's numbers can be in any account, and in `numbers/inum` and `numbers/managed`.
    pub(super) async fn of_databases(
        run: &Run,
        name: String,
        chosen: Vec<DatabaseName>,
    ) -> Result<Self, Error> {
        let mut all = run.all_number_databases().await?;
        if !chosen.iter().any(KazooDatabase::is_unprefixed) {
            all.retain(|database| chosen.contains(database) || database.is_unprefixed());
        }
        Ok(Self {
            scope: AuditScope::NumberDatabases(name),
            accounts: run.all_accounts().await?,
            databases: all,
            chosen: Some(chosen.into_iter().collect()),
            only: None,
            number: None,
            found: Mutex::default(),
        })
    }

    pub(super) async fn of_number(run: &Run, number: String) -> Result<Self, Error> {
        Ok(Self {
            scope: AuditScope::Number(number.clone()),
            number: Some(number),
            ..Self::of_all(run).await?
        })
    }

    /// Keeps a document of the only number.
    pub(super) fn keep(&self, database: &DatabaseName, document: &Document) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.push((database.clone(), document.clone()));
    }

    /// The documents that were kept.
    pub(super) fn take_found(&self) -> Vec<(DatabaseName, Document)> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the audit covers the documents of a number database.
    pub(super) fn covers_database(&self, database: &DatabaseName) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(database))
    }

    /// Whether the audit covers the numbers of an account, or the unassigned ones.
    pub(super) fn covers_account(&self, account: Option<AccountId>) -> bool {
        self.only.is_none_or(|only| account == Some(only))
    }

    /// Whether the audit may cover a number in an account.
    pub(super) fn may_cover(&self, number: &str) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| number_databases_of(number).any(|place| chosen.contains(&place)))
    }

    /// Whether the audit covers the number database that a number names.
    pub(super) fn covers_number(&self, number: &str) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            number_database_of(number).is_some_and(|named| chosen.contains(&named))
        })
    }

    /// Whether the audit covers an entry. A number database covers the numbers that its name fits, and those of its documents.
    pub(super) fn covers_entry(&self, entry: &SnapshotEntry) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            entry.has(IN_SCOPE)
                || number_database_of(&entry.id).is_some_and(|named| chosen.contains(&named))
        })
    }
}
