//! Reading `_all_docs` by keys: documents whose ids are known.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::json;

use document::{DatabaseName, Document};

use super::answer::{AllDocs, MOST_ROWS};
use super::body::largest;
use super::error::{Error, Operation};
use super::include::{Attachments, Include};
use super::pages::query_of;
use super::request::{Request, Response};
use super::retry::Retries;
use super::rows::{Found, FromRow, Revised};
use super::rows::{answer_of, bad_answer, found_in, text_of};
use super::server::Server;

impl Server {
    /// Reads the documents of these ids, at most `limit` with one request. One answer for each, in the same order.
    ///
    /// # Errors
    /// The database does not exist, or an answer failed.
    pub async fn read_documents(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        attachments: Attachments,
        limit: usize,
    ) -> Result<Vec<Found<Document>>, Error> {
        self.read_keys(database, ids, attachments.into(), limit)
            .await
    }

    /// Reads the winning revisions of these ids, at most `limit` with one request. One answer for each, in the same order.
    ///
    /// # Errors
    /// The database does not exist, or an answer failed.
    pub async fn read_revisions(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        limit: usize,
    ) -> Result<Vec<Found<Revised>>, Error> {
        self.read_keys(database, ids, Include::Revisions, limit)
            .await
    }

    async fn read_keys<T: FromRow>(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        include: Include,
        limit: usize,
    ) -> Result<Vec<Found<T>>, Error> {
        let mut all = Vec::with_capacity(ids.len());
        let mut left = ids;
        let mut limit = limit.clamp(1, MOST_ROWS);
        let mut retries = Retries::of(self);
        while !left.is_empty() {
            let at_once = self.page_size(include).of(limit.min(left.len()));
            let (batch, rest) = left.split_at(at_once);
            let body = json!({ "keys": batch }).to_string();
            let query = query_of(self.page_size(include).is_unlimited(), include.query());
            let request = Request::read(Operation::OPEN_DOCS, Method::POST, "/_all_docs")
                .of(database)
                .query(&query)
                .body(body)
                .at_most(largest(batch.len(), include))
                .attempt(retries.attempt());
            let read = |response: Response| found_of(database, batch, &response);
            match self.send_and_read(&request, read).await {
                Ok(found) => {
                    all.extend(found);
                    left = rest;
                    retries = Retries::of(self);
                }
                Err(error) if error.is_too_slow() && batch.len() > 1 => {
                    self.page_size(include).too_slow(batch.len());
                    retries.pause(&request, &error).await?;
                }
                Err(error) if error.is_too_much() && batch.len() > 1 => {
                    limit = batch.len() / 2;
                    retries.pause_for_memory(&request, &error).await?;
                }
                Err(error) => retries.after(&request, error).await?,
            }
        }
        Ok(all)
    }
}

/// The answers for these ids. They are found by id and not by place: a shard that answers late must not move a document.
pub(crate) fn found_of<T: FromRow>(
    database: &DatabaseName,
    ids: &[&str],
    response: &Response,
) -> Result<Vec<Found<T>>, Error> {
    let text = text_of(response)?;
    let answer: AllDocs<'_> = answer_of(database, response, &text)?;
    // An id that is asked for twice has two rows.
    let mut found: HashMap<String, Vec<Found<T>>> = HashMap::with_capacity(answer.rows.len());
    for row in answer.rows {
        let (id, state) = found_in(database, row, &text)?;
        found.entry(id).or_default().push(state);
    }
    ids.iter()
        .map(|id| {
            let states = found.get_mut(*id).and_then(Vec::pop);
            states.ok_or_else(|| bad_answer(database, "a key without an answer"))
        })
        .collect()
}
