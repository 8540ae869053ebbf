//! The current state of documents that a run changed.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use exact_json::json;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kazoo_numbers_generator::Document;
use serde::Deserialize;

use crate::changes::{ChangeDirection, JournaledChanges};
use crate::floor::AT_ONCE;
use crate::http::{Client, FloorRequest, Method};

const KEYS_IN_A_READ: usize = 1000;

/// Revisions and documents by database and id. Missing documents have no entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurrentDocuments(BTreeMap<String, BTreeMap<String, CurrentDocument>>);

#[derive(Clone, Debug)]
struct CurrentDocument {
    revision: String,
    document: Document,
}

#[derive(Deserialize)]
struct AllDocs {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    value: Option<RowValue>,
    doc: Option<Document>,
}

#[derive(Deserialize)]
struct RowValue {
    rev: String,
}

impl CurrentDocuments {
    /// Reads the documents of these changes.
    pub(crate) async fn of(client: &Client, changes: &JournaledChanges) -> Result<Self> {
        let read = stream::iter(changes.ids())
            .map(|(database, ids)| async move {
                let mut found = BTreeMap::new();
                for keys in ids.chunks(KEYS_IN_A_READ) {
                    let answer: AllDocs = client.json(&with_documents(database, keys)).await?;
                    found.extend(answer.rows.into_iter().filter_map(of_row));
                }
                anyhow::Ok((database.to_owned(), found))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self(read))
    }

    /// The revision of a document, if it exists.
    pub(crate) fn revision(&self, database: &str, id: &str) -> Option<&str> {
        Some(&self.found(database, id)?.revision)
    }

    fn found(&self, database: &str, id: &str) -> Option<&CurrentDocument> {
        self.0.get(database)?.get(id)
    }

    /// Fails unless every document is on this side of the changes.
    pub(crate) fn ensure_state(
        &self,
        changes: &JournaledChanges,
        direction: ChangeDirection,
    ) -> Result<()> {
        for (database, documents) in &changes.documents {
            for (id, change) in documents {
                let current = self.found(database, id).map(|found| &found.document);
                if current != change.target(direction) {
                    bail!("{database}: {id} differs from its state {direction:?} the run");
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn for_test(database: &str, id: &str, revision: &str) -> Self {
        let found = CurrentDocument {
            revision: revision.to_owned(),
            document: Document::new(),
        };
        let all = BTreeMap::from([(id.to_owned(), found)]);
        Self(BTreeMap::from([(database.to_owned(), all)]))
    }
}

fn of_row(row: Row) -> Option<(String, CurrentDocument)> {
    let mut document = row.doc?;
    document.shift_remove("_rev");
    let revision = row.value?.rev;
    Some((row.key, CurrentDocument { revision, document }))
}

fn with_documents(database: &str, keys: &[&str]) -> FloorRequest {
    let body = json!({ "keys": keys }).to_string();
    let path = "/_all_docs?include_docs=true";
    FloorRequest::to(Method::Post, database, path, Some(body))
}

/// All documents of a database without revisions.
pub(crate) async fn documents_of(client: &Client, database: &str) -> Result<Vec<Document>> {
    let request = FloorRequest::to(Method::Get, database, "/_all_docs?include_docs=true", None);
    let answer: AllDocs = client.json(&request).await?;
    Ok(answer
        .rows
        .into_iter()
        .filter_map(|row| Some(of_row(row)?.1.document))
        .collect())
}
