//! A request, and sending it within the limit and with retries where that is safe.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use super::body::{LARGEST_PAGE, LARGEST_STATUS};
use super::error::{Error, Operation};
use super::kind::Kind;
use super::queue::Access;
use super::retry::Retries;
use super::server::Server;
use document::DatabaseName;

/// After a cancellation, a write in flight may still finish within this time.
const LAST_WRITE: Duration = Duration::from_millis(700);

/// The result of a credential check is cached for this long.
const CREDENTIALS_HOLD: Duration = Duration::from_secs(5);

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

    /// Adds the request's database to an error.
    fn failed(&self, error: Error) -> Error {
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

impl Server {
    /// Sends a request, with retries. Only for a read, or for a write that has the same effect
    /// twice.
    ///
    /// # Errors
    /// The last error, or the cancellation.
    pub async fn send_repeatedly<T>(
        &self,
        request: Request<'_>,
        read: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut retries = Retries::of(self);
        loop {
            match self.send_and_read(&request, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => retries.after(&request, error).await?,
            }
        }
    }

    /// Sends a request once and evaluates the answer.
    pub(super) async fn send_and_read<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answer = self.send(request).await.and_then(read);
        answer.map_err(|error| error.on(self.url()))
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// Whether an error is temporary does not say whether the server acted.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        self.send_within(request, None).await
    }

    /// Sends a request once and waits at most `patience` for the complete answer.
    pub(super) async fn send_within(
        &self,
        request: &Request<'_>,
        patience: Option<Duration>,
    ) -> Result<Response, Error> {
        let cancelled = || request.failed(Error::cancelled(request.operation));
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let permit = tokio::select! {
            permit = self.limiter.acquire(request.access) => permit,
            () = self.cancel.cancelled() => return Err(cancelled()),
        };
        let given_up = async {
            self.cancel.cancelled().await;
            if request.access == Access::Write {
                tokio::time::sleep(LAST_WRITE).await;
            }
        };
        let exchange = async {
            let Some(patience) = patience else {
                return self.client.send(request).await;
            };
            tokio::time::timeout(patience, self.client.send(request))
                .await
                .unwrap_or_else(|_| {
                    let detail = "no answer in time";
                    Err(Error::new(Kind::Timeout, request.operation, detail))
                })
        };
        let answer = tokio::select! {
            answer = exchange => answer,
            () = given_up => return Err(cancelled()),
        };
        let answer = match answer {
            Err(error) if error.kind() == Kind::Unauthorized => Err(self.unauthorized(error).await),
            answer => answer,
        };
        let answer = answer.map_err(|error| request.failed(error));
        match &answer {
            Ok(_) => {
                self.outage.end();
                permit.succeeded();
            }
            Err(error) if error.is_temporary() => permit.overloaded(),
            Err(_) => {}
        }
        answer
    }

    /// Finds out what a 401 means. CouchDB answers it for wrong credentials, and also for a user
    /// without permission for this one request. `GET /`, which every user may read, shows the
    /// difference. The check is rare: it counts as a login attempt, and CouchDB locks a user out
    /// after five wrong ones.
    async fn unauthorized(&self, error: Error) -> Error {
        let mut known = self.credentials_hold.lock().await;
        let holds = match *known {
            Some((at, holds)) if !holds || at.elapsed() < CREDENTIALS_HOLD => holds,
            _ => {
                let request =
                    Request::read(Operation::CONNECT, Method::GET, "/").at_most(LARGEST_STATUS);
                let answer = self.client.send(&request).await;
                answer.is_ok_and(|answer| answer.status.is_success())
            }
        };
        *known = Some((tokio::time::Instant::now(), holds));
        if holds {
            error.forbidden_for_user()
        } else {
            error
        }
    }
}
