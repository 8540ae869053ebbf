//! What was read and what was written, as it went over the wire.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use exact_json::{Map, Value};

use crate::asked::{Asked, Kind};

/// A document as it was delivered to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The plain name of its database.
    pub database: String,
    /// Its revision.
    pub rev: String,
    /// Its content, where that was asked for.
    pub document: Option<Map<String, Value>>,
}

/// A document that the client sent to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The plain name of its database.
    pub database: String,
    /// Its id.
    pub id: String,
    /// The revision that it is to replace.
    pub replaces: Option<String>,
    /// Whether that revision was delivered before this was sent, or there is none.
    pub was_read: bool,
    /// What was sent, `_rev` and all.
    pub document: Map<String, Value>,
    /// Whether the same request writes another revision of the document before this one: a deletion with all leaves has a
    /// row for each, and is one change.
    pub is_further_leaf: bool,
    /// The revision that it became; None when the server refused it.
    pub landed: Option<String>,
}

/// What was seen of a run.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// How many requests there were.
    pub requests: u64,
    /// What was delivered, by id.
    pub delivered: HashMap<String, Vec<Delivered>>,
    /// What was sent to be written, and reached the server, in the order in which the server
    /// answered.
    pub written: Vec<Written>,
    /// Statuses that were answered, and how often.
    pub statuses: BTreeMap<u16, u64>,
}

impl Witness {
    /// Whether this revision was delivered.
    pub fn has_read(&self, database: &str, id: &str, rev: &str) -> bool {
        self.delivered.get(id).is_some_and(|all| {
            all.iter()
                .any(|one| one.database == database && one.rev == rev)
        })
    }

    /// Writes that landed on a revision which the client had not read.
    pub fn unread(&self) -> impl Iterator<Item = &Written> {
        self.written
            .iter()
            .filter(|one| one.landed.is_some() && !one.was_read)
    }

    /// Documents that were changed, design documents left out.
    pub fn changed(&self) -> impl Iterator<Item = &Written> {
        self.written
            .iter()
            .filter(|one| one.landed.is_some() && !one.is_further_leaf)
            .filter(|one| !one.id.starts_with("_design/"))
    }

    /// A write that is on its way to the server: it counts what was read until now.
    pub(crate) fn writes(&self, asked: &Asked) -> Vec<Written> {
        if asked.kind != Kind::BulkDocs {
            return Vec::new();
        }
        let Ok(Value::Object(mut body)) = exact_json::from_slice(&asked.body) else {
            return Vec::new();
        };
        let Some(Value::Array(documents)) = body.remove("docs") else {
            return Vec::new();
        };
        let text = |document: &Map<String, Value>, key: &str| {
            document.get(key).and_then(Value::as_str).map(str::to_owned)
        };
        let mut ids = HashSet::new();
        documents
            .into_iter()
            .filter_map(|document| match document {
                Value::Object(document) => Some(document),
                _ => None,
            })
            .map(|document| {
                let id = text(&document, "_id").unwrap_or_default();
                let replaces = text(&document, "_rev");
                Written {
                    was_read: replaces
                        .as_deref()
                        .is_none_or(|rev| self.has_read(&asked.database, &id, rev)),
                    database: asked.database.clone(),
                    is_further_leaf: !ids.insert(id.clone()),
                    id,
                    replaces,
                    document,
                    landed: None,
                }
            })
            .collect()
    }

    /// The server's own answer to writes.
    pub(crate) fn landed(&mut self, mut writes: Vec<Written>, body: &Bytes) {
        let rows: Vec<Value> = exact_json::from_slice(body).unwrap_or_default();
        // CouchDB answers in the order of the documents.
        for (write, row) in writes.iter_mut().zip(&rows) {
            if row.get("error").is_none() {
                write.landed = row.get("rev").and_then(Value::as_str).map(str::to_owned);
            }
        }
        self.written.extend(writes);
    }

    /// An answer that goes to the client as the server gave it, or with its rows all there.
    pub(crate) fn delivers(&mut self, asked: &Asked, body: &Bytes) {
        for mut row in rows(asked.kind, body) {
            let rev = row
                .pointer("/value/rev")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let id = row.get("id").and_then(Value::as_str).map(str::to_owned);
            let mut document = match row.get_mut("doc").map(Value::take) {
                Some(Value::Object(document)) => Some(document),
                _ => None,
            };
            // The revisions of the losing leaves are a part of the answer, not of the document.
            let losers = document
                .as_mut()
                .and_then(|document| document.remove("_conflicts"));
            let losers = losers.as_ref().and_then(Value::as_array);
            if let (Some(id), Some(rev)) = (id, rev) {
                let delivered = self.delivered.entry(id).or_default();
                let mut deliver = |rev: &str, document| {
                    delivered.push(Delivered {
                        database: asked.database.clone(),
                        rev: rev.to_owned(),
                        document,
                    });
                };
                deliver(&rev, document);
                for loser in losers.into_iter().flatten().filter_map(Value::as_str) {
                    deliver(loser, None);
                }
            }
        }
    }
}

/// The rows that an answer delivers, if it is to a reading of documents.
pub fn rows(kind: Kind, body: &[u8]) -> Vec<Value> {
    let rows_of = |mut answer: Value| match answer.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    };
    let Ok(mut answer) = exact_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    match (kind, answer.get_mut("results").map(Value::take)) {
        (Kind::Range | Kind::Keys, _) => rows_of(answer),
        (Kind::Ranges, Some(Value::Array(results))) => {
            results.into_iter().flat_map(rows_of).collect()
        }
        _ => Vec::new(),
    }
}
