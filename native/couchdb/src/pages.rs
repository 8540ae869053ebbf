//! Reads `_all_docs` by ranges of ids, one page at a time, and by keys.
//!
//! Pages continue by key and never by `skip`, so a row deleted between two pages hides no other
//! row. `_all_docs` sorts ids by bytes; an answer in another order is an error.

use std::collections::HashMap;
use std::ops;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{
    AllDocs, AllDocsResults, AllDocsRow, MOST_ROWS, is_not_found, parsed, unexpected,
};
use super::body::largest;
use super::document::quoted;
use super::error::{Error, Kind, Operation};
use super::name::DatabaseName;
use super::request::{Request, Response};
use super::retry::Retries;
use super::revision::Revision;
use super::server::Server;

/// Asks the server to complete an answer before it sends any of it (CouchDB 3.1; older versions
/// ignore it). Otherwise the answer arrives in chunks of 1 490 bytes as rows are read, each of
/// which wakes the client; and an error in the middle of an answer becomes an invalid body instead
/// of an error status. Not used after answers were too slow: a load balancer limits the seconds
/// without any byte.
pub(super) const IN_ONE_PIECE: &str = "buffer_response=true";

/// Data to read in addition to ids and revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    Ids,
    /// Documents with attachment stubs. Documents with conflicts list them in `_conflicts`.
    Documents,
    /// Documents with inline attachments and `_conflicts`.
    Attachments,
}

impl Include {
    fn query(self) -> &'static str {
        match self {
            Self::Ids => "",
            Self::Documents => "&include_docs=true&conflicts=true",
            Self::Attachments => "&include_docs=true&conflicts=true&attachments=true",
        }
    }
}

/// A range of ids: from `start` (inclusive) to `end` (exclusive), in the order of bytes.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// The first id. None for the beginning of the database.
    pub start: Option<String>,
    /// The first id after the range. None for the end of the database.
    pub end: Option<String>,
}

impl Range {
    /// All ids of a database.
    pub fn all() -> Self {
        Self::default()
    }
}

/// One row of a page.
#[derive(Debug)]
pub struct Row {
    /// The document's id.
    pub id: String,
    /// The winning revision.
    pub rev: Revision,
    document: Option<ops::Range<usize>>,
}

impl Row {
    /// Creates a row that does not come from a page.
    pub fn new(id: String, rev: Revision) -> Self {
        Self {
            id,
            rev,
            document: None,
        }
    }
}

/// Rows, and the body that holds their documents.
#[derive(Debug)]
pub struct Page {
    body: Bytes,
    rows: Vec<Row>,
    /// The start of the next page if this one was full: its last row, or the id after it if the
    /// page has only one row.
    next: Option<String>,
}

impl Page {
    /// The rows, each with its document if documents were requested.
    pub fn rows(&self) -> impl Iterator<Item = (&Row, &str)> {
        self.rows.iter().map(|row| {
            let text = row
                .document
                .clone()
                .and_then(|range| self.body.get(range))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or("{}");
            (row, text)
        })
    }

    /// Creates a page from documents that were read by ids. Missing documents are left out.
    pub fn from_found(ids: Vec<String>, found: Vec<Found>) -> Self {
        let mut body = BytesMut::new();
        let mut rows = Vec::new();
        for (id, found) in ids.into_iter().zip(found) {
            if let Found::Present { rev, text } = found {
                let start = body.len();
                body.extend_from_slice(text.as_bytes());
                rows.push(Row {
                    id,
                    rev,
                    document: Some(start..body.len()),
                });
            }
        }
        Self {
            body: body.freeze(),
            rows,
            next: None,
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the page has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The state of one document that was read by key.
#[derive(Clone, Debug)]
pub enum Found {
    /// The document never existed.
    Missing,
    /// The document was deleted.
    Deleted {
        /// The revision of the deletion.
        rev: Revision,
    },
    /// The document exists.
    Present {
        /// The winning revision.
        rev: Revision,
        /// The document's text. Empty if only ids were requested.
        text: Box<str>,
    },
}

impl Found {
    /// The revision and text, if the document exists.
    pub fn document(&self) -> Option<(&Revision, &str)> {
        match self {
            Self::Present { rev, text } => Some((rev, text)),
            _ => None,
        }
    }

    /// Whether the document exists.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Present { .. })
    }
}

/// Reads a range page by page.
pub struct Pages {
    server: Arc<Server>,
    database: DatabaseName,
    next: Option<Range>,
    /// A page that was read in advance.
    ready: Option<Page>,
    include: Include,
    limit: usize,
    last: Option<String>,
}

impl Pages {
    /// Creates a reader of `range` with at most `limit` rows a page.
    pub fn new(
        server: Arc<Server>,
        database: DatabaseName,
        range: Range,
        include: Include,
        limit: usize,
    ) -> Self {
        Self {
            server,
            database,
            next: Some(range),
            ready: None,
            include,
            // Every page after the first repeats the last row of the previous page.
            limit: limit.clamp(2, MOST_ROWS),
            last: None,
        }
    }

    /// The next page. None at the end of the range.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let Some(range) = self.next.take() else {
            return Ok(None);
        };
        let mut page = match self.ready.take() {
            Some(page) => page,
            None => self.read(&range).await?,
        };
        self.next = page.next.take().map(|last| Range {
            start: Some(last),
            end: range.end,
        });
        if self.last.is_some() && page.rows.first().map(|row| &row.id) == self.last.as_ref() {
            page.rows.remove(0);
        }
        self.last = page.rows.last().map(|row| row.id.clone());
        Ok(Some(page))
    }

    /// Reads the first pages of two ranges of a database in one request, by `_all_docs/queries`
    /// (CouchDB 2.2). After an error, or if both together take too long, each range can still be
    /// read alone.
    pub async fn read_first_pages_with(&mut self, other: &mut Self) -> Result<(), Error> {
        let (Some(range), Some(others)) = (&self.next, &other.next) else {
            return Ok(());
        };
        let limits = [self.documents_at_once(), other.documents_at_once()];
        let queries = [self.query(range, limits[0]), other.query(others, limits[1])];
        let query = query_of(self.whole() && other.whole(), "");
        let request = Request::read(Operation::OPEN_DOCS, Method::POST, "/_all_docs/queries")
            .of(&self.database)
            .query(&query)
            .body(json!({ "queries": queries }).to_string());
        let read = |response: Response| {
            let answers: AllDocsResults<'_> = answer_of(&self.database, &response)?;
            let [answer, of_others] = <[AllDocs<'_>; 2]>::try_from(answers.results)
                .map_err(|_| bad_answer(&self.database, "not an answer to each query"))?;
            let page = self.page(range, limits[0], &response.body, answer)?;
            let others = other.page(others, limits[1], &response.body, of_others)?;
            Ok((page, others))
        };
        let mut retries = Retries::of(&self.server);
        let (page, others) = loop {
            match self.server.send_and_read(&request, read).await {
                Ok(pages) => break pages,
                Err(error) if error.is_too_slow() => {
                    self.server.page_size(self.include).too_slow(limits[0]);
                    return retries.pause(&request, &error).await;
                }
                Err(error) => retries.after(&request, error).await?,
            }
        };
        self.ready = Some(page);
        other.ready = Some(others);
        Ok(())
    }

    /// The number of rows to ask for now.
    fn documents_at_once(&self) -> usize {
        self.server.page_size(self.include).of(self.limit)
    }

    /// Whether to ask for an answer in one piece.
    fn whole(&self) -> bool {
        self.server.page_size(self.include).is_unlimited()
    }

    /// One range as an entry of `queries`.
    fn query(&self, range: &Range, limit: usize) -> Value {
        let mut query = json!({
            "limit": limit,
            "include_docs": self.include != Include::Ids,
            "conflicts": self.include != Include::Ids,
            "attachments": self.include == Include::Attachments,
            "inclusive_end": false,
        });
        if let Some(start) = &range.start {
            query["startkey"] = json!(start);
        }
        if let Some(end) = &range.end {
            query["endkey"] = json!(end);
        }
        query
    }

    /// Reads a page. If it takes too long or is too large, reads a smaller one.
    async fn read(&mut self, range: &Range) -> Result<Page, Error> {
        let server = Arc::clone(&self.server);
        let mut retries = Retries::of(&server);
        loop {
            let limit = self.documents_at_once();
            let query = self.query_string(range, limit);
            let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_all_docs")
                .of(&self.database)
                .query(&query)
                .at_most(largest(limit, self.include));
            let read = |response: Response| {
                let answer = answer_of(&self.database, &response)?;
                self.page(range, limit, &response.body, answer)
            };
            match server.send_and_read(&request, read).await {
                Ok(page) => return Ok(page),
                Err(error) if error.is_too_slow() && limit > 1 => {
                    server.page_size(self.include).too_slow(limit);
                    retries.pause(&request, &error).await?;
                }
                Err(error) if error.is_too_much() && limit > 1 => {
                    self.limit = limit / 2;
                    retries.pause_for_memory(&request, &error).await?;
                }
                Err(error) => retries.after(&request, error).await?,
            }
        }
    }

    fn query_string(&self, range: &Range, limit: usize) -> String {
        let mut query = format!("&limit={limit}{}", self.include.query());
        if let Some(start) = &range.start {
            query.push_str(&format!("&startkey={}", in_query(&quoted(start))));
        }
        if let Some(end) = &range.end {
            query.push_str(&format!(
                "&endkey={}&inclusive_end=false",
                in_query(&quoted(end))
            ));
        }
        query_of(self.whole(), &query)
    }

    fn page(
        &self,
        range: &Range,
        limit: usize,
        body: &Bytes,
        answer: AllDocs<'_>,
    ) -> Result<Page, Error> {
        page_of(&self.database, (range, limit, self.include), body, answer)
    }
}

/// Checks the rows of an answer against the request.
fn page_of(
    database: &DatabaseName,
    (range, limit, include): (&Range, usize, Include),
    body: &Bytes,
    answer: AllDocs<'_>,
) -> Result<Page, Error> {
    let bad = |detail: &str| bad_answer(database, detail);
    if answer.rows.len() > limit {
        return Err(bad("more rows than were asked for"));
    }
    let full = answer.rows.len() == limit;
    let mut rows: Vec<Row> = Vec::with_capacity(answer.rows.len());
    let mut last: Option<String> = None;
    for row in answer.rows {
        let id = row.key.into_owned();
        let after_start = range.start.as_ref().is_none_or(|start| *start <= id);
        let before_end = range.end.as_ref().is_none_or(|end| id < *end);
        let in_order = last.as_ref().is_none_or(|last| *last < id);
        if !(after_start && before_end && in_order) {
            return Err(bad("rows in the wrong order"));
        }
        let value = row.value.ok_or_else(|| bad("a row without a revision"))?;
        last = Some(id.clone());
        let document = match (include, row.doc) {
            (Include::Ids, _) => None,
            (_, Some(text)) => Some(within(body, text.get())),
            // The document was deleted between the reading of the row and of the document.
            (_, None) => continue,
        };
        rows.push(Row {
            id,
            rev: Revision::parse(&value.rev),
            document,
        });
    }
    Ok(Page {
        body: body.clone(),
        rows,
        next: last
            .filter(|_| full)
            .map(|last| starting_after(last, limit)),
    })
}

/// The parsers of answers, without a server (`native/lab/fuzz`).
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::*;

    fn answered(body: &[u8]) -> (DatabaseName, Response) {
        let database = DatabaseName::new("numbers/+1415").unwrap_or_else(|| unreachable!());
        let response = Response {
            status: reqwest::StatusCode::OK,
            date: None,
            body: Bytes::copy_from_slice(body),
        };
        (database, response)
    }

    /// Parses an answer body as a page.
    pub fn page_in_answer(
        body: &[u8],
        range: &Range,
        limit: usize,
        include: Include,
    ) -> Result<Page, Error> {
        let (database, response) = answered(body);
        let answer = answer_of(&database, &response)?;
        page_of(&database, (range, limit, include), &response.body, answer)
    }

    /// Parses an answer body as the documents of `ids`.
    pub fn found_in_answer(
        body: &[u8],
        ids: &[&str],
        include: Include,
    ) -> Result<Vec<Found>, Error> {
        let (database, response) = answered(body);
        found_of(&database, ids, include, &response)
    }
}

impl Server {
    /// Reads documents by id. Returns one result for each id, in the same order.
    pub async fn read_keys(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        include: Include,
        limit: usize,
    ) -> Result<Vec<Found>, Error> {
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
                .at_most(largest(batch.len(), include));
            let read = |response: Response| found_of(database, batch, include, &response);
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

/// The documents in an answer, one for each id.
fn found_of(
    database: &DatabaseName,
    ids: &[&str],
    include: Include,
    response: &Response,
) -> Result<Vec<Found>, Error> {
    let answer: AllDocs<'_> = answer_of(database, response)?;
    let mut found = HashMap::with_capacity(answer.rows.len());
    for row in answer.rows {
        let (id, state) =
            found_in(row, include).ok_or_else(|| bad_answer(database, "a row without a result"))?;
        found.insert(id, state);
    }
    // Rows are matched by id and not by position: a late answer of a shard must not shift
    // documents.
    ids.iter()
        .map(|id| {
            found
                .get(*id)
                .cloned()
                .ok_or_else(|| bad_answer(database, "a key without an answer"))
        })
        .collect()
}

/// Builds a query string from parameters that each start with `&`. `whole` adds [`IN_ONE_PIECE`].
fn query_of(whole: bool, parameters: &str) -> String {
    if whole {
        format!("{IN_ONE_PIECE}{parameters}")
    } else {
        parameters.trim_start_matches('&').to_owned()
    }
}

/// The start key of the next page. A page of one row would repeat that row forever, so it continues
/// at the next possible id.
fn starting_after(mut last: String, limit: usize) -> String {
    if limit == 1 {
        last.push('\0');
    }
    last
}

fn found_in(row: AllDocsRow<'_>, include: Include) -> Option<(String, Found)> {
    let id = row.key.into_owned();
    let Some(value) = row.value else {
        // Only `not_found` means that the document does not exist. The error of a shard means
        // nothing.
        return (row.error.as_deref() == Some("not_found")).then_some((id, Found::Missing));
    };
    if value.deleted {
        let rev = Revision::parse(&value.rev);
        return Some((id, Found::Deleted { rev }));
    }
    let text = match (include, row.doc) {
        (Include::Ids, _) => "",
        (_, Some(text)) => text.get(),
        (_, None) => return None,
    };
    Some((
        id,
        Found::Present {
            rev: Revision::parse(&value.rev),
            text: text.into(),
        },
    ))
}

fn answer_of<'a, A: Deserialize<'a>>(
    database: &DatabaseName,
    response: &'a Response,
) -> Result<A, Error> {
    if is_not_found(response) {
        return Err(database_not_found(Operation::OPEN_DOCS, database));
    }
    let (operation, what) = (Operation::OPEN_DOCS, "_all_docs");
    let answer = if response.status.is_success() {
        parsed(operation, response, what)
    } else {
        Err(unexpected(operation, response, what, None))
    };
    answer.map_err(|error| error.in_database(database))
}

pub(super) fn database_not_found(operation: Operation, database: &DatabaseName) -> Error {
    Error::new(Kind::DatabaseNotFound, operation, "").in_database(database)
}

fn bad_answer(database: &DatabaseName, detail: &str) -> Error {
    Error::new(Kind::BadAnswer, Operation::OPEN_DOCS, detail).in_database(database)
}

/// The position of a part of the body.
fn within(body: &Bytes, part: &str) -> ops::Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + part.len()
}

/// Percent-encodes text for a query string or a path.
pub fn in_query(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
