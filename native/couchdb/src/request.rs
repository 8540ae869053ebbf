//! A request and its answer.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use super::access::Access;
use super::body::LARGEST_PAGE;
use super::error::{Error, Operation};
use super::kind::Kind;
use document::DatabaseName;

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    operation: Operation,
    access: Access,
    database: Option<&'a DatabaseName>,
    method: Method,
    path: &'a str,
    query: &'a str,
    body: Option<Bytes>,
    largest: usize,
    patience: Option<Duration>,
    attempt: usize,
}

impl<'a> Request<'a> {
    /// Creates a request that changes nothing on the server. `path` follows the database's name or
    /// the server's root; it is empty or starts with `/`.
    pub fn read(operation: Operation, method: Method, path: &'a str) -> Self {
        Self::new(Access::Read, operation, method, path)
    }

    /// Creates a request that changes data on the server.
    pub fn write(operation: Operation, method: Method, path: &'a str) -> Self {
        Self::new(Access::Write, operation, method, path)
    }

    fn new(access: Access, operation: Operation, method: Method, path: &'a str) -> Self {
        Self {
            operation,
            access,
            database: None,
            method,
            path,
            query: "",
            body: None,
            largest: LARGEST_PAGE,
            patience: None,
            attempt: 1,
        }
    }

    /// Sets the database.
    #[must_use]
    pub fn of(mut self, database: &'a DatabaseName) -> Self {
        self.database = Some(database);
        self
    }

    /// Sets the query string: percent-encoded, without `?`.
    #[must_use]
    pub fn query(mut self, query: &'a str) -> Self {
        self.query = query;
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the size limit of the answer in bytes. A larger one is an error ([`Kind::TooLarge`]).
    #[must_use]
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Sets the longest time that the complete answer may take. An answer that takes longer is an
    /// error ([`Kind::Timeout`]).
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sets the number of the attempt, for logs. It starts at 1.
    #[must_use]
    pub(super) fn attempt(mut self, number: usize) -> Self {
        self.attempt = number;
        self
    }

    pub(super) fn attempt_number(&self) -> usize {
        self.attempt
    }

    /// The path for logs: the database, and the endpoint without ids of documents.
    pub(super) fn endpoint(&self) -> String {
        let database = self.database.map(DatabaseName::encoded).unwrap_or_default();
        let is_endpoint = self.path.trim_start_matches('/').starts_with('_');
        match (database.is_empty(), self.path.is_empty() || is_endpoint) {
            (true, _) => self.path.to_owned(),
            (false, true) => format!("/{database}{}", self.path),
            (false, false) => format!("/{database}/…"),
        }
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    pub(super) fn method(&self) -> Method {
        self.method.clone()
    }

    pub(super) fn body_bytes(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    pub(super) fn largest(&self) -> usize {
        self.largest
    }

    /// The path below the server's URL.
    pub(super) fn path(&self) -> String {
        match self.database {
            Some(database) => format!("/{}{}", database.encoded(), self.path),
            None => self.path.to_owned(),
        }
    }

    pub(super) fn query_text(&self) -> &str {
        self.query
    }

    pub(super) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// An error of this request.
    pub(super) fn error(&self, kind: Kind, detail: &str) -> Error {
        self.failed(Error::new(kind, self.operation, detail))
    }

    /// The error for a cancelled run.
    pub(super) fn cancelled(&self) -> Error {
        self.failed(Error::cancelled(self.operation))
    }

    /// Adds the request's database to an error.
    pub(super) fn failed(&self, error: Error) -> Error {
        match self.database {
            Some(database) => error.in_database(database),
            None => error,
        }
    }
}

/// An answer: a status below 500 and the complete body. See [`Client::send`](crate::Client::send).
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The server's `Date` header.
    pub date: Option<SystemTime>,
    /// The complete body.
    pub body: Bytes,
}
