//! Why a run ended: what the command line's exit status follows from.

use serde::Serialize;

use super::answer::{NOT_HERE, Returned};
use crate::operation;
use crate::report::Summary;
use couchdb::{Error, Kind};

/// Why a run ended. Erlang gets a [`Returned`] instead, which is less precise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ended", content = "refused")]
pub enum Ending {
    /// The command did what was asked, or returned the value that was asked for.
    Done,
    /// The command or one of its arguments cannot be used. Nothing was read.
    Usage,
    /// Some numbers or databases failed, or an error stopped the run.
    Failed,
    /// The run was refused before it wrote anything.
    Refused(Refused),
    /// CouchDB cannot be reached, or does not allow this user to do that.
    NoServer,
    /// An audit found drift, and was asked to fail on it.
    DriftFound,
    /// The caller cancelled the run.
    Cancelled,
}

/// Why a run was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Another run holds the cluster lock.
    Locked,
    /// The run, or what it is about, belongs to another cluster.
    OtherCluster,
    /// No journal can be kept, so the run could not be undone.
    NoJournal,
    /// It would change or delete more than the operator's limit.
    Brake,
    /// A document changed since the plan was made.
    StalePlan,
    /// The operator was asked, and said no.
    Declined,
    /// The run that a request is about is not in progress, or takes no requests.
    NoSuchRun,
}

impl Ending {
    /// Why a run ended that returned this value, without an error.
    pub(crate) fn of_answer(returned: &Returned, summary: &Summary) -> Self {
        if !summary.failures.is_empty() {
            return if could_read_nothing(summary) {
                Self::NoServer
            } else {
                Self::Failed
            };
        }
        match returned {
            Returned::Ok | Returned::NoReturn | Returned::Value(Ok(_)) | Returned::App(_) => {
                Self::Done
            }
            Returned::Code(NOT_HERE) => Self::Usage,
            Returned::Code(_) | Returned::Value(Err(_)) => Self::Failed,
        }
    }

    /// Why a run ended that this error stopped.
    pub(crate) fn of_error(error: &Error, summary: &Summary) -> Self {
        let of_journal = error.operation() == operation::JOURNAL;
        match error.kind() {
            Kind::Cancelled => Self::Cancelled,
            Kind::BadRequest if error.operation() == operation::ARGUMENTS => Self::Usage,
            Kind::BadRequest if error.operation() == operation::BRAKE => {
                Self::Refused(Refused::Brake)
            }
            Kind::Config | Kind::File if of_journal && summary.counts.written() == 0 => {
                Self::Refused(Refused::NoJournal)
            }
            Kind::Config if !of_journal => Self::NoServer,
            kind if is_about_server(kind) => Self::NoServer,
            _ => Self::Failed,
        }
    }
}

/// Whether every failure has the same cause: CouchDB answered nothing.
fn could_read_nothing(summary: &Summary) -> bool {
    let of_server = |kind: Option<Kind>| kind.is_some_and(is_about_server);
    let mut databases = summary.failures.by_database().values();
    summary.documents_read == 0
        && summary.counts.written() == 0
        && databases.all(|failures| {
            failures.last_error.is_none_or(|kind| of_server(Some(kind)))
                && failures
                    .failed
                    .keys()
                    .all(|reason| of_server(reason.kind()))
        })
}

/// Whether an error of this kind means that CouchDB is not reachable, not usable, or not allowed.
fn is_about_server(kind: Kind) -> bool {
    match kind {
        Kind::Unauthorized
        | Kind::Forbidden
        | Kind::RateLimited
        | Kind::Timeout
        | Kind::Connection
        | Kind::Tls
        | Kind::ServerError
        | Kind::BadAnswer => true,
        Kind::DatabaseNotFound
        | Kind::NotFound
        | Kind::Conflict
        | Kind::TooLarge
        | Kind::OutOfMemory
        | Kind::BadRequest
        | Kind::Cancelled
        | Kind::Config
        | Kind::File
        | Kind::Internal => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Failures, Reason};
    use couchdb::Operation;

    fn failed(kinds: &[Kind]) -> Summary {
        let mut failures = Failures::default();
        for (at, kind) in kinds.iter().enumerate() {
            failures.database(&format!("numbers%2F%2B141{at}"), *kind);
        }
        Summary {
            failures,
            ..Summary::default()
        }
    }

    #[test]
    fn returned_value_is_done_unless_something_failed() {
        let none = Summary::default();
        for (returned, ending) in [
            (Returned::Ok, Ending::Done),
            (Returned::NoReturn, Ending::Done),
            (Returned::App(None), Ending::Done),
            (Returned::Value(Ok("+1".into())), Ending::Done),
            (Returned::Value(Err("not_found".into())), Ending::Failed),
            (Returned::Code(2), Ending::Failed),
            (Returned::Code(NOT_HERE), Ending::Usage),
        ] {
            assert_eq!(Ending::of_answer(&returned, &none), ending, "{returned:?}");
        }
        let one = failed(&[Kind::DatabaseNotFound]);
        assert_eq!(Ending::of_answer(&Returned::NoReturn, &one), Ending::Failed);
    }

    #[test]
    fn run_that_reads_nothing_has_no_server() {
        let ending = |summary: &Summary| Ending::of_answer(&Returned::Code(2), summary);
        let mut all = failed(&[Kind::Connection, Kind::Forbidden]);
        assert_eq!(ending(&all), Ending::NoServer);
        all.documents_read = 1;
        assert_eq!(ending(&all), Ending::Failed);
        let some = failed(&[Kind::Connection, Kind::DatabaseNotFound]);
        assert_eq!(ending(&some), Ending::Failed);
        let mut numbers = failed(&[]);
        let timeout = Reason::Failed(Operation::OPEN_DOCS, Kind::Timeout);
        numbers
            .failures
            .number("numbers%2F%2B1415", timeout, "+1415");
        assert_eq!(ending(&numbers), Ending::NoServer);
        let assigned = Reason::NotAssigned;
        numbers
            .failures
            .number("numbers%2F%2B1415", assigned, "+1416");
        assert_eq!(ending(&numbers), Ending::Failed);
    }

    #[test]
    fn error_that_stops_a_run_says_why() {
        let none = Summary::default();
        let mut wrote = Summary::default();
        wrote.counts.updated = 1;
        let ending = |kind, operation, summary| {
            Ending::of_error(&Error::new(kind, operation, "reason"), summary)
        };
        let no_journal = Ending::Refused(Refused::NoJournal);
        for (kind, operation, expected) in [
            (Kind::Config, Operation::CONNECT, Ending::NoServer),
            (
                Kind::Unauthorized,
                Operation::LIST_DATABASES,
                Ending::NoServer,
            ),
            (Kind::Connection, Operation::OPEN_DOCS, Ending::NoServer),
            (Kind::BadRequest, operation::ARGUMENTS, Ending::Usage),
            (Kind::BadRequest, Operation::OPEN_DOCS, Ending::Failed),
            (Kind::DatabaseNotFound, Operation::OPEN_DOCS, Ending::Failed),
            (Kind::Cancelled, Operation::OPEN_DOCS, Ending::Cancelled),
            (Kind::Internal, Operation::OPEN_DOCS, Ending::Failed),
            (Kind::File, operation::JOURNAL, no_journal),
            (Kind::Config, operation::JOURNAL, no_journal),
            (
                Kind::BadRequest,
                operation::BRAKE,
                Ending::Refused(Refused::Brake),
            ),
        ] {
            assert_eq!(ending(kind, operation, &none), expected, "{kind:?}");
        }
        let broken = ending(Kind::File, operation::JOURNAL, &wrote);
        assert_eq!(broken, Ending::Failed);
    }

    #[test]
    fn ending_is_one_word_and_a_refusal_has_its_reason() {
        let json = |ending: Ending| serde_json::to_value(ending).unwrap();
        assert_eq!(json(Ending::Done), serde_json::json!({"ended": "done"}));
        assert_eq!(
            json(Ending::Refused(Refused::OtherCluster)),
            serde_json::json!({"ended": "refused", "refused": "other_cluster"})
        );
    }
}
