//! What a view has in a range of its keys.
//!
//! Only ids are taken from a view, never documents or their values: through a view's value numbers
//! lose digits.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{MOST_ROWS, parsed, rows};
use super::body::{LARGEST_PAGE, LARGEST_STATUS};
use super::error::{Error, Kind, Operation};
use super::pages::IN_ONE_PIECE;
use super::request::Request;
use super::server::Server;
use document::DatabaseName;

/// A row is an id, and a key with an id in it: its largest share of an answer, in bytes.
const LARGEST_ROW: usize = 1 << 10;

/// The most rows that are read of a range: an account has no more numbers, and its database is read instead.
const MOST_IN_RANGE: usize = 1_000_000;

/// A view, and a range of its keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The design document, without `_design/`.
    pub design: &'static str,
    /// The view in it.
    pub view: &'static str,
    /// The first key.
    pub start: Value,
    /// The last key.
    pub end: Value,
    /// How long an answer may take.
    pub patience: Duration,
}

/// A row of a view.
#[derive(Clone, Debug, Deserialize)]
pub struct Keyed {
    /// The document's id.
    pub id: String,
    /// A key that the view gave it.
    pub key: Value,
}

/// What a view has.
#[derive(Debug)]
pub struct InRange {
    /// The first row of all: what kind of keys these are. None where there is no row at all.
    pub first_of_all: Option<Keyed>,
    /// The rows in the range.
    pub rows: Vec<Keyed>,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "rows")]
    rows: Vec<Keyed>,
}

impl Server {
    /// The rows that a view has in a range, `limit` at a time; the index is brought up to date
    /// first. Asked once: a view can be missing, still to be built, or somebody's own, and who asks
    /// has another way. No two documents may have the same key, so their ids must be part of it.
    pub async fn rows_in_range(
        &self,
        database: &DatabaseName,
        keys: &Keys,
        limit: usize,
    ) -> Result<InRange, Error> {
        // Every page but the first repeats the last row of the one before.
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
                _ => return Ok(InRange { first_of_all, rows }),
            }
            queries.clear();
        }
    }

    /// The rows of each query, by `_view/…/queries`, which CouchDB has since 2.2.
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
            );
        let response = self.send_within(&request, Some(keys.patience)).await?;
        let answers: Results = parsed(Operation::OPEN_DOCS, &response, "a view")
            .map_err(|error| error.in_database(database).on(self.url()))?;
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
