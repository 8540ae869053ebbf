//! The documents of a database that changed after a sequence (`_changes`), and whether it has had revisions (`_revs_diff`).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use document::{DatabaseName, Document, Revision};

use super::answer::{MOST_ROWS, is_not_found, parsed, parsed_text, rows, sequence, unexpected};
use super::body::{LARGEST_STATUS, largest};
use super::error::{Error, Operation};
use super::include::Include;
use super::pages::{in_query, query_of};
use super::request::{Request, Response};
use super::retry::Retries;
use super::rows::{bad_answer, database_not_found, text_of};
use super::server::Server;

/// A change of a document.
#[derive(Debug)]
pub struct DocumentChange {
    /// The sequence after it.
    pub seq: String,
    /// The document's id.
    pub id: String,
    /// The winning revision.
    pub rev: Revision,
    /// The document, attachments as stubs. `None`: it was deleted.
    pub document: Option<Document>,
}

/// The documents that changed after a sequence, each once, in the order of their last changes.
#[derive(Debug)]
pub struct ChangesPage {
    /// The changes.
    pub changes: Vec<DocumentChange>,
    /// The sequence after the last of them.
    pub last_seq: String,
    /// Whether these are all.
    pub is_last: bool,
}

/// The last changes of a database.
#[derive(Debug)]
pub struct LastChanges {
    /// The ids and the revisions, oldest first.
    pub changes: Vec<(String, Revision)>,
    /// A sequence before them. With several shards it can be after the oldest of a shard.
    pub since: String,
}

/// The sequence before all changes.
const BEFORE_ALL: &str = "0";

#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    results: Vec<ChangeRow<'a>>,
    #[serde(deserialize_with = "sequence")]
    last_seq: String,
    #[serde(default)]
    pending: Option<u64>,
}

#[derive(Deserialize)]
struct ChangeRow<'a> {
    #[serde(deserialize_with = "sequence")]
    seq: String,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    changes: Vec<Leaf<'a>>,
    #[serde(default)]
    deleted: bool,
    #[serde(borrow, default)]
    doc: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Leaf<'a> {
    #[serde(borrow)]
    rev: Cow<'a, str>,
}

#[derive(Deserialize)]
struct MissingRevisions {
    #[serde(default)]
    missing: Vec<String>,
}

impl Server {
    /// Reads the documents of a database that changed after a sequence, at most `limit` of them. A document with losing leaves has
    /// `_conflicts`.
    ///
    /// # Errors
    /// The database does not exist, or the request failed.
    pub async fn changes(
        &self,
        database: &DatabaseName,
        since: &str,
        limit: usize,
    ) -> Result<ChangesPage, Error> {
        let mut limit = limit.clamp(1, MOST_ROWS);
        let size = self.page_size(Include::Documents);
        let mut retries = Retries::of(self);
        loop {
            let rows = size.of(limit);
            let query = query_of(
                false,
                &format!(
                    "&since={}&limit={rows}{}",
                    in_query(since),
                    Include::Documents.query()
                ),
            );
            let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_changes")
                .of(database)
                .query(&query)
                .at_most(largest(rows, Include::Documents))
                .attempt(retries.attempt());
            let read = |response: Response| changes_page(database, rows, &response);
            match self.send_and_read(&request, read).await {
                Ok(page) => return Ok(page),
                Err(error) if error.is_too_slow() && rows > 1 => {
                    size.too_slow(rows);
                    retries.pause(&request, &error).await?;
                }
                Err(error) if error.is_too_much() && rows > 1 => {
                    limit = rows / 2;
                    retries.pause_for_memory(&request, &error).await?;
                }
                Err(error) => retries.after(&request, error).await?,
            }
        }
    }

    /// The last changes of a database.
    ///
    /// # Errors
    /// The database does not exist, or the request failed.
    pub async fn last_changes(
        &self,
        database: &DatabaseName,
        count: usize,
    ) -> Result<LastChanges, Error> {
        // Backwards, the sequence of a row is after the oldest row of each other shard. Those are mostly among the further rows.
        let asked = count * 2;
        let query = format!("descending=true&limit={asked}");
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_changes")
            .of(database)
            .query(&query)
            .at_most(LARGEST_STATUS);
        self.send_repeatedly(request, |response| {
            check(database, &response, "_changes")?;
            let answer: Changes<'_> = parsed(Operation::OPEN_DOCS, &response, "_changes")
                .map_err(|error| error.in_database(database))?;
            let oldest = answer.results.get(asked.saturating_sub(1));
            let since = oldest.map_or(BEFORE_ALL, |row| &row.seq).to_owned();
            let newest = answer.results.into_iter().take(count);
            let mut changes: Vec<_> = newest
                .filter_map(|row| {
                    let rev = Revision::parse(&row.changes.first()?.rev);
                    Some((row.id.into_owned(), rev))
                })
                .collect();
            changes.reverse();
            Ok(LastChanges { changes, since })
        })
        .await
    }

    /// Whether a database has had each of these revisions (`POST /db/_revs_diff`). It also knows those of deleted documents and those
    /// that were compacted.
    ///
    /// # Errors
    /// The database does not exist, or the request failed.
    pub async fn has_had(
        &self,
        database: &DatabaseName,
        revisions: &[(String, Revision)],
    ) -> Result<bool, Error> {
        if revisions.is_empty() {
            return Ok(true);
        }
        let asked: BTreeMap<&str, [String; 1]> = revisions
            .iter()
            .map(|(id, rev)| (id.as_str(), [rev.to_string()]))
            .collect();
        let body = serde_json::to_string(&asked).unwrap_or_default();
        let request = Request::read(Operation::OPEN_DOCS, Method::POST, "/_revs_diff")
            .of(database)
            .body(body)
            .at_most(LARGEST_STATUS);
        self.send_repeatedly(request, |response| {
            check(database, &response, "_revs_diff")?;
            let missing: HashMap<String, MissingRevisions> =
                parsed(Operation::OPEN_DOCS, &response, "_revs_diff")?;
            Ok(missing.values().all(|one| one.missing.is_empty()))
        })
        .await
        .map_err(|error| error.in_database(database))
    }
}

fn check(database: &DatabaseName, response: &Response, what: &str) -> Result<(), Error> {
    if is_not_found(response) {
        return Err(database_not_found(Operation::OPEN_DOCS, database));
    }
    if !response.status.is_success() {
        return Err(unexpected(Operation::OPEN_DOCS, response, what, None).in_database(database));
    }
    Ok(())
}

fn changes_page(
    database: &DatabaseName,
    limit: usize,
    response: &Response,
) -> Result<ChangesPage, Error> {
    check(database, response, "_changes")?;
    let text = text_of(response)?;
    let answer: Changes<'_> = parsed_text(Operation::OPEN_DOCS, response, &text, "_changes")
        .map_err(|error| error.in_database(database))?;
    let bad = |detail| bad_answer(database, detail);
    let count = answer.results.len();
    if count > limit {
        return Err(bad("more rows than were asked for"));
    }
    let mut changes = Vec::with_capacity(count);
    for row in answer.results {
        let id = row.id.into_owned();
        let [leaf] = row.changes.as_slice() else {
            return Err(bad("a change that is not of one revision"));
        };
        let rev = Revision::parse(&leaf.rev);
        let document = match row.doc {
            _ if row.deleted => None,
            Some(json) => {
                let read = Document::read(&id, rev.clone(), text.slice_ref(json.get()));
                Some(read.map_err(|_| bad("a document that is not a JSON object"))?)
            }
            None => return Err(bad("a change without its document")),
        };
        changes.push(DocumentChange {
            seq: row.seq,
            id,
            rev,
            document,
        });
    }
    Ok(ChangesPage {
        is_last: answer.pending.map_or(count < limit, |pending| pending == 0),
        changes,
        last_seq: answer.last_seq,
    })
}
