//! What an audit is about, and which databases it must read for that.

use std::collections::BTreeSet;

use super::held::{Entry, WAS_SEEN};
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, number_database_of, number_databases_of,
};
use crate::report::AuditScope;
use couchdb::Error;

/// What an audit is about.
pub(super) struct View {
    pub(super) scope: AuditScope,
    /// The account databases that are read.
    pub(super) accounts: Vec<AccountId>,
    /// The number databases that are read.
    pub(super) databases: Vec<DatabaseName>,
    /// Those whose documents it is about; the others only tell where a number is, too. None: all.
    chosen: Option<BTreeSet<DatabaseName>>,
    /// The account that it is about. None: all.
    pub(super) only: Option<AccountId>,
    /// The number that it is about: then documents are asked for by id. None: all.
    pub(super) number: Option<String>,
}

impl View {
    pub(super) async fn of_all(run: &Run) -> Result<Self, Error> {
        Ok(Self {
            scope: AuditScope::All,
            accounts: run.all_accounts().await?,
            databases: run.all_number_databases().await?,
            chosen: None,
            only: None,
            number: None,
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
        })
    }

    /// A number database's numbers can be in any account, and in the two that take any number.
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
        })
    }

    pub(super) async fn of_number(run: &Run, number: String) -> Result<Self, Error> {
        Ok(Self {
            scope: AuditScope::Number(number.clone()),
            number: Some(number),
            ..Self::of_all(run).await?
        })
    }

    /// Whether the audit is about the documents of a number database.
    pub(super) fn is_about(&self, database: &DatabaseName) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(database))
    }

    /// Whether the audit is about the numbers of an account, or of none.
    pub(super) fn is_about_account(&self, account: Option<AccountId>) -> bool {
        self.only.is_none_or(|only| account == Some(only))
    }

    /// Whether the audit may be about a number that an account holds.
    pub(super) fn may_be_about(&self, number: &str) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| number_databases_of(number).any(|place| chosen.contains(&place)))
    }

    /// Whether the audit is about a number by the number database that it names.
    pub(super) fn is_about_number(&self, number: &str) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            number_database_of(number).is_some_and(|named| chosen.contains(&named))
        })
    }

    /// Whether it is: numbers of a number database are those that its name says, and those that
    /// it has a document of.
    pub(super) fn is_about_holder(&self, entry: &Entry) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            entry.has(WAS_SEEN)
                || number_database_of(&entry.id).is_some_and(|named| chosen.contains(&named))
        })
    }
}
