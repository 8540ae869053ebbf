//! A cluster as plain data: databases by name, documents by id.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Map, Value};

/// A document with `_id`, without `_rev`, and with inline attachments (`_attachments.<name> =
/// {"content_type", "data" (base64)}`).
pub type Document = Map<String, Value>;

/// One database: live documents, and the ids of deleted ones (tombstones).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Live documents by `_id`, design documents included.
    pub documents: BTreeMap<String, Document>,
    /// Ids whose winning revision is a deletion.
    pub deleted: BTreeSet<String>,
    /// The losing live leaves of documents by `_id`, in CouchDB's order: the leaf that would win
    /// after the deletion of the winner comes first.
    pub conflicts: BTreeMap<String, Vec<Document>>,
}

impl Database {
    /// Adds a document under its `_id`. A document without `_id` is ignored.
    pub fn insert(&mut self, document: Document) {
        let id = document
            .get("_id")
            .and_then(Value::as_str)
            .map(String::from);
        if let Some(id) = id {
            self.deleted.remove(&id);
            self.documents.insert(id, document);
        }
    }

    /// Adds a losing leaf of the document with the same `_id`. A leaf without `_id` is ignored.
    pub fn insert_conflict(&mut self, leaf: Document) {
        let id = leaf.get("_id").and_then(Value::as_str).map(String::from);
        if let Some(id) = id {
            self.conflicts.entry(id).or_default().push(leaf);
        }
    }

    /// The winner and the losing leaves. Empty if there is no live document.
    pub fn leaves<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Document> {
        let winner = self.documents.get(id);
        let losers = winner.and_then(|_| self.conflicts.get(id));
        winner.into_iter().chain(losers.into_iter().flatten())
    }

    /// Deletes all leaves and adds a tombstone, even if there was no document.
    pub fn delete(&mut self, id: &str) {
        self.documents.remove(id);
        self.conflicts.remove(id);
        self.deleted.insert(String::from(id));
    }
}

/// A cluster: databases by plain names (`numbers/+1415`, `account/ab/cd/…`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Databases by plain name.
    pub databases: BTreeMap<String, Database>,
}

impl Cluster {
    /// A live document.
    #[must_use]
    pub fn document(&self, database: &str, id: &str) -> Option<&Document> {
        self.databases.get(database)?.documents.get(id)
    }

    /// The names of the number databases.
    pub fn number_databases(&self) -> impl Iterator<Item = &str> {
        self.databases
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("numbers/"))
    }

    /// The names of the account databases, without month and year databases.
    pub fn account_databases(&self) -> impl Iterator<Item = &str> {
        self.databases
            .keys()
            .map(String::as_str)
            .filter(|name| crate::names::account_of_database(name).is_some())
    }
}

/// The members of a JSON object. Empty for other values.
pub(crate) fn object(value: Value) -> Document {
    match value {
        Value::Object(members) => members,
        _ => Document::new(),
    }
}
