//! Requests to a CouchDB. Answers are parsed, or counted and discarded.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use couchdb::encoded;
use couchdb::{HttpSettings, Operation, ServerUrl};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// A prepared request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FloorRequest {
    pub(crate) method: Method,
    /// The path after the server's address; begins with `/`.
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

impl FloorRequest {
    /// A GET request to the server itself.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: Method::Get,
            path: path.to_owned(),
            body: None,
        }
    }

    /// A POST request to the server itself.
    pub(crate) fn post(path: &str, body: String) -> Self {
        Self {
            method: Method::Post,
            path: path.to_owned(),
            body: Some(body),
        }
    }

    /// A request to a database, by its plain name; `rest` follows the name.
    pub(crate) fn to(method: Method, database: &str, rest: &str, body: Option<String>) -> Self {
        Self {
            method,
            path: format!("/{}{rest}", encoded(database)),
            body,
        }
    }
}

/// The number of requests, and bytes of bodies as the library counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrafficTotal {
    pub(crate) requests: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl std::ops::AddAssign for TrafficTotal {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// The largest answer in bytes.
const LARGEST: usize = 1 << 30;

impl Method {
    fn of_couchdb(self) -> couchdb::Method {
        match self {
            Self::Get => couchdb::Method::GET,
            Self::Post => couchdb::Method::POST,
            Self::Put => couchdb::Method::PUT,
            Self::Delete => couchdb::Method::DELETE,
        }
    }
}

/// A client of one server: the library's client without limit and retries.
#[derive(Clone, Debug)]
pub(crate) struct Client(couchdb::Client);

impl Client {
    /// Creates a client with up to `connections` connections.
    pub(crate) fn new(url: &str, connections: usize) -> Result<Self> {
        let settings = HttpSettings {
            ceiling: connections,
            ..HttpSettings::default()
        };
        let client = couchdb::Client::new(ServerUrl::parse(url)?, &settings, Arc::default())?;
        Ok(Self(client))
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &FloorRequest) -> Result<T> {
        let response = self.0.send(&of_couchdb(request)).await;
        let response = response.with_context(|| what(request))?;
        ensure!(
            response.status.is_success(),
            "{}: {}",
            what(request),
            response.status
        );
        exact_json::from_slice(&response.body).with_context(|| what(request))
    }

    /// Sends a request and discards the answer as it arrives.
    pub(crate) async fn drain(&self, request: &FloorRequest) -> Result<TrafficTotal> {
        let drained = self.0.drain(&of_couchdb(request)).await;
        let (status, received) = drained.with_context(|| what(request))?;
        ensure!(status.is_success(), "{}: {status}", what(request));
        Ok(TrafficTotal {
            requests: 1,
            bytes_sent: request.body.as_ref().map_or(0, String::len) as u64,
            bytes_received: received,
        })
    }
}

fn of_couchdb(request: &FloorRequest) -> couchdb::Request<'_> {
    let method = request.method.of_couchdb();
    let made = couchdb::Request::read(Operation::OPEN_DOCS, method, &request.path);
    match &request.body {
        Some(body) => made.body(body.clone()),
        None => made,
    }
    .at_most(LARGEST)
}

fn what(request: &FloorRequest) -> String {
    format!("{:?} {}", request.method, request.path)
}
