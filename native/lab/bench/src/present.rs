//! Documents as they are at present, of those that a run changed.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use exact_json::json;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kazoo_numbers_generator::Document;
use serde::Deserialize;

use crate::changes::{Changes, Towards};
use crate::floor::AT_ONCE;
use crate::http::{Client, Method, Request};

const KEYS_IN_A_READ: usize = 1000;

/// Revisions and documents, by database and id. What is not there is not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present(BTreeMap<String, BTreeMap<String, Found>>);

#[derive(Clone, Debug)]
struct Found {
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

impl Present {
    /// Reads the documents that these changes are about.
    pub(crate) async fn of(client: &Client, changes: &Changes) -> Result<Self> {
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

    /// A document's revision, if it is there.
    pub(crate) fn revision(&self, database: &str, id: &str) -> Option<&str> {
        Some(&self.found(database, id)?.revision)
    }

    fn found(&self, database: &str, id: &str) -> Option<&Found> {
        self.0.get(database)?.get(id)
    }

    /// Fails unless every document is as it was before the changes, or after them.
    pub(crate) fn must_be(&self, changes: &Changes, towards: Towards) -> Result<()> {
        for (database, documents) in &changes.documents {
            for (id, change) in documents {
                let present = self.found(database, id).map(|found| &found.document);
                if present != change.target(towards) {
                    bail!("{database}: {id} is not as it was {towards:?} the run");
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn made_up(database: &str, id: &str, revision: &str) -> Self {
        let found = Found {
            revision: revision.to_owned(),
            document: Document::new(),
        };
        let all = BTreeMap::from([(id.to_owned(), found)]);
        Self(BTreeMap::from([(database.to_owned(), all)]))
    }
}

fn of_row(row: Row) -> Option<(String, Found)> {
    let mut document = row.doc?;
    document.shift_remove("_rev");
    let revision = row.value?.rev;
    Some((row.key, Found { revision, document }))
}

fn with_documents(database: &str, keys: &[&str]) -> Request {
    let body = json!({ "keys": keys }).to_string();
    let path = "/_all_docs?include_docs=true";
    Request::to(Method::Post, database, path, Some(body))
}

/// All documents of a database, without their revisions.
pub(crate) async fn documents_of(client: &Client, database: &str) -> Result<Vec<Document>> {
    let request = Request::to(Method::Get, database, "/_all_docs?include_docs=true", None);
    let answer: AllDocs = client.json(&request).await?;
    Ok(answer
        .rows
        .into_iter()
        .filter_map(|row| Some(of_row(row)?.1.document))
        .collect())
}
