//! `_bulk_docs`: batches of writes, and what became of each.
//!
//! A batch is sent once. When its answer is lost nobody knows what landed, and sending it again
//! could bring back what somebody deleted meanwhile; so that is for the caller to find out, by
//! reading.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};

use super::answer::{BulkRow, is_not_found, unexpected};
use super::document::quoted;
use super::error::{Error, Kind, Operation};
use super::name::DatabaseName;
use super::request::Request;
use super::revision::Revision;
use super::server::Server;
use super::url::ServerUrl;

/// The most bytes of documents in a batch, as CouchDB's replicator has it.
const BATCH_BYTES: usize = 4 << 20;

/// Answers to writes are a line a document.
const LARGEST_ANSWER: usize = 16 << 20;

/// A document that is to be written.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its id.
    pub id: String,
    /// The revision that was read, and is replaced; None to create it.
    pub rev: Option<Revision>,
    /// The document with its `_id` and without `_rev`; None to delete it.
    pub body: Option<Box<str>>,
}

impl Write {
    fn text(&self) -> String {
        let rev = self
            .rev
            .as_ref()
            .map(|rev| format!("\"_rev\":{}", quoted(&rev.to_string())));
        match (&self.body, rev) {
            (Some(body), None) => body.to_string(),
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
        let limit = self.write_size().of(limit);
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
            .body(format!("{{\"docs\":[{}]}}", texts.join(",")))
            .at_most(LARGEST_ANSWER);
        let all = |error: Error| vec![Landed::Failed(error); writes.len()];
        let response = match self.send(&request).await {
            Ok(response) => response,
            Err(error) if error.kind() == Kind::TooLarge => return Err(Landed::Failed(error)),
            // What is not CouchDB's answer is none to a row.
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
        let rows = match serde_json::from_slice::<Vec<BulkRow<'_>>>(&response.body) {
            Ok(rows) => rows,
            Err(error) => {
                let error = unexpected(Operation::SAVE_DOCS, &response, "_bulk_docs", Some(&error));
                return Ok(all(error.in_database(database).on(self.url())));
            }
        };
        let rows: HashMap<&str, &BulkRow<'_>> = rows
            .iter()
            .filter_map(|row| Some((row.id.as_deref()?, row)))
            .collect();
        Ok(writes
            .iter()
            .map(|write| match rows.get(write.id.as_str()) {
                Some(row) => of_row(row, database, self.url()),
                None => Landed::Failed(lost("a document without an answer")),
            })
            .collect())
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
}
