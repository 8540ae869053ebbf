//! Reading `_all_docs` by ranges of ids, a page at a time.
//!
//! Pages go by key and never by `skip`, so rows that vanish between two pages hide no others. `_all_docs` sorts ids by bytes; an
//! answer in another order is refused.

use std::marker::PhantomData;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use document::{DatabaseName, Document, IdRange, quoted};

use super::answer::{AllDocs, AllDocsResults, MOST_ROWS};
use super::body::largest;
use super::error::{Error, Operation};
use super::include::{Attachments, Include};
use super::request::{Request, Response};
use super::retry::Retries;
use super::rows::{FromRow, Revised};
use super::rows::{answer_of, bad_answer, page_rows, text_of};
use super::server::Server;

/// Makes the server finish an answer before it sends any of it; versions before CouchDB 3.1 ignore it. Otherwise the answer comes as
/// its rows are read, in chunks of 1 490 bytes that each wake this process, and an error in the middle breaks the body instead of
/// setting the status. Left out after an answer was too slow: load balancers count the seconds of silence.
pub(super) const IN_ONE_PIECE: &str = "buffer_response=true";

/// One page of a range.
struct Page<T> {
    rows: Vec<T>,
    /// The start of the next page, if this one was full: its last row, or the id after that where a page is one row.
    next: Option<String>,
}

/// A range of a database, read page by page.
pub struct Pages<T> {
    server: Arc<Server>,
    database: DatabaseName,
    next: Option<IdRange>,
    /// A page that was read already.
    ready: Option<Page<T>>,
    include: Include,
    limit: usize,
    last: Option<String>,
    rows: PhantomData<T>,
}

impl Pages<Document> {
    /// The documents of `range`, at most `limit` a page.
    pub fn of_documents(
        server: Arc<Server>,
        database: DatabaseName,
        range: IdRange,
        attachments: Attachments,
        limit: usize,
    ) -> Self {
        Self::new(server, database, range, attachments.into(), limit)
    }
}

impl Pages<Revised> {
    /// The ids and revisions of `range`, at most `limit` a page.
    pub fn of_revisions(
        server: Arc<Server>,
        database: DatabaseName,
        range: IdRange,
        limit: usize,
    ) -> Self {
        Self::new(server, database, range, Include::Revisions, limit)
    }
}

impl<T: FromRow> Pages<T> {
    fn new(
        server: Arc<Server>,
        database: DatabaseName,
        range: IdRange,
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
            rows: PhantomData,
        }
    }

    /// The rows of the next page; `None` after the last.
    ///
    /// # Errors
    /// The database does not exist, or the request failed.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        let Some(range) = self.next.take() else {
            return Ok(None);
        };
        let mut page = match self.ready.take() {
            Some(page) => page,
            None => self.read(&range).await?,
        };
        self.next = page.next.take().map(|last| IdRange {
            start: Some(last),
            end: range.end,
        });
        if self.last.is_some() && page.rows.first().map(FromRow::id) == self.last.as_deref() {
            page.rows.remove(0);
        }
        self.last = page.rows.last().map(|row| row.id().to_owned());
        Ok(Some(page.rows))
    }

    /// Reads the first pages of two ranges of a database with one request, by `_all_docs/queries`, which CouchDB has since 2.2.
    /// After an error each can still be read alone; where both together are too slow, each is.
    ///
    /// # Errors
    /// The database does not exist, or the request failed.
    pub async fn begin_with<U: FromRow>(&mut self, other: &mut Pages<U>) -> Result<(), Error> {
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
            let text = text_of(&response)?;
            let answers: AllDocsResults<'_> = answer_of(&self.database, &response, &text)?;
            let [answer, of_others] = <[AllDocs<'_>; 2]>::try_from(answers.results)
                .map_err(|_| bad_answer(&self.database, "not an answer to each query"))?;
            let page = page_of(&self.database, range, limits[0], answer, &text)?;
            let others = page_of(&self.database, others, limits[1], of_others, &text)?;
            Ok((page, others))
        };
        let mut retries = Retries::of(&self.server);
        let (page, others) = loop {
            let request = request.clone().attempt(retries.attempt());
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

    /// A range as one of several queries.
    fn query(&self, range: &IdRange, limit: usize) -> Value {
        let mut query = json!({
            "limit": limit,
            "include_docs": self.include != Include::Revisions,
            "conflicts": self.include != Include::Revisions,
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

    /// Reads a page, a smaller one where that is too slow or too large.
    async fn read(&mut self, range: &IdRange) -> Result<Page<T>, Error> {
        let server = Arc::clone(&self.server);
        let mut retries = Retries::of(&server);
        loop {
            let limit = self.documents_at_once();
            let query = self.query_string(range, limit);
            let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_all_docs")
                .of(&self.database)
                .query(&query)
                .at_most(largest(limit, self.include))
                .attempt(retries.attempt());
            let read = |response: Response| {
                let text = text_of(&response)?;
                let answer = answer_of(&self.database, &response, &text)?;
                page_of(&self.database, range, limit, answer, &text)
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

    fn query_string(&self, range: &IdRange, limit: usize) -> String {
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
}

fn page_of<T: FromRow>(
    database: &DatabaseName,
    range: &IdRange,
    limit: usize,
    answer: AllDocs<'_>,
    text: &bytestring::ByteString,
) -> Result<Page<T>, Error> {
    let full = answer.rows.len() == limit;
    let (rows, last) = page_rows(database, range, limit, answer, text)?;
    Ok(Page {
        rows,
        next: last
            .filter(|_| full)
            .map(|last| starting_after(last, limit)),
    })
}

/// A query of these parameters, each after an `&`, with the one that makes the answer come in one piece.
pub(super) fn query_of(whole: bool, parameters: &str) -> String {
    if whole {
        format!("{IN_ONE_PIECE}{parameters}")
    } else {
        parameters.trim_start_matches('&').to_owned()
    }
}

/// The start of the page after this row. A page of one row would repeat that row endlessly, so the next starts at the smallest id
/// that can follow it.
fn starting_after(mut last: String, limit: usize) -> String {
    if limit == 1 {
        last.push('\0');
    }
    last
}

/// Text as it goes into a query string or a path, percent-encoded.
pub fn in_query(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
