//! Number documents: recognition, assignment and the correct database.

use exact_json::{Map, Value};
use kazoo_numbers_generator::{Cluster, Document};

use crate::names;

/// A number document that is not soft-deleted.
pub(crate) fn is_live_number(document: &Document) -> bool {
    is_number(document) && document.get("pvt_deleted") != Some(&Value::Bool(true))
}

/// Whether the document has the type `number`, or has no type (before Kazoo 3.15) and an id of `+`
/// and digits.
pub(crate) fn is_number(document: &Document) -> bool {
    match document.get("pvt_type") {
        Some(kind) => kind.as_str() == Some("number"),
        None => {
            let id = document.get("_id").and_then(Value::as_str);
            id.and_then(|id| id.strip_prefix('+'))
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        }
    }
}

/// The number's state. Older documents have it in another field.
pub(crate) fn state(document: &Document) -> Option<&str> {
    let state = document.get("pvt_state");
    state.or_else(|| document.get("pvt_number_state"))?.as_str()
}

/// The value of `pvt_assigned_to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// The field is absent or `null`.
    Unassigned,
    /// The database of an account.
    Account(String),
    /// Any other value.
    Invalid,
}

pub(crate) fn assignment(document: &Document) -> Assignment {
    match document.get("pvt_assigned_to") {
        None | Some(Value::Null) => Assignment::Unassigned,
        Some(_) => match assigned_database(document) {
            Some(account) => Assignment::Account(account),
            None => Assignment::Invalid,
        },
    }
}

/// The live number documents of a database by id. Empty if the database is missing.
pub(crate) fn live_numbers(cluster: &Cluster, database: &str) -> Vec<(String, Document)> {
    cluster
        .databases
        .get(database)
        .into_iter()
        .flat_map(|database| &database.documents)
        .filter(|(id, document)| !id.starts_with("_design/") && is_live_number(document))
        .map(|(id, document)| (id.clone(), document.clone()))
        .collect()
}

/// The live number document with this id.
pub(crate) fn live_number(cluster: &Cluster, database: &str, id: &str) -> Option<Document> {
    let document = cluster.databases.get(database)?.documents.get(id)?;
    is_live_number(document).then(|| document.clone())
}

/// The database of the account that the document is assigned to, if any.
pub(crate) fn assigned_database(document: &Document) -> Option<String> {
    let id = document.get("pvt_assigned_to")?.as_str()?;
    names::is_account_id(id).then(|| names::database_of_account(id))
}

/// Whether this is a correct number database for the number.
pub(crate) fn is_filed(database: &str, number: &str) -> bool {
    database == "numbers/inum"
        || database == "numbers/managed"
        || names::database_of(number).as_deref() == Some(database)
}

/// Whether documents are equal apart from `_rev` and attachment metadata.
pub(crate) fn are_equal(one: &Document, other: &Document) -> bool {
    comparable(one) == comparable(other)
}

/// The document without its revision, with only type and content of each attachment.
pub(crate) fn comparable(document: &Document) -> Document {
    let mut document = document.clone();
    document.remove("_rev");
    if let Some(Value::Object(attachments)) = document.get_mut("_attachments") {
        for (_, attachment) in attachments.iter_mut() {
            let mut kept = Map::new();
            for key in ["content_type", "data"] {
                if let Some(value) = attachment.get(key) {
                    kept.insert(key.to_owned(), value.clone());
                }
            }
            *attachment = Value::Object(kept);
        }
        if attachments.is_empty() {
            document.remove("_attachments");
        }
    }
    document
}
