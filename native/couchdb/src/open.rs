//! One document by its id, and the server's clock.

use std::time::SystemTime;

use super::answer::{is_not_found, unexpected};
use super::document::Object;
use super::error::{Error, Operation};
use super::name::DatabaseName;
use super::pages::in_query;
use super::request::Request;
use super::revision::Revision;
use super::server::Server;
use reqwest::Method;

const LARGEST: usize = 16 << 20;

/// A leaf comes with its attachments.
const LARGEST_LEAF: usize = 256 << 20;

/// A document as it was at a moment.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its revision and text; None: there is none, or no such database.
    pub document: Option<(Revision, Box<str>)>,
    /// When, by the server's clock; by ours, if it did not say.
    pub at: SystemTime,
}

impl Server {
    /// Reads one leaf of a document with conflicts, attachments inline. None: there is no such revision, or it was compacted
    /// away.
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
            .at_most(LARGEST_LEAF);
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

    /// Reads a document.
    pub async fn open_doc(&self, database: &DatabaseName, id: &str) -> Result<Opened, Error> {
        let path = format!("/{}", in_query(id));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path)
            .of(database)
            .at_most(LARGEST);
        self.send_repeatedly(request, |response| {
            let at = response.date.unwrap_or_else(SystemTime::now);
            if is_not_found(&response) {
                return Ok(Opened { document: None, at });
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
            Ok(Opened {
                document: Some((rev, text.into())),
                at,
            })
        })
        .await
    }
}
