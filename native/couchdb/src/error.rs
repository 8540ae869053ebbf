//! The error type of this crate: the operation, the database and server, the kind, the reason, a
//! hint for the operator, and whether the error may be temporary.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::kind::{Kind, Persistence, Severity};
use document::DatabaseName;

/// The operation during which an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    name: &'static str,
    phrase: &'static str,
    before_database: &'static str,
}

impl Operation {
    /// Reaching the server, before any database is named.
    pub const CONNECT: Self = Self::new("connect", "connect to CouchDB", "for");
    /// Listing the server's databases.
    pub const LIST_DATABASES: Self = Self::new("db_list", "list databases", "to find");
    /// Reading one or many documents.
    pub const OPEN_DOCS: Self = Self::new("open_doc", "read", "");
    /// Writing documents.
    pub const SAVE_DOCS: Self = Self::new("save_docs", "write", "to");
    /// Creating a database.
    pub const CREATE_DATABASE: Self = Self::new("db_create", "create", "");
    /// Deleting a database.
    pub const DELETE_DATABASE: Self = Self::new("db_delete", "delete", "");

    /// Creates an operation. Failure reports print its `name`, which is the name of Kazoo's own
    /// function. Messages say "cannot `phrase`", or "cannot `phrase` `before_database` DATABASE".
    pub const fn new(
        name: &'static str,
        phrase: &'static str,
        before_database: &'static str,
    ) -> Self {
        Self {
            name,
            phrase,
            before_database,
        }
    }

    /// The word that failure reports use.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// An error. It prints as one line and never holds credentials.
#[derive(Clone, Debug)]
pub struct Error(Box<ErrorFields>);

#[derive(Clone, Debug)]
struct ErrorFields {
    kind: Kind,
    operation: Operation,
    database: Option<DatabaseName>,
    server: Option<Arc<str>>,
    detail: String,
    hint: Option<String>,
    code: Option<String>,
    retry_after: Option<Duration>,
    persistence: Persistence,
    too_slow: bool,
}

impl Error {
    /// Creates an error. `detail` is for people and must hold no secret.
    pub fn new(kind: Kind, operation: Operation, detail: impl Into<String>) -> Self {
        Self(Box::new(ErrorFields {
            kind,
            operation,
            database: None,
            server: None,
            detail: one_line(&detail.into()),
            hint: None,
            code: None,
            retry_after: None,
            persistence: kind.persistence(),
            too_slow: kind == Kind::Timeout,
        }))
    }

    /// Sets the database.
    #[must_use]
    pub fn in_database(mut self, database: &DatabaseName) -> Self {
        self.0.database = Some(database.clone());
        self
    }

    /// Sets the server unless it is set: its address without credentials, as [`ServerUrl::named`](crate::ServerUrl::named) gives
    /// it.
    #[must_use]
    pub fn on(mut self, server: Arc<str>) -> Self {
        self.0.server.get_or_insert(server);
        self
    }

    /// Sets the hint for the operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(one_line(&hint.into()));
        self
    }

    /// Sets the pause that the server asked for.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.0.retry_after = pause;
        self
    }

    /// Sets CouchDB's error code.
    #[must_use]
    pub(super) fn code(mut self, code: &str) -> Self {
        self.0.code = Some(code.to_owned());
        self
    }

    /// Turns the error into a refusal of one operation to a user with valid credentials.
    #[must_use]
    pub(super) fn forbidden_for_user(mut self) -> Self {
        self.0.kind = Kind::Forbidden;
        self.hint(
            "the server accepts the user name and the password, but does not allow this user to do that",
        )
    }

    /// Sets how long the error is worth retrying.
    #[must_use]
    pub(super) fn with_persistence(mut self, persistence: Persistence) -> Self {
        self.0.persistence = persistence;
        self
    }

    /// Marks an answer that was too slow or truncated: a smaller one may arrive complete.
    #[must_use]
    pub(super) fn too_slow(mut self, too_slow: bool) -> Self {
        self.0.too_slow = too_slow;
        self
    }

    /// The error of a cancelled run.
    pub fn cancelled(operation: Operation) -> Self {
        Self::new(Kind::Cancelled, operation, "the run was cancelled")
    }

    /// The kind of the error.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The operation that failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The database, if the operation concerned one.
    pub fn database(&self) -> Option<&DatabaseName> {
        self.0.database.as_ref()
    }

    /// The detail for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The pause that the server asked for, if any.
    pub fn pause(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// CouchDB's error code, if CouchDB answered.
    pub fn couchdb_code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    pub(super) fn persistence(&self) -> Persistence {
        self.0.persistence
    }

    /// Whether a smaller answer may arrive where this one did not.
    pub(super) fn is_too_slow(&self) -> bool {
        self.0.too_slow
    }

    /// Whether an answer with fewer documents may be accepted where this one was not.
    pub(super) fn is_too_much(&self) -> bool {
        matches!(self.0.kind, Kind::TooLarge | Kind::OutOfMemory)
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        self.0.kind.is_temporary()
    }

    /// Whether it ends the run.
    pub fn is_fatal(&self) -> bool {
        self.0.kind.severity() == Severity::Fatal
    }

    /// The hint for an operator, if there is one; one line.
    pub fn advice(&self) -> Option<String> {
        match (&self.0.hint, self.is_temporary()) {
            (Some(hint), false) => Some(hint.clone()),
            (Some(hint), true) => Some(format!("{hint}. It may be temporary: try again later")),
            (None, true) => Some("it may be temporary: try again later".to_owned()),
            (None, false) => None,
        }
    }

    /// The reason in a failure report: `save_docs-conflict`, `open_doc-db_not_found`, ….
    pub fn reason(&self) -> String {
        format!("{}-{}", self.0.operation.name, self.0.kind.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = &self.0;
        write!(f, "cannot {}", fields.operation.phrase)?;
        if let Some(database) = &fields.database {
            if !fields.operation.before_database.is_empty() {
                write!(f, " {}", fields.operation.before_database)?;
            }
            write!(f, " {}", database.encoded())?;
        }
        if let Some(server) = &fields.server {
            write!(f, " on {server}")?;
        }
        match fields.detail.as_str() {
            "" => write!(f, ": {}", fields.kind.phrase()),
            detail => write!(f, ": {detail}"),
        }
    }
}

impl std::error::Error for Error {}

/// One line for the operator's terminal: control characters become spaces, and the length is
/// limited.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_operation_database_server_and_reason_in_one_line() {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let error = Error::new(Kind::Timeout, Operation::OPEN_DOCS, "no answer\nin 30 s")
            .in_database(&database)
            .on("http://127.0.0.1:5984 (from COUCHDB_URL)".into());
        assert_eq!(
            error.to_string(),
            "cannot read numbers%2F%2B1415 on http://127.0.0.1:5984 (from COUCHDB_URL): no answer in 30 s"
        );
        assert_eq!(error.reason(), "open_doc-timeout");
        assert_eq!(
            error.advice().as_deref(),
            Some("it may be temporary: try again later")
        );
        let error = Error::new(Kind::Forbidden, Operation::CREATE_DATABASE, "");
        assert_eq!(error.to_string(), "cannot create: not allowed");
        assert_eq!(error.advice(), None);
    }
}
