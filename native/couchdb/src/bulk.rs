//! `_bulk_docs`: batches of writes and the outcome of each write.
//!
//! A batch is sent once. If its answer is lost, the outcome is unknown, and a second attempt could
//! restore a document that another client deleted in the meantime. The caller reads the documents
//! to find out.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};

use super::answer::{BulkRow, BulkRows, MOST_ROWS, is_not_found, parsed};
use super::document::quoted;
use super::error::{Error, Kind, Operation};
use super::name::DatabaseName;
use super::request::Request;
use super::revision::Revision;
use super::server::Server;
use super::url::ServerUrl;

/// The most bytes of documents in a batch, as in CouchDB's replicator.
const BATCH_BYTES: usize = 4 << 20;

/// A document to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The document's id.
    pub id: String,
    /// The revision to replace. None creates the document.
    pub rev: Option<Revision>,
    /// The document with `_id` and without `_rev`. None deletes it.
    pub body: Option<Box<str>>,
    /// Losing leaves to delete in the same request.
    pub losers: Vec<Revision>,
}

impl Write {
    /// The rows of the request: one for the document and one for each losing leaf.
    fn text(&self) -> String {
        let mut text = self.row(self.rev.as_ref(), self.body.as_deref());
        for loser in &self.losers {
            text.push(',');
            text.push_str(&self.row(Some(loser), None));
        }
        text
    }

    fn row(&self, rev: Option<&Revision>, body: Option<&str>) -> String {
        let rev = rev.map(|rev| format!("\"_rev\":{}", quoted(&rev.to_string())));
        match (body, rev) {
            (Some(body), None) => body.to_owned(),
            (Some(body), Some(rev)) => {
                let rest = body.trim_start().trim_start_matches('{').trim_start();
                let comma = if rest == "}" { "" } else { "," };
                format!("{{{rev}{comma}{rest}")
            }
            (None, rev) => {
                let rev = rev.map(|rev| format!("{rev},")).unwrap_or_default();
                format!("{{\"_id\":{},{rev}\"_deleted\":true}}", quoted(&self.id))
            }
        }
    }
}

/// The outcome of a write.
#[derive(Clone, Debug)]
pub enum Landed {
    /// The document was written. Its new revision.
    Written(Revision),
    /// The document has another revision than [`Write::rev`].
    Conflict,
    /// The write failed. If the error is temporary, it is unknown whether the server acted.
    Failed(Error),
}

impl Server {
    /// Writes documents in batches of at most `limit`. The ids must differ. Returns the outcome of
    /// each write, in the same order.
    pub async fn bulk_docs(
        &self,
        database: &DatabaseName,
        writes: &[Write],
        limit: usize,
    ) -> Vec<Landed> {
        let texts: Vec<String> = writes.iter().map(Write::text).collect();
        // The answer has a row for each write, and at most `MOST_ROWS` are read.
        let limit = self.write_size().of(limit.min(MOST_ROWS));
        let mut landed = Vec::with_capacity(writes.len());
        let mut batches = Vec::new();
        let mut start = 0;
        while start < writes.len() {
            let mut bytes = 0;
            let fits = texts[start..]
                .iter()
                .take(limit.max(1))
                .take_while(|text| {
                    bytes += text.len();
                    bytes <= BATCH_BYTES
                })
                .count()
                .max(1);
            batches.push(start..start + fits);
            start += fits;
        }
        // The halves of a refused batch go to the front, which keeps the order.
        batches.reverse();
        while let Some(batch) = batches.pop() {
            let (writes, texts) = (&writes[batch.clone()], &texts[batch.clone()]);
            match self.bulk_batch(database, writes, texts).await {
                Ok(rows) => landed.extend(rows),
                Err(_) if batch.len() > 1 => {
                    let middle = batch.start + batch.len() / 2;
                    batches.push(middle..batch.end);
                    batches.push(batch.start..middle);
                }
                Err(refusal) => landed.push(refusal),
            }
        }
        landed
    }

    /// Sends one batch. Err: the server refused the whole request because of some rows or of its
    /// size.
    async fn bulk_batch(
        &self,
        database: &DatabaseName,
        writes: &[Write],
        texts: &[String],
    ) -> Result<Vec<Landed>, Landed> {
        let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs")
            .of(database)
            .body(format!("{{\"docs\":[{}]}}", texts.join(",")));
        let all = |error: Error| vec![Landed::Failed(error); writes.len()];
        let response = match self.send(&request).await {
            Ok(response) => response,
            Err(error) if error.kind() == Kind::TooLarge => return Err(Landed::Failed(error)),
            // A refusal from a proxy does not depend on single rows.
            Err(error) if error.kind() == Kind::BadRequest && error.couchdb_code().is_some() => {
                return Err(Landed::Failed(error));
            }
            Err(error) => {
                if error.is_too_slow() {
                    self.write_size().too_slow(writes.len());
                }
                return Ok(all(error));
            }
        };
        if is_not_found(&response) {
            return Ok(all(super::pages::database_not_found(
                Operation::SAVE_DOCS,
                database,
            )));
        }
        // A stub names an attachment that no longer exists: the document has changed.
        if response.status == StatusCode::PRECONDITION_FAILED {
            return Err(Landed::Conflict);
        }
        let lost = |detail: &str| {
            Error::new(Kind::BadAnswer, Operation::SAVE_DOCS, detail)
                .in_database(database)
                .on(self.url())
        };
        let rows = match parsed(Operation::SAVE_DOCS, &response, "_bulk_docs") {
            Ok(BulkRows(rows)) => rows,
            Err(error) => return Ok(all(error.in_database(database).on(self.url()))),
        };
        // The answer's rows for one document are in the order of the request.
        let mut answers: HashMap<&str, Vec<&BulkRow<'_>>> = HashMap::with_capacity(rows.len());
        for row in &rows {
            if let Some(id) = row.id.as_deref() {
                answers.entry(id).or_default().push(row);
            }
        }
        let landed = writes.iter().map(|write| {
            let answers = answers
                .get(write.id.as_str())
                .map_or(&[][..], Vec::as_slice);
            if answers.len() <= write.losers.len() {
                return Landed::Failed(lost("a document without an answer"));
            }
            let mut leaves = answers.iter().map(|row| landed(row, database, self.url()));
            let Some(winner) = leaves.next() else {
                return Landed::Failed(lost("a document without an answer"));
            };
            let failed = leaves.find(|leaf| !matches!(leaf, Landed::Written(_)));
            match (winner, failed) {
                (Landed::Written(_), Some(failed)) => failed,
                (winner, _) => winner,
            }
        });
        Ok(landed.collect())
    }

    /// Adds leaves to documents, each as a separate branch that loses against any existing leaf of
    /// the same or a greater length. Earlier leaves of the list win against later ones. `leaves`
    /// holds the id, the length of the branch, and the document with `_id` and without `_rev`. The
    /// request is repeated until the server confirms it; a leaf that exists already does not
    /// change.
    ///
    /// # Errors
    /// No answer, or the server refused a leaf.
    pub async fn add_leaves(
        &self,
        database: &DatabaseName,
        leaves: &[(&str, u32, &str)],
    ) -> Result<(), Error> {
        let ranks = (0..u32::try_from(leaves.len()).unwrap_or(u32::MAX)).rev();
        let rows: Vec<String> = leaves
            .iter()
            .zip(ranks)
            .map(|((id, length, body), rank)| {
                let write = Write {
                    id: (*id).to_owned(),
                    rev: Some(Revision::losing(*length, rank)),
                    body: Some((*body).into()),
                    losers: Vec::new(),
                };
                write.text()
            })
            .collect();
        let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs")
            .of(database)
            .body(format!(
                "{{\"new_edits\":false,\"docs\":[{}]}}",
                rows.join(",")
            ));
        self.send_repeatedly(request, |response| {
            if is_not_found(&response) {
                return Err(super::pages::database_not_found(
                    Operation::SAVE_DOCS,
                    database,
                ));
            }
            // The answer has rows only for refused leaves.
            match parsed(Operation::SAVE_DOCS, &response, "_bulk_docs") {
                Ok(BulkRows(rows)) if rows.iter().all(|row| row.error.is_none()) => Ok(()),
                Ok(_) => {
                    Err(
                        Error::new(Kind::Forbidden, Operation::SAVE_DOCS, "a leaf was refused")
                            .in_database(database),
                    )
                }
                Err(error) => Err(error.in_database(database)),
            }
        })
        .await
    }
}

fn landed(row: &BulkRow<'_>, database: &DatabaseName, server: &ServerUrl) -> Landed {
    if let Some(rev) = &row.rev
        && row.error.is_none()
    {
        return Landed::Written(Revision::parse(rev));
    }
    let error = row.error.as_deref().unwrap_or_default();
    let kind = match error {
        "conflict" => return Landed::Conflict,
        "forbidden" | "unauthorized" => Kind::Forbidden,
        "too_large" | "document_too_large" => Kind::TooLarge,
        // Any other error is temporary, and the server may have acted.
        _ => Kind::ServerError,
    };
    let detail = match &row.reason {
        Some(reason) => format!("{error}: {reason}"),
        None => error.to_owned(),
    };
    let error = Error::new(kind, Operation::SAVE_DOCS, detail).in_database(database);
    Landed::Failed(error.on(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(rev: Option<&str>, body: Option<&str>) -> String {
        Write {
            id: "+1".into(),
            rev: rev.map(Revision::parse),
            body: body.map(Into::into),
            losers: Vec::new(),
        }
        .text()
    }

    #[test]
    fn write_sets_revision_and_keeps_the_rest() {
        assert_eq!(
            write(Some("2-x"), Some(r#"{"_id":"+1","n":1.0}"#)),
            r#"{"_rev":"2-x","_id":"+1","n":1.0}"#
        );
        assert_eq!(write(None, Some(r#"{"_id":"+1"}"#)), r#"{"_id":"+1"}"#);
        assert_eq!(
            write(Some("2-x"), None),
            r#"{"_id":"+1","_rev":"2-x","_deleted":true}"#
        );
    }

    #[test]
    fn losing_leaves_are_deleted_with_the_winner() {
        let write = Write {
            id: "+1".into(),
            rev: Some(Revision::parse("2-x")),
            body: None,
            losers: vec![Revision::parse("1-y")],
        };
        assert_eq!(
            write.text(),
            r#"{"_id":"+1","_rev":"2-x","_deleted":true},{"_id":"+1","_rev":"1-y","_deleted":true}"#
        );
    }
}
