//! The kinds of errors, and what each means for the request and for the work.

/// The kind of an error; it decides what is retried and what a report calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The database does not exist.
    DatabaseNotFound,
    /// The document or endpoint does not exist.
    NotFound,
    /// The credentials are wrong. Never retried: CouchDB locks a user out after five attempts.
    Unauthorized,
    /// The credentials are correct but not sufficient, or the user is locked out.
    Forbidden,
    /// The document changed since it was read.
    Conflict,
    /// The request is larger than the server accepts, or the answer larger than the client accepts.
    TooLarge,
    /// The answer does not fit into memory or into the run's [`AnswerBudget`](crate::AnswerBudget).
    OutOfMemory,
    /// The server asks for fewer requests.
    RateLimited,
    /// No answer in time.
    Timeout,
    /// The connection was refused, reset or broken.
    Connection,
    /// The server's certificate or cipher is not acceptable, or only one side uses TLS.
    Tls,
    /// A 5xx answer.
    ServerError,
    /// The answer is not a valid CouchDB answer: truncated, unreadable or in the wrong order.
    BadAnswer,
    /// Any other refusal of the request.
    BadRequest,
    /// The run was cancelled before the operation finished.
    Cancelled,
    /// The configuration is not complete, or not valid.
    Config,
    /// A file of this machine cannot be read or written.
    File,
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
            Self::OutOfMemory => "out_of_memory",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::ServerError => "server_error",
            Self::BadAnswer => "bad_answer",
            Self::BadRequest => "bad_request",
            Self::Cancelled => "cancelled",
            Self::Config => "config",
            Self::File => "file",
            Self::Internal => "internal",
        }
    }

    /// The reason for an error without a detail.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::DatabaseNotFound => "the database does not exist",
            Self::NotFound => "not found",
            Self::Unauthorized => "the user name or password is wrong",
            Self::Forbidden => "not allowed",
            Self::Conflict => "the document changed since it was read",
            Self::TooLarge => "the request is larger than the server takes",
            Self::OutOfMemory => "not enough memory for the answer",
            Self::RateLimited => "the server asks for fewer requests",
            Self::Timeout => "no answer in time",
            Self::Connection => "the connection broke",
            Self::Tls => "the encrypted connection failed",
            Self::ServerError => "the server failed",
            Self::BadAnswer => "the answer is not CouchDB's",
            Self::BadRequest => "the server refused the request",
            Self::Cancelled => "the run was cancelled",
            Self::Config => "the configuration is not complete",
            Self::File => "a file cannot be read or written",
            Self::Internal => "internal error",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        self.severity() == Severity::Temporary
    }

    /// The effect of this kind on the interrupted work.
    pub fn severity(self) -> Severity {
        match self {
            Self::Cancelled | Self::Unauthorized | Self::Internal | Self::Config | Self::File => {
                Severity::Fatal
            }
            _ if self.persistence() == Persistence::Final => Severity::Failure,
            _ => Severity::Temporary,
        }
    }

    /// How long the same request is worth retrying.
    pub(super) fn persistence(self) -> Persistence {
        match self {
            Self::RateLimited
            | Self::Timeout
            | Self::Connection
            | Self::ServerError
            | Self::OutOfMemory => Persistence::Outage,
            Self::BadAnswer => Persistence::Glitch,
            _ => Persistence::Final,
        }
    }
}

/// The effect of an error on the interrupted work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing else can be done either: the run ends.
    Fatal,
    /// One database or document failed for good, and the rest goes on.
    Failure,
    /// The same as a failure, and the same request may succeed later.
    Temporary,
}

/// How long a failed request is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// Every attempt fails.
    Final,
    /// A few attempts show whether the error was an accident.
    Glitch,
    /// The server may be restarting, which takes up to a minute.
    Outage,
}
