//! One case of drift, as an audit finds it.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::{Drift, FieldDifference};

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
    /// Several of these, each as an account id, an encoded name or a number.
    Several(Vec<String>),
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
    /// The fields that differ, for differing copies. In JSON: their names as `fields`, all of it as `differences`.
    #[serde(flatten, serialize_with = "names_and_values")]
    pub fields: Vec<FieldDifference>,
    /// The second account, if two are involved: the one that the number database assigns the number to.
    #[serde(serialize_with = "as_text")]
    pub assigned_to: Option<AccountId>,
}

impl Finding {
    /// The names of the fields that differ.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|one| one.field.as_str())
    }
}

fn names_and_values<S: serde::Serializer>(
    fields: &[FieldDifference],
    to: S,
) -> Result<S::Ok, S::Error> {
    let names: Vec<&str> = fields.iter().map(|one| one.field.as_str()).collect();
    let mut both = to.serialize_map(Some(2))?;
    both.serialize_entry("fields", &names)?;
    both.serialize_entry("differences", fields)?;
    both.end()
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
