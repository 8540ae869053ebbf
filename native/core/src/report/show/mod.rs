//! One number in all databases: its documents, the documents that use it, and its drift.

mod lines;
mod remedy;

use serde::Serialize;

use crate::kazoo::NumberUse;
use crate::report::{Failures, Finding};
pub(in crate::report) use lines::lines;
pub(crate) use remedy::command;

/// One number in all databases, as `show` reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NumberReport {
    /// The number, normalised.
    pub number: String,
    /// The time of the report, in Unix seconds.
    pub taken_at: u64,
    /// Whether the number is assigned, and each assigned account has an equal copy.
    pub in_sync: bool,
    /// The documents: those of number databases, those of assigned accounts, those of other accounts.
    pub documents: Vec<ShownDocument>,
    /// The fields of all documents, sorted by name, fields about revisions left out.
    pub fields: Vec<ShownField>,
    /// The accounts that have the number, or to which it is assigned.
    pub accounts: Vec<ShownAccount>,
    /// The drift of the number, by the rules of the audit.
    pub findings: Vec<ShownFinding>,
    /// Documents that could not be checked completely, because something could not be read.
    pub unchecked: u64,
    /// The databases that could not be read.
    pub unread: Failures,
}

/// A document of the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownDocument {
    /// The encoded name of the database.
    pub database: String,
    /// The account of the database; `None` for a number database.
    pub account: Option<String>,
    /// Its revision.
    pub rev: Option<String>,
    /// Whether it counts as a number.
    pub state: DocumentState,
    /// The account to which it is assigned.
    pub assigned_to: Option<String>,
    /// The revisions of its losing leaves.
    pub conflicts: Vec<String>,
    /// The fields that differ from the first document, sorted.
    pub differing_fields: Vec<String>,
}

/// Whether a document counts as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentState {
    /// A number document.
    Live,
    /// A number document with `pvt_deleted`. It is no copy.
    SoftDeleted,
    /// A document of another type. Every command leaves it alone.
    OtherType,
}

/// A field of the documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownField {
    /// The name of the field.
    pub field: String,
    /// The JSON text in each document, in their order. `None`: the document does not have the field.
    pub values: Vec<Option<String>>,
}

/// An account that has the number, or to which it is assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownAccount {
    /// Its id.
    pub account: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether it has a database.
    pub has_database: bool,
    /// Whether its database has a document of the number.
    pub has_document: bool,
    /// Whether a number database assigns the number to it.
    pub is_assigned: bool,
    /// The application that uses the number: `none`, `callflow`, `trunkstore` or `both`. `None`: it could not be read.
    pub usage: Option<&'static str>,
    /// The documents that use it.
    pub used_by: Vec<NumberUse>,
}

/// A case of drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownFinding {
    /// The case.
    #[serde(flatten)]
    pub finding: Finding,
    /// A description of the kind.
    pub meaning: &'static str,
    /// The narrowest command that repairs it, with its arguments. `None` if no command does.
    pub command: Option<String>,
    /// Advice for the repair.
    pub hint: Option<&'static str>,
}

impl NumberReport {
    /// Whether something could not be read or checked.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.unchecked > 0
    }

    /// An account with its name, for operators.
    fn named(&self, account: &str) -> String {
        let known = self.accounts.iter().find(|one| one.account == account);
        match known.and_then(|one| one.name.as_deref()) {
            Some(name) => format!("{account} ({name})"),
            None => account.to_owned(),
        }
    }
}
