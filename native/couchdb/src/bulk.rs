//! `_bulk_docs`: batches of writes, and what became of each.
//!
//! A batch is sent once. When its answer is lost nobody knows what landed, and sending it again
//! could bring back what somebody deleted meanwhile; so that is for the caller to find out, by
//! reading.

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

/// The most bytes of documents in a batch, as CouchDB's replicator has it.
const BATCH_BYTES: usize = 4 << 20;

/// A document that is to be written.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its id.
    pub id: String,
    /// The revision that was read, and is replaced; None to create it.
    pub rev: Option<Revision>,
    /// The document with its `_id` and without `_rev`; None to delete it.
    pub body: Option<Box<str>>,
    /// Losing leaves of the document that are deleted in the same request.
    pub losers: Vec<Revision>,
}

impl Write {
    /// The rows of a request: one for the document, and one for each losing leaf.
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

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Landed {
    /// It is written, as this revision.
    Written(Revision),
    /// The document is at another revision than the one that was read.
    Conflict,
    /// It failed. When the error may pass, it is unknown whether the server acted.
    Failed(Error),
}

impl Server {
    /// Writes these documents, `limit` at a time; ids must differ. Says what became of each,
    /// in the same order.
    pub async fn bulk_docs(
        &self,
        database: &DatabaseName,
        writes: &[Write],
        limit: usize,
    ) -> Vec<Landed> {
        let texts: Vec<String> = writes.iter().map(Write::text).collect();
        // Each row of the answer must be read.
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
        // Halves of a batch that was refused as a whole go to the front, so order is kept.
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

    /// One request. Err: the request was refused as a whole because of some of its rows, or of its size.
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
            // A refusal by anybody but CouchDB does not depend on single rows.
            Err(error) if error.kind() == Kind::BadRequest && error.said().is_some() => {
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
        // A stub of an attachment that is no longer there: that document has changed.
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
        // The rows of one document come in the order in which they were sent.
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
            let mut leaves = answers.iter().map(|row| of_row(row, database, self.url()));
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

    /// Adds leaves to documents, each as a branch of its own that does not win against a leaf that is longer or as long. The first
    /// wins against those that follow. `leaves`: id, length of the branch, and document with its `_id` and without `_rev`. Sent again until it is known that
    /// they are there, since a leaf that is there already stays as it is.
    ///
    /// # Errors
    /// No answer, or a leaf was refused.
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
            // Only leaves that were refused have a row.
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

fn of_row(row: &BulkRow<'_>, database: &DatabaseName, server: &ServerUrl) -> Landed {
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
        // Anything else is the server's trouble, and it may have acted.
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
    fn the_revision_goes_in_and_the_rest_stays() {
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
