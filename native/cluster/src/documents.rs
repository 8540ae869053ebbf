//! A cluster as plain data: databases by name, documents by id, nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A document as CouchDB would store it: `_id` in, `_rev` out, attachments inline
/// (`_attachments.<name> = {"content_type", "data" (base64)}`).
pub type Document = Map<String, Value>;

/// One database: its live documents and the ids of those that were deleted (tombstones).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Live documents by `_id`, design documents included.
    pub documents: BTreeMap<String, Document>,
    /// Ids whose winning revision is a deletion.
    pub deleted: BTreeSet<String>,
}

/// A whole cluster: databases by their plain names (`numbers/+1415`, `account/ab/cd/…`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Databases by name, not encoded.
    pub databases: BTreeMap<String, Database>,
}
