//! Document counts of databases, and the rows of reduced views, without reading documents.

use std::collections::HashMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{parsed, rows};
use super::body::LARGEST_STATUS;
use super::error::{Error, Operation};
use super::request::Request;
use super::server::Server;
use document::DatabaseName;

/// The most databases in one `_dbs_info` request: CouchDB's default limit.
const DATABASES_AT_ONCE: usize = 100;

/// A row of `_dbs_info`. A database that does not exist has no `info`.
#[derive(Deserialize)]
struct DatabaseInfo {
    key: String,
    #[serde(default)]
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    doc_count: u64,
    doc_del_count: u64,
}

/// The number of documents in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentCounts {
    /// Existing documents, including design documents.
    pub live: u64,
    /// Deleted documents.
    pub deleted: u64,
}

/// The answer of a reduced view.
#[derive(Deserialize)]
struct Reduced<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    rows: Vec<ReducedRow<'a>>,
}

#[derive(Deserialize)]
struct ReducedRow<'a> {
    #[serde(borrow)]
    key: &'a RawValue,
    value: u64,
}

impl Server {
    /// Returns the document counts of databases that exist. The request is sent without retries:
    /// CouchDB before 2.2 has no `_dbs_info`, and callers work without the counts.
    pub async fn document_counts(
        &self,
        databases: &[&DatabaseName],
    ) -> Result<HashMap<DatabaseName, DocumentCounts>, Error> {
        let mut counts = HashMap::with_capacity(databases.len());
        for databases in databases.chunks(DATABASES_AT_ONCE) {
            let keys: Vec<&str> = databases.iter().map(|name| name.plain()).collect();
            let body = serde_json::json!({ "keys": keys }).to_string();
            let request = Request::read(Operation::LIST_DATABASES, Method::POST, "/_dbs_info")
                .body(body)
                .at_most(LARGEST_STATUS);
            let response = self.send(&request).await?;
            let rows: Vec<DatabaseInfo> =
                parsed(Operation::LIST_DATABASES, &response, "_dbs_info")?;
            let known = rows.into_iter().filter_map(|row| {
                let database = DatabaseName::new(&row.key)?;
                let info = row.info?;
                let counts = DocumentCounts {
                    live: info.doc_count,
                    deleted: info.doc_del_count,
                };
                Some((database, counts))
            });
            counts.extend(known);
        }
        Ok(counts)
    }

    /// Returns the number of rows of each key of a view that is reduced with `_count`. A key is
    /// JSON text. The request is sent without retries: the view can be missing or a custom one.
    pub async fn grouped_counts(
        &self,
        database: &DatabaseName,
        design: &str,
        view: &str,
    ) -> Result<Vec<(Box<str>, u64)>, Error> {
        let path = format!("/_design/{design}/_view/{view}");
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path)
            .of(database)
            .query("group=true");
        let response = self.send(&request).await?;
        let reduced: Reduced<'_> = parsed(Operation::OPEN_DOCS, &response, "a reduced view")
            .map_err(|error| error.in_database(database))?;
        Ok(reduced
            .rows
            .into_iter()
            .map(|row| (row.key.get().into(), row.value))
            .collect())
    }
}
