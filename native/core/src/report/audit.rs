//! What an audit found, as a value, and the forms in which it is handed on: lines of a terminal,
//! JSON, CSV, and one HTML page.

mod figures;
mod page;
pub(crate) mod remedy;
mod rows;
mod style;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

pub use page::to_html;
pub use rows::{to_csv, to_json};
pub(super) use table::lines;

use super::Failures;
use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::Drift;

/// What was audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "of", content = "name")]
pub enum AuditScope {
    /// Everything.
    All,
    /// One account: its database, and its numbers in all number databases.
    Account(String),
    /// A number database, or those that start so, by the encoded name.
    NumberDatabases(String),
    /// One number, wherever it is.
    Number(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Drift,
    /// The database in which it is wrong, by its encoded name: the account's for what an account
    /// lacks, has differently or should not have, also when it does not exist.
    #[serde(serialize_with = "encoded")]
    pub database: DatabaseName,
    /// The number: the document's id.
    pub number: String,
    /// The account that it concerns, if one.
    #[serde(serialize_with = "as_text")]
    pub account: Option<AccountId>,
    /// The number database on the other side, or the one that the number names.
    #[serde(serialize_with = "encoded_if_any")]
    pub number_database: Option<DatabaseName>,
    /// The fields that differ, of differing copies.
    pub fields: Vec<String>,
    /// The other account, where two are involved: the one that the number database assigns the number to now.
    #[serde(serialize_with = "as_text")]
    pub assigned_to: Option<AccountId>,
}

/// One kind of drift, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Drift,
    /// What it means.
    pub meaning: &'static str,
    /// How many there are.
    pub count: u64,
    /// The command that mends it, with its arguments; None: none does.
    pub command: Option<String>,
    /// What there is to know about mending it.
    pub hint: Option<&'static str>,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// What was audited.
    pub scope: AuditScope,
    /// When, in Unix seconds.
    pub taken_at: u64,
    /// Numbers that an account has, once an account.
    pub assigned: u64,
    /// Those of them whose copy in the account is the number database's document.
    pub in_sync: u64,
    /// Documents of which something could not be told, because something could not be read.
    pub unchecked: u64,
    /// Every kind of drift, those that did not occur included.
    pub kinds: Vec<KindCount>,
    /// Every finding, by kind, database and number.
    pub findings: Vec<Finding>,
    /// The names of accounts that something is wrong with, by their ids.
    pub account_names: BTreeMap<String, String>,
    /// What could not be read, in the shape of every failure report.
    pub unread: Failures,
}

impl Audit {
    /// A report of these findings.
    pub fn new(scope: AuditScope, mut findings: Vec<Finding>) -> Self {
        findings.sort_unstable();
        // Three number databases can give a number to three accounts: one finding a database.
        findings.dedup_by(|one, other| {
            let place = |finding: &Finding| {
                (
                    finding.kind,
                    finding.database.clone(),
                    finding.number.clone(),
                )
            };
            one == other || (one.kind == Drift::Contested && place(one) == place(other))
        });
        let mut counts: BTreeMap<Drift, u64> = BTreeMap::new();
        for finding in &findings {
            *counts.entry(finding.kind).or_default() += 1;
        }
        let kinds = Drift::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                meaning: kind.meaning(),
                count: counts.get(&kind).copied().unwrap_or_default(),
                command: remedy::command(kind, &scope),
                hint: remedy::hint(kind),
            })
            .collect();
        Self {
            scope,
            taken_at: 0,
            assigned: 0,
            in_sync: 0,
            unchecked: 0,
            kinds,
            findings,
            account_names: BTreeMap::new(),
            unread: Failures::default(),
        }
    }

    /// Whether everything was read and nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.unread.is_empty() && self.unchecked == 0
    }

    /// The findings of a kind.
    pub fn of_kind(&self, kind: Drift) -> &[Finding] {
        let start = self.findings.partition_point(|one| one.kind < kind);
        let end = self.findings.partition_point(|one| one.kind <= kind);
        self.findings.get(start..end).unwrap_or_default()
    }
}

fn encoded<S: serde::Serializer>(database: &DatabaseName, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&database.encoded())
}

fn encoded_if_any<S: serde::Serializer>(
    database: &Option<DatabaseName>,
    to: S,
) -> Result<S::Ok, S::Error> {
    database.as_ref().map(DatabaseName::encoded).serialize(to)
}

fn as_text<S: serde::Serializer>(account: &Option<AccountId>, to: S) -> Result<S::Ok, S::Error> {
    account.map(|account| account.to_string()).serialize(to)
}
