//! Reads one document by its id, with the server's time.

use std::time::SystemTime;

use super::answer::{is_not_found, unexpected};
use super::body::LARGEST_WITH_ATTACHMENTS;
use super::document::Object;
use super::error::{Error, Operation};
use super::name::DatabaseName;
use super::pages::in_query;
use super::request::Request;
use super::revision::Revision;
use super::server::Server;
use reqwest::Method;

/// The result of reading a document.
#[derive(Clone, Debug)]
pub struct OpenedDocument {
    /// Revision and text. None if the document or the database does not exist.
    pub document: Option<(Revision, Box<str>)>,
    /// The time of the answer by the server's clock, or by the local clock if the server sent no
    /// date.
    pub at: SystemTime,
}

impl Server {
    /// Reads one leaf of a document, with inline attachments. None if the revision does not exist
    /// or was compacted.
    pub async fn open_revision(
        &self,
        database: &DatabaseName,
        id: &str,
        rev: &Revision,
    ) -> Result<Option<Box<str>>, Error> {
        let path = format!("/{}", in_query(id));
        let query = format!("rev={}&attachments=true", in_query(&rev.to_string()));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path)
            .of(database)
            .query(&query)
            .at_most(LARGEST_WITH_ATTACHMENTS);
        self.send_repeatedly(request, |response| {
            if is_not_found(&response) {
                return Ok(None);
            }
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            if !response.status.is_success() || Object::parse(text).is_err() {
                let error = unexpected(Operation::OPEN_DOCS, &response, "a document", None);
                return Err(error.in_database(database));
            }
            Ok(Some(text.into()))
        })
        .await
    }

    /// Reads the winning revision of a document.
    pub async fn open_doc(
        &self,
        database: &DatabaseName,
        id: &str,
    ) -> Result<OpenedDocument, Error> {
        let path = format!("/{}", in_query(id));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path).of(database);
        self.send_repeatedly(request, |response| {
            let at = response.date.unwrap_or_else(SystemTime::now);
            if is_not_found(&response) {
                return Ok(OpenedDocument { document: None, at });
            }
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            let rev = Object::parse(text)
                .ok()
                .filter(|_| response.status.is_success())
                .and_then(|object| Some(Revision::parse(&object.string("_rev")?)))
                .ok_or_else(|| {
                    unexpected(Operation::OPEN_DOCS, &response, "a document", None)
                        .in_database(database)
                })?;
            Ok(OpenedDocument {
                document: Some((rev, text.into())),
                at,
            })
        })
        .await
    }
}
