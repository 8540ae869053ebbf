//! Reads the rows of a view in a range of keys.
//!
//! Only ids and keys are taken from a view, never documents or values: numbers in a view's value
//! lose digits.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{MOST_ROWS, parsed, rows};
use super::body::{LARGEST_PAGE, LARGEST_STATUS};
use super::error::{Error, Operation};
use super::kind::Kind;
use super::pages::IN_ONE_PIECE;
use super::request::Request;
use super::server::Server;
use document::DatabaseName;

/// The size limit of a row in an answer, in bytes. A row is an id and a key with an id in it.
const LARGEST_ROW: usize = 1 << 10;

/// The most rows in a range. No account has more numbers; if one does, the caller reads its
/// database.
const MOST_IN_RANGE: usize = 1_000_000;

/// A view and a range of its keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The design document, without `_design/`.
    pub design: &'static str,
    /// The name of the view.
    pub view: &'static str,
    /// The first key.
    pub start: Value,
    /// The last key.
    pub end: Value,
    /// The time limit of one answer.
    pub patience: Duration,
}

/// A row of a view.
#[derive(Clone, Debug, Deserialize)]
pub struct Keyed {
    /// The document's id.
    pub id: String,
    /// The row's key.
    pub key: Value,
}

/// The rows of a view in a range.
#[derive(Debug)]
pub struct ViewRows {
    /// The first row of the whole view, which shows the form of its keys. None if the view is
    /// empty.
    pub first_of_all: Option<Keyed>,
    /// The rows in the range.
    pub rows: Vec<Keyed>,
}

#[derive(Deserialize)]
struct ViewResults {
    results: Vec<QueryResult>,
}

#[derive(Deserialize)]
struct QueryResult {
    #[serde(deserialize_with = "rows")]
    rows: Vec<Keyed>,
}

impl Server {
    /// Returns the rows of a view in a range, read `limit` at a time. The index is updated first.
    /// There are no retries: the view can be missing, not built yet, or a custom one, and the
    /// caller has another way. No two documents may have the same key, so the ids must be part of
    /// it.
    pub async fn rows_in_range(
        &self,
        database: &DatabaseName,
        keys: &Keys,
        limit: usize,
    ) -> Result<ViewRows, Error> {
        // Every page after the first repeats the last row of the previous page.
        let limit = limit.clamp(2, MOST_ROWS);
        let mut queries = vec![json!({ "limit": 1, "reduce": false })];
        let mut rows: Vec<Keyed> = Vec::new();
        let mut first_of_all = None;
        let mut start = keys.start.clone();
        loop {
            queries.push(json!({
                "limit": limit, "reduce": false, "startkey": start, "endkey": keys.end,
            }));
            let mut answers = self.queries(database, keys, &queries, limit).await?;
            let mut page = answers.pop().unwrap_or_default();
            if let Some(first) = answers.pop() {
                first_of_all = first.into_iter().next();
            }
            if page.len() > limit {
                return Err(bad_answer(database));
            }
            let full = page.len() == limit;
            if page.first().map(|row| &row.key) == rows.last().map(|row| &row.key) {
                page.drain(..page.len().min(1));
            }
            if rows.len() + page.len() > MOST_IN_RANGE {
                return Err(bad_answer(database));
            }
            let last = page.last().map(|row| row.key.clone());
            rows.extend(page);
            match last {
                Some(last) if full => start = last,
                None if full => return Err(bad_answer(database)),
                _ => return Ok(ViewRows { first_of_all, rows }),
            }
            queries.clear();
        }
    }

    /// The rows of each query, by `_view/…/queries` (CouchDB 2.2).
    async fn queries(
        &self,
        database: &DatabaseName,
        keys: &Keys,
        queries: &[Value],
        limit: usize,
    ) -> Result<Vec<Vec<Keyed>>, Error> {
        let path = format!("/_design/{}/_view/{}/queries", keys.design, keys.view);
        let request = Request::read(Operation::OPEN_DOCS, Method::POST, &path)
            .of(database)
            .query(IN_ONE_PIECE)
            .body(json!({ "queries": queries }).to_string())
            .at_most(
                limit
                    .saturating_mul(LARGEST_ROW)
                    .clamp(LARGEST_STATUS, LARGEST_PAGE),
            )
            .within(keys.patience);
        let response = self.send(&request).await?;
        let answers: ViewResults = parsed(Operation::OPEN_DOCS, &response, "a view")
            .map_err(|error| error.in_database(database).on(self.url().named()))?;
        if answers.results.len() != queries.len() {
            return Err(bad_answer(database));
        }
        let answers = answers.results.into_iter();
        Ok(answers.map(|answer| answer.rows).collect())
    }
}

fn bad_answer(database: &DatabaseName) -> Error {
    Error::new(
        Kind::BadAnswer,
        Operation::OPEN_DOCS,
        "not an answer of a view",
    )
    .in_database(database)
}
