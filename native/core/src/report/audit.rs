//! The findings of an audit as a value, and its output formats: terminal, JSON, CSV, and one HTML page.

mod figures;
mod page;
pub(crate) mod remedy;
mod rows;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

pub use page::to_html;
pub use rows::{to_csv, to_json};
pub(super) use table::lines;

use super::Failures;
use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::Drift;

/// The scope of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "of", content = "name")]
pub enum AuditScope {
    /// The whole cluster.
    All,
    /// One account: its database, and its numbers in all number databases.
    Account(String),
    /// A number database, or all with a prefix, by the encoded name.
    NumberDatabases(String),
    /// One number in all databases.
    Number(String),
}

/// One case of drift.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The kind of drift.
    pub kind: Drift,
    /// The database with the drift, as an encoded name. It is the account's for a copy that is missing, differs or should not
    /// exist, even if that database does not exist.
    #[serde(serialize_with = "encoded")]
    pub database: DatabaseName,
    /// The number: the document's id.
    pub number: String,
    /// The account concerned, if any.
    #[serde(serialize_with = "as_text")]
    pub account: Option<AccountId>,
    /// The number database on the other side, or the one for the number.
    #[serde(serialize_with = "encoded_if_any")]
    pub number_database: Option<DatabaseName>,
    /// The fields that differ, for differing copies.
    pub fields: Vec<String>,
    /// The second account, if two are involved: the one that the number database assigns the number to.
    #[serde(serialize_with = "as_text")]
    pub assigned_to: Option<AccountId>,
}

/// The count of one kind of drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Drift,
    /// A description of the kind.
    pub meaning: &'static str,
    /// The number of findings.
    pub count: u64,
    /// The command that repairs the kind, with its arguments. `None` if no command does.
    pub command: Option<String>,
    /// Advice for the repair.
    pub hint: Option<&'static str>,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The scope.
    pub scope: AuditScope,
    /// The time of the audit, in Unix seconds.
    pub taken_at: u64,
    /// Assigned numbers, counted once per account.
    pub assigned: u64,
    /// Assigned numbers in sync.
    pub in_sync: u64,
    /// Documents that could not be checked completely, because something could not be read.
    pub unchecked: u64,
    /// Every kind of drift, kinds without findings included.
    pub kinds: Vec<KindCount>,
    /// Every finding, sorted by kind, database and number.
    pub findings: Vec<Finding>,
    /// The names of accounts with findings, by id.
    pub account_names: BTreeMap<String, String>,
    /// The databases that could not be read, as a failure report.
    pub unread: Failures,
}

impl Audit {
    /// Makes a report of these findings.
    pub fn new(scope: AuditScope, mut findings: Vec<Finding>) -> Self {
        findings.sort_unstable();
        // Three number databases can assign a number to three accounts: keep one finding per database.
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

    /// Whether everything was read and there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && !self.is_incomplete()
    }

    /// Whether something could not be read or checked.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.unchecked > 0
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
