//! Records the documents that were read and written through the proxy.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use exact_json::{Map, Value};

use crate::request::{ParsedRequest, RequestKind};

/// A document that was delivered to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The plain name of the database.
    pub database: String,
    /// The revision.
    pub rev: String,
    /// The content, if requested.
    pub document: Option<Map<String, Value>>,
}

/// A document that the client sent to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The plain name of the database.
    pub database: String,
    /// The id.
    pub id: String,
    /// The revision to replace.
    pub replaces: Option<String>,
    /// Whether that revision was delivered before the write, or there is no such revision.
    pub was_read: bool,
    /// The document as sent, with `_rev`.
    pub document: Map<String, Value>,
    /// Whether the same request writes another revision of the document earlier. The deletion of a
    /// document with conflicts has a row for each leaf and is one change.
    pub is_further_leaf: bool,
    /// The new revision. None if the server refused the write.
    pub landed: Option<String>,
}

/// The recorded traffic of a run.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The number of requests.
    pub requests: u64,
    /// Delivered documents by id.
    pub delivered: HashMap<String, Vec<Delivered>>,
    /// Writes that reached the server, in the order of the server's answers.
    pub written: Vec<Written>,
    /// The number of answers for each status.
    pub statuses: BTreeMap<u16, u64>,
}

impl Recording {
    /// Whether this revision was delivered.
    pub fn has_read(&self, database: &str, id: &str, rev: &str) -> bool {
        self.delivered.get(id).is_some_and(|all| {
            all.iter()
                .any(|delivered| delivered.database == database && delivered.rev == rev)
        })
    }

    /// Writes that replaced a revision which the client had not read.
    pub fn unread_writes(&self) -> impl Iterator<Item = &Written> {
        self.written
            .iter()
            .filter(|write| write.landed.is_some() && !write.was_read)
    }

    /// Successful changes, without design documents.
    pub fn changed(&self) -> impl Iterator<Item = &Written> {
        self.written
            .iter()
            .filter(|write| write.landed.is_some() && !write.is_further_leaf)
            .filter(|write| !write.id.starts_with("_design/"))
    }

    /// Parses the writes of a request before it is forwarded, so that `was_read` counts earlier
    /// reads only.
    pub(crate) fn parse_writes(&self, request: &ParsedRequest) -> Vec<Written> {
        if request.kind != RequestKind::BulkDocs {
            return Vec::new();
        }
        let Ok(Value::Object(mut body)) = exact_json::from_slice(&request.body) else {
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
                        .is_none_or(|rev| self.has_read(&request.database, &id, rev)),
                    database: request.database.clone(),
                    is_further_leaf: !ids.insert(id.clone()),
                    id,
                    replaces,
                    document,
                    landed: None,
                }
            })
            .collect()
    }

    /// Records the server's answer to writes.
    pub(crate) fn record_writes(&mut self, mut writes: Vec<Written>, body: &Bytes) {
        let rows: Vec<Value> = exact_json::from_slice(body).unwrap_or_default();
        // CouchDB's rows are in the order of the documents.
        for (write, row) in writes.iter_mut().zip(&rows) {
            if row.get("error").is_none() {
                write.landed = row.get("rev").and_then(Value::as_str).map(str::to_owned);
            }
        }
        self.written.extend(writes);
    }

    /// Records an answer that reaches the client with all its rows.
    pub(crate) fn record_delivery(&mut self, request: &ParsedRequest, body: &Bytes) {
        for mut row in rows(request.kind, body) {
            let rev = row
                .pointer("/value/rev")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let id = row.get("id").and_then(Value::as_str).map(str::to_owned);
            let mut document = match row.get_mut("doc").map(Value::take) {
                Some(Value::Object(document)) => Some(document),
                _ => None,
            };
            // The losing revisions are part of the answer, not of the document.
            let losers = document
                .as_mut()
                .and_then(|document| document.remove("_conflicts"));
            let losers = losers.as_ref().and_then(Value::as_array);
            if let (Some(id), Some(rev)) = (id, rev) {
                let delivered = self.delivered.entry(id).or_default();
                let mut deliver = |rev: &str, document| {
                    delivered.push(Delivered {
                        database: request.database.clone(),
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

/// The rows in the answer to a read of documents.
pub fn rows(kind: RequestKind, body: &[u8]) -> Vec<Value> {
    let rows_of = |mut answer: Value| match answer.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    };
    let Ok(mut answer) = exact_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    match (kind, answer.get_mut("results").map(Value::take)) {
        (RequestKind::Range | RequestKind::Keys, _) => rows_of(answer),
        (RequestKind::Ranges, Some(Value::Array(results))) => {
            results.into_iter().flat_map(rows_of).collect()
        }
        _ => Vec::new(),
    }
}
