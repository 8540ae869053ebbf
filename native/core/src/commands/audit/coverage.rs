//! The coverage of an audit, and the databases that it must read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::one_number::normalised;
use super::snapshot::{IN_SCOPE, SnapshotEntry};
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, number_database_of, number_databases_of,
};
use crate::report::AuditScope;
use crate::selection::{Accounts, NumberDatabases, Part, Selection};
use couchdb::Error;
use document::Document;

/// The coverage of an audit.
pub(super) struct Coverage {
    pub(super) scope: AuditScope,
    /// The account databases to read, sorted.
    pub(super) accounts: Vec<AccountId>,
    /// The number databases to read.
    pub(super) databases: Vec<DatabaseName>,
    /// The parts with findings; the rest is only read to find a number. `None`: everything.
    chosen: Option<Chosen>,
    /// The documents of the only numbers, as they were read.
    found: Mutex<Vec<(DatabaseName, Document)>>,
}

/// The parts of the cluster that have findings.
#[derive(Default)]
struct Chosen {
    accounts: BTreeSet<AccountId>,
    databases: BTreeSet<DatabaseName>,
    numbers: BTreeSet<String>,
}

impl Chosen {
    async fn of(run: &Arc<Run>, parts: Vec<Part>) -> Result<Self, Error> {
        let is_alone = parts.len() == 1;
        let (mut accounts, mut selections) = (Vec::new(), Vec::new());
        let mut numbers = BTreeSet::new();
        for part in parts {
            match part {
                Part::Account(account) => accounts.push(account),
                Part::Database(name) => selections.push(Selection::Database(name)),
                Part::StartingWith(prefix) => selections.push(Selection::StartingWith(prefix)),
                Part::Number(given) => {
                    numbers.insert(normalised(run, &given).await?);
                }
            }
        }
        let accounts = match accounts.as_slice() {
            [] => Vec::new(),
            [account] if is_alone => run.accounts(Accounts::One(*account)).await?,
            _ => run.accounts(Accounts::List(accounts)).await?,
        };
        let databases = match selections.pop() {
            None => Vec::new(),
            Some(only) if is_alone => run.number_databases(NumberDatabases::One(only)).await?,
            Some(last) => {
                selections.push(last);
                run.number_databases(NumberDatabases::List(selections))
                    .await?
            }
        };
        Ok(Self {
            accounts: accounts.into_iter().collect(),
            databases: databases.into_iter().collect(),
            numbers,
        })
    }

    fn has_only_accounts(&self) -> bool {
        self.databases.is_empty() && self.numbers.is_empty()
    }

    fn has_only_numbers(&self) -> bool {
        self.databases.is_empty() && self.accounts.is_empty()
    }
}

impl Coverage {
    /// The coverage of parts of the cluster; without any, of the whole cluster.
    pub(super) async fn of(run: &Arc<Run>, parts: Vec<Part>) -> Result<Self, Error> {
        if parts.is_empty() {
            let lists = futures::future::try_join(run.all_accounts(), run.all_number_databases());
            let (accounts, databases) = lists.await?;
            return Ok(Self {
                scope: AuditScope::All,
                accounts,
                databases,
                chosen: None,
                found: Mutex::default(),
            });
        }
        let names: Vec<String> = parts.iter().map(Part::to_string).collect();
        let is_databases = matches!(
            parts.as_slice(),
            [Part::Database(_) | Part::StartingWith(_)]
        );
        let chosen = Chosen::of(run, parts).await?;
        let (account, number) = (chosen.accounts.first(), chosen.numbers.first());
        let scope = match (account, number, names.as_slice()) {
            (Some(account), _, [_]) => AuditScope::Account(account.to_string()),
            (_, Some(number), [_]) => AuditScope::Number(number.clone()),
            (_, _, [name]) if is_databases => AuditScope::NumberDatabases(name.clone()),
            _ => AuditScope::Several(names),
        };
        // A number database's numbers can be in any account, and an account's numbers in any number database.
        let accounts = if chosen.has_only_accounts() {
            chosen.accounts.iter().copied().collect()
        } else {
            run.all_accounts().await?
        };
        let mut databases = run.all_number_databases().await?;
        let has_only_databases = chosen.accounts.is_empty() && chosen.numbers.is_empty();
        if has_only_databases && !chosen.databases.iter().any(KazooDatabase::is_unprefixed) {
            databases.retain(|name| chosen.databases.contains(name) || name.is_unprefixed());
        }
        Ok(Self {
            scope,
            accounts,
            databases,
            chosen: Some(chosen),
            found: Mutex::default(),
        })
    }

    /// The only numbers with findings, whose documents are read by id. `None`: databases are read whole.
    pub(super) fn only_numbers(&self) -> Option<Vec<&str>> {
        let chosen = self.chosen.as_ref()?;
        chosen
            .has_only_numbers()
            .then(|| chosen.numbers.iter().map(String::as_str).collect())
    }

    /// Opens the index for the databases to read. `may_ask_feed`: whether changes of the last seconds may be missing.
    pub(super) async fn open_index(&self, run: &Run, may_ask_feed: bool) -> Result<(), Error> {
        if self.only_numbers().is_some() {
            return Ok(());
        }
        let accounts = self.accounts.iter().map(|account| account.database());
        let databases: Vec<_> = accounts.chain(self.databases.iter().cloned()).collect();
        match self.scope {
            AuditScope::All => run.open_whole_index(databases, may_ask_feed).await,
            _ => run.open_index(&databases).await,
        }
    }

    /// The only accounts that are read. `None`: all.
    pub(super) fn only_accounts(&self) -> Option<&BTreeSet<AccountId>> {
        let chosen = self.chosen.as_ref()?;
        chosen.has_only_accounts().then_some(&chosen.accounts)
    }

    /// Keeps a document of the only numbers.
    pub(super) fn keep(&self, database: &DatabaseName, document: &Document) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.push((database.clone(), document.clone()));
    }

    /// The documents that were kept.
    pub(super) fn take_found(&self) -> Vec<(DatabaseName, Document)> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the audit covers all documents of a number database.
    pub(super) fn covers_database(&self, database: &DatabaseName) -> bool {
        let chosen = self.chosen.as_ref();
        chosen.is_none_or(|chosen| chosen.databases.contains(database))
    }

    /// Whether the audit covers a document of a number database that assigns it to this account, or to nobody.
    pub(super) fn covers(
        &self,
        database: &DatabaseName,
        id: &str,
        assigned_to: Option<AccountId>,
    ) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            chosen.databases.contains(database)
                || assigned_to.is_some_and(|account| chosen.accounts.contains(&account))
                || chosen.numbers.contains(id)
        })
    }

    /// Whether the audit may cover a number in an account: other accounts' copies decide about an account's numbers, too.
    pub(super) fn may_cover(&self, number: &str) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            !chosen.accounts.is_empty()
                || chosen.numbers.contains(number)
                || number_databases_of(number).any(|place| chosen.databases.contains(&place))
        })
    }

    /// Whether the audit covers an account's number, whatever the number databases hold.
    pub(super) fn covers_copy(&self, account: AccountId, number: &str) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            chosen.accounts.contains(&account)
                || chosen.numbers.contains(number)
                || number_database_of(number).is_some_and(|named| chosen.databases.contains(&named))
        })
    }

    /// Whether the audit covers an entry. A number database covers the numbers that its name fits, and those of its documents.
    pub(super) fn covers_entry(&self, entry: &SnapshotEntry) -> bool {
        self.covers_copy(entry.account, &entry.id) || entry.has(IN_SCOPE)
    }
}
