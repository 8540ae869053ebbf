//! One error for everything that can go wrong with a database: what was being done, to which
//! database, of which kind, and whether it may pass by itself.

use std::fmt;
use std::time::Duration;

use super::name::DatabaseName;

/// What was being done when an error happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation(&'static str);

impl Operation {
    /// Reaching the server at all, before any database is named.
    pub const CONNECT: Self = Self::named("connect");
    /// Listing the server's databases.
    pub const LIST_DATABASES: Self = Self::named("db_list");
    /// Reading one or many documents.
    pub const OPEN_DOCS: Self = Self::named("open_doc");
    /// Writing documents.
    pub const SAVE_DOCS: Self = Self::named("save_docs");
    /// Creating a database.
    pub const CREATE_DATABASE: Self = Self::named("db_create");
    /// Deleting a database.
    pub const DELETE_DATABASE: Self = Self::named("db_delete");

    /// An operation of this name. Failure reports print it, so the names here are those of Kazoo's own functions.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The word that failure reports use.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// The kind of an error; it decides what is retried and what a report calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The database does not exist.
    DatabaseNotFound,
    /// The document (or endpoint) does not exist.
    NotFound,
    /// The credentials are wrong. Never retried: CouchDB locks the user out after five.
    Unauthorized,
    /// The credentials are right and not enough, or the user is locked out.
    Forbidden,
    /// The document changed since it was read.
    Conflict,
    /// The request is larger than the server takes.
    TooLarge,
    /// The server asks for fewer requests.
    RateLimited,
    /// No answer in time.
    Timeout,
    /// The connection was refused, reset or broken.
    Connection,
    /// A 5xx answer.
    ServerError,
    /// An answer that is not what CouchDB says: truncated, garbage, out of order.
    BadAnswer,
    /// Any other refusal of the request.
    BadRequest,
    /// The run was cancelled before this was done.
    Cancelled,
    /// The configuration does not tell how to go on.
    Config,
    /// A bug of this library: a task that panicked.
    Internal,
}

impl Kind {
    /// The word that failure reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::DatabaseNotFound => "db_not_found",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::ServerError => "server_error",
            Self::BadAnswer => "bad_answer",
            Self::BadRequest => "bad_request",
            Self::Cancelled => "cancelled",
            Self::Config => "config",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Timeout
                | Self::Connection
                | Self::ServerError
                | Self::BadAnswer
        )
    }
}

/// What went wrong. Prints as one line, and never holds credentials.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    operation: Operation,
    database: Option<DatabaseName>,
    detail: String,
    retry_after: Option<Duration>,
}

impl Error {
    /// An error of a kind, in an operation; `detail` is for people and must hold no secret.
    pub fn new(kind: Kind, operation: Operation, detail: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            database: None,
            detail: one_line(detail.into()),
            retry_after: None,
        }
    }

    /// The same error, of this database.
    #[must_use]
    pub fn in_database(mut self, database: &DatabaseName) -> Self {
        self.database = Some(database.clone());
        self
    }

    /// The same error, with the pause that the server asked for.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    /// The error of a run that was told to stop.
    pub fn cancelled(operation: Operation) -> Self {
        Self::new(Kind::Cancelled, operation, "the run was cancelled")
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The database that it was done to, if one.
    pub fn database(&self) -> Option<&DatabaseName> {
        self.database.as_ref()
    }

    /// What there is to say beyond that, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The pause that the server asked for, if it did.
    pub fn pause(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        self.kind.is_temporary()
    }

    /// The reason in a failure report: `save_docs-conflict`, `open_doc-db_not_found`, …
    pub fn reason(&self) -> String {
        format!("{}-{}", self.operation.name(), self.kind.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation.name())?;
        if let Some(database) = &self.database {
            write!(f, " {}", database.encoded())?;
        }
        write!(f, ": {}", self.kind.name())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        if self.is_temporary() {
            write!(f, "; it may pass, try again")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A line of the operator's terminal: control characters become spaces, and it has an end.
fn one_line(text: String) -> String {
    const LONGEST: usize = 300;
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_one_line_that_says_what_where_and_whether_it_passes() {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let error = Error::new(Kind::Timeout, Operation::OPEN_DOCS, "no answer\nin 30 s")
            .in_database(&database);
        assert_eq!(
            error.to_string(),
            "open_doc numbers%2F%2B1415: timeout (no answer in 30 s); it may pass, try again"
        );
        assert_eq!(error.reason(), "open_doc-timeout");
    }
}
