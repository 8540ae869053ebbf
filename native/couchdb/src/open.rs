//! Reads one document by its id, with the server's time.

use std::time::SystemTime;

use super::answer::{is_not_found, unexpected};
use super::body::LARGEST_WITH_ATTACHMENTS;
use super::error::{Error, Operation};
use super::pages::in_query;
use super::request::{Request, Response};
use super::server::Server;
use bytestring::ByteString;
use document::Revision;
use document::{DatabaseName, Document, Object};
use reqwest::Method;

/// A document as it was at a moment.
#[derive(Debug)]
pub struct OpenedDocument {
    /// The document; `None` where it, or the database, does not exist.
    pub document: Option<Document>,
    /// The moment, by the server's clock; by the clock of this machine, if the server did not say.
    pub at: SystemTime,
}

impl Server {
    /// Reads one leaf of a document with conflicts, attachments inline. `None`: the revision does not exist, or it was compacted away.
    ///
    /// # Errors
    /// The request failed.
    pub async fn open_revision(
        &self,
        database: &DatabaseName,
        id: &str,
        rev: &Revision,
    ) -> Result<Option<Document>, Error> {
        let path = format!("/{}", in_query(id));
        let query = format!("rev={}&attachments=true", in_query(&rev.to_string()));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path)
            .of(database)
            .query(&query)
            .at_most(LARGEST_WITH_ATTACHMENTS);
        self.send_repeatedly(request, |response| {
            document_in(database, id, Some(rev), &response)
        })
        .await
    }

    /// Reads a document.
    ///
    /// # Errors
    /// The request failed.
    pub async fn open_doc(
        &self,
        database: &DatabaseName,
        id: &str,
    ) -> Result<OpenedDocument, Error> {
        let path = format!("/{}", in_query(id));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path).of(database);
        self.send_repeatedly(request, |response| {
            Ok(OpenedDocument {
                document: document_in(database, id, None, &response)?,
                at: response.date.unwrap_or_else(SystemTime::now),
            })
        })
        .await
    }
}

/// The document of an answer. Its revision, where it is not known, is the one that it names.
fn document_in(
    database: &DatabaseName,
    id: &str,
    rev: Option<&Revision>,
    response: &Response,
) -> Result<Option<Document>, Error> {
    if is_not_found(response) {
        return Ok(None);
    }
    let read = || {
        let text = ByteString::try_from(response.body.clone()).ok()?;
        let rev = match rev {
            Some(rev) => rev.clone(),
            None => Revision::parse(&Object::parse(&text).ok()?.string("_rev")?),
        };
        Document::read(id, rev, text).ok()
    };
    let document = if response.status.is_success() {
        read()
    } else {
        None
    };
    document.map(Some).ok_or_else(|| {
        unexpected(Operation::OPEN_DOCS, response, "a document", None).in_database(database)
    })
}
