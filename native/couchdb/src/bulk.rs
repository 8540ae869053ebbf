//! `_bulk_docs`: batches of writes and the outcome of each write.
//!
//! A batch is sent once. If its answer is lost, the outcome is unknown, and a second attempt could
//! restore a document that another client deleted in the meantime. The caller reads the documents
//! to find out.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};

use super::answer::{BulkRow, BulkRows, MOST_ROWS, is_not_found, parsed};
use super::error::{Error, Operation};
use super::kind::Kind;
use super::request::Request;
use super::rows::database_not_found;
use super::server::Server;
use super::url::ServerUrl;
use document::Revision;
use document::quoted;
use document::{DatabaseName, Document};

/// The most bytes of documents in a batch, as in CouchDB's replicator.
const BATCH_BYTES: usize = 4 << 20;

/// One document to be written. Its texts are borrowed, and copied once: into the request.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// Its id.
    pub id: &'a str,
    /// The revision that was read, and is replaced; `None` to create the document.
    pub rev: Option<&'a Revision>,
    /// The document with its `_id` and without `_rev`; `None` to delete it.
    pub body: Option<&'a str>,
    /// Losing leaves of the document that are deleted in the same request.
    pub losers: Vec<&'a Revision>,
}

impl Write<'_> {
    /// Appends the rows of a request: one for the document, and one for each losing leaf.
    fn push(&self, out: &mut String) {
        push_row(out, self.id, self.rev, self.body);
        for loser in &self.losers {
            out.push(',');
            push_row(out, self.id, Some(loser), None);
        }
    }

    /// The size of its rows, in bytes, roughly.
    fn size(&self) -> usize {
        const ROW: usize = 64;
        let row = ROW + self.id.len();
        row + self.body.map_or(0, str::len) + self.losers.len() * row
    }
}

fn push_row(out: &mut String, id: &str, rev: Option<&Revision>, body: Option<&str>) {
    let rev = rev.map(|rev| format!("\"_rev\":{}", quoted(&rev.to_string())));
    let Some(body) = body else {
        let rev = rev.map(|rev| format!("{rev},")).unwrap_or_default();
        out.push_str(&format!(
            "{{\"_id\":{},{rev}\"_deleted\":true}}",
            quoted(id)
        ));
        return;
    };
    document::effort::copied(body.len());
    let Some(rev) = rev else {
        out.push_str(body);
        return;
    };
    let rest = body.trim_start().trim_start_matches('{').trim_start();
    let comma = if rest == "}" { "" } else { "," };
    for part in ["{", &rev, comma, rest] {
        out.push_str(part);
    }
}

/// The body of a request that writes these. `start` begins it, up to the name of the rows.
fn request_body(start: &str, writes: &[Write<'_>]) -> String {
    let size: usize = writes.iter().map(Write::size).sum();
    let mut body = String::with_capacity(size + 64);
    body.push_str(start);
    for (index, write) in writes.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        write.push(&mut body);
    }
    body.push_str("]}");
    body
}

/// The result of a write.
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
        writes: &[Write<'_>],
        limit: usize,
    ) -> Vec<Landed> {
        // Each row of the answer must be read.
        let limit = self.write_size().of(limit.min(MOST_ROWS));
        let mut landed = Vec::with_capacity(writes.len());
        let mut batches = Vec::new();
        let mut start = 0;
        while start < writes.len() {
            let mut bytes = 0;
            let fits = writes[start..]
                .iter()
                .take(limit.max(1))
                .take_while(|write| {
                    bytes += write.size();
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
            match self.bulk_batch(database, &writes[batch.clone()]).await {
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
        writes: &[Write<'_>],
    ) -> Result<Vec<Landed>, Landed> {
        let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs")
            .of(database)
            .body(request_body("{\"docs\":[", writes));
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
            return Ok(all(database_not_found(Operation::SAVE_DOCS, database)));
        }
        // A stub names an attachment that no longer exists: the document has changed.
        if response.status == StatusCode::PRECONDITION_FAILED {
            return Err(Landed::Conflict);
        }
        let lost = |detail: &str| {
            Error::new(Kind::BadAnswer, Operation::SAVE_DOCS, detail)
                .in_database(database)
                .on(self.url().named())
        };
        let rows = match parsed(Operation::SAVE_DOCS, &response, "_bulk_docs") {
            Ok(BulkRows(rows)) => rows,
            Err(error) => return Ok(all(error.in_database(database).on(self.url().named()))),
        };
        // The answer's rows for one document are in the order of the request.
        let mut answers: HashMap<&str, Vec<&BulkRow<'_>>> = HashMap::with_capacity(rows.len());
        for row in &rows {
            if let Some(id) = row.id.as_deref() {
                answers.entry(id).or_default().push(row);
            }
        }
        let landed = writes.iter().map(|write| {
            let answers = answers.get(write.id).map_or(&[][..], Vec::as_slice);
            if answers.len() <= write.losers.len() {
                return Landed::Failed(lost("a document without an answer"));
            }
            let mut leaves = answers.iter().map(|row| landed(row, database, self.url()));
            let Some(winner) = leaves.next() else {
                return Landed::Failed(lost("a document without an answer"));
            };
            let failed = leaves.find(|leaf| !matches!(leaf, Landed::Written(_)));
            match (winner, failed) {
                // The document is deleted, and the answer does not say what its losing leaves are now.
                (Landed::Written(_), Some(Landed::Conflict)) => {
                    Landed::Failed(lost("a losing leaf in conflict"))
                }
                (Landed::Written(_), Some(failed)) => failed,
                (winner, _) => winner,
            }
        });
        Ok(landed.collect())
    }

    /// Adds leaves to documents, each as a separate branch that loses against every leaf that is longer or as long; the first
    /// wins against those that follow. Each leaf is a document with the revision that it had. The request is sent until it is
    /// known that the leaves exist. A leaf that already exists is unchanged.
    ///
    /// # Errors
    /// No answer, or the server refused a leaf.
    pub async fn add_leaves(
        &self,
        database: &DatabaseName,
        leaves: &[Document],
    ) -> Result<(), Error> {
        let ranks = (0..u32::try_from(leaves.len()).unwrap_or(u32::MAX)).rev();
        let revisions: Vec<Revision> = leaves
            .iter()
            .zip(ranks)
            .map(|(leaf, rank)| {
                let generation = leaf.rev().and_then(Revision::generation);
                Revision::losing(generation.unwrap_or(1), rank)
            })
            .collect();
        let bodies: Vec<Document> = leaves.iter().map(|leaf| leaf.edited(&[])).collect();
        let writes: Vec<Write<'_>> = bodies
            .iter()
            .zip(&revisions)
            .map(|(leaf, rev)| Write {
                id: leaf.id(),
                rev: Some(rev),
                body: Some(leaf.text()),
                losers: Vec::new(),
            })
            .collect();
        let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs")
            .of(database)
            .body(request_body("{\"new_edits\":false,\"docs\":[", &writes));
        self.send_repeatedly(request, |response| {
            if is_not_found(&response) {
                return Err(database_not_found(Operation::SAVE_DOCS, database));
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
    Landed::Failed(error.on(server.named()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(rev: Option<&str>, body: Option<&str>) -> String {
        let rev = rev.map(Revision::parse);
        let mut text = String::new();
        push_row(&mut text, "+1", rev.as_ref(), body);
        text
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
        let (winner, loser) = (Revision::parse("2-x"), Revision::parse("1-y"));
        let write = Write {
            id: "+1",
            rev: Some(&winner),
            body: None,
            losers: vec![&loser],
        };
        assert_eq!(
            request_body("[", &[write]),
            r#"[{"_id":"+1","_rev":"2-x","_deleted":true},{"_id":"+1","_rev":"1-y","_deleted":true}]}"#
        );
    }
}
