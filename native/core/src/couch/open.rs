//! One document by its id, and the server's clock.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::answer::is_not_found;
use super::document::Object;
use super::limiter::Limiter;
use super::pages::in_query;
use super::request::Request;
use super::revision::Revision;
use super::server::Server;
use crate::error::{Error, Kind, Operation};
use crate::kazoo::DatabaseName;

const LARGEST: usize = 16 << 20;

/// A document as it was at a moment.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its revision and text; None: there is none, or no such database.
    pub document: Option<(Revision, Box<str>)>,
    /// When, by the server's clock; by ours, if it did not say.
    pub at: SystemTime,
}

impl Server {
    /// The same server for requests that must get through beside others: they share its
    /// connections and are counted with the others, but do not queue with them, and `cancel` of
    /// their own stops them.
    #[must_use]
    pub fn beside(&self, cancel: CancellationToken) -> Self {
        Self {
            url: self.url.clone(),
            authorization: self.authorization.clone(),
            http: self.http.clone(),
            limiter: Limiter::new(1, None),
            settings: self.settings.clone(),
            traffic: Arc::clone(&self.traffic),
            cancel,
        }
    }

    /// Reads a document.
    pub async fn open_doc(&self, database: &DatabaseName, id: &str) -> Result<Opened, Error> {
        let path = format!("/{}", in_query(id));
        let request = Request {
            operation: Operation::OpenDocs,
            database: Some(database),
            method: Method::GET,
            path: &path,
            query: "",
            body: None,
            largest: LARGEST,
        };
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
                    Error::new(Kind::BadAnswer, Operation::OpenDocs, "not a document")
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
