//! The reasons why a number or a database failed: keys in the failure report, meanings and remedies.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use crate::operation;
use couchdb::{Error, Kind, Operation};

/// The reason why a number failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Kazoo does not accept it as a phone number.
    NotReconcilable,
    /// The number is not assigned, and the command needs an account.
    NotAssigned,
    /// Several accounts claim a number that is missing in its number database.
    Contested,
    /// The id of a number document does not give a number database.
    NoNumberDatabase,
    /// The document has losing leaves for which the command would decide differently.
    Conflicted,
    /// The document was written, but its notice could not be sent.
    NotAnnounced,
    /// Another writer changed the document after the run that is being undone.
    ChangedSince,
    /// The services of an account could not be reconciled.
    Services,
    /// The account's documents, which decide the usage of a number, could not be read.
    AppUsage(Kind),
    /// A request failed.
    Failed(Operation, Kind),
}

impl Reason {
    /// The number is missing in the number database, or soft-deleted there.
    pub const NOT_FOUND: Self = Self::Failed(Operation::OPEN_DOCS, Kind::NotFound);

    /// The target has another document, or other writers changed it repeatedly.
    pub const CONFLICT: Self = Self::Failed(Operation::SAVE_DOCS, Kind::Conflict);

    /// The key in a failure report, which scripts parse.
    pub fn key(self) -> Cow<'static, str> {
        match self {
            Self::NotReconcilable => "not_reconcilable".into(),
            Self::NotAssigned => "not_assigned".into(),
            Self::Contested => "contested".into(),
            Self::NoNumberDatabase => "no_number_db".into(),
            Self::Conflicted => "conflicted".into(),
            Self::NotAnnounced => "notice".into(),
            Self::ChangedSince => "changed_since".into(),
            Self::Services => "services".into(),
            Self::AppUsage(kind) => format!("app_usage-{}", kind.name()).into(),
            Self::Failed(operation, kind) => format!("{}-{}", operation.name(), kind.name()).into(),
        }
    }

    /// The key without the operation: the word that Kazoo's functions return.
    pub fn word(self) -> Cow<'static, str> {
        match self {
            Self::AppUsage(kind) | Self::Failed(_, kind) => kind.name().into(),
            _ => self.key(),
        }
    }

    /// The kind of the error that caused it, if any.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::AppUsage(kind) | Self::Failed(_, kind) => Some(kind),
            _ => None,
        }
    }
}

impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        Self::Failed(error.operation(), error.kind())
    }
}

/// Ordered by key, as in reports.
impl Ord for Reason {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Reason {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.key())
    }
}

/// One row of the table of reasons in `docs/kazoo.md`.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// The keys that the row explains. `…` stands for any operation or kind.
    pub keys: &'static str,
    /// The meaning of the keys.
    pub meaning: &'static str,
    /// The remedy for an operator.
    pub remedy: &'static str,
}

/// The rows of the table, in order. Each reason has exactly one row.
pub const EXPLANATIONS: &[Explanation] = &[
    rows::CONFLICT,
    rows::CONTESTED,
    rows::CONFLICTED,
    rows::NO_ACCOUNT,
    rows::NOT_FOUND,
    rows::OTHER_SIDE,
    rows::APP_USAGE,
    rows::NO_NUMBER_DATABASE,
    rows::NOT_RECONCILABLE,
    rows::NOT_ASSIGNED,
    rows::CHANGED_SINCE,
    rows::NOTICE,
    rows::HOST,
    rows::SERVICES,
    rows::DATABASE,
    rows::UNREACHABLE,
    rows::TOO_LARGE,
    rows::OUT_OF_MEMORY,
    rows::CREDENTIALS,
    rows::BAD_REQUEST,
];

/// The rows of the table.
mod rows {
    use super::Explanation;

    pub(super) const CONFLICT: Explanation = Explanation {
        keys: "`save_docs-conflict`",
        meaning: "account → number: the number database holds another document. Number → account: the account has a document of another type, or other writers changed it repeatedly",
        remedy: "look at both; `copy_number_from_db_to_assigned_account` makes the account follow",
    };
    pub(super) const CONTESTED: Explanation = Explanation {
        keys: "`contested`",
        meaning: "several accounts claim a number that its number database lacks; the warning names them",
        remedy: "decide: `copy_number_from_accountdb_to_numbdb ACCOUNT NUMBER`",
    };
    pub(super) const CONFLICTED: Explanation = Explanation {
        keys: "`conflicted`",
        meaning: "the document has losing leaves, and the command would treat one of them differently",
        remedy: "open it with `?conflicts=true` and delete the leaves that are wrong",
    };
    pub(super) const NO_ACCOUNT: Explanation = Explanation {
        keys: "`save_docs-db_not_found`",
        meaning: "the account that a number is assigned to has no database",
        remedy: "reassign the number, or restore the account",
    };
    pub(super) const NOT_FOUND: Explanation = Explanation {
        keys: "`open_doc-not_found`",
        meaning: "the number does not exist, or is soft-deleted",
        remedy: "check the number",
    };
    pub(super) const OTHER_SIDE: Explanation = Explanation {
        keys: "`open_doc-db_not_found`",
        meaning: "the database of the other side is missing; nothing was deleted",
        remedy: "create or restore that database, or reassign the number",
    };
    pub(super) const APP_USAGE: Explanation = Explanation {
        keys: "`app_usage-…`",
        meaning: "the account's documents could not be read; `pvt_used_by` is unchanged",
        remedy: "see the kind after the dash: `db_not_found`, `timeout`, …",
    };
    pub(super) const NO_NUMBER_DATABASE: Explanation = Explanation {
        keys: "`no_number_db`",
        meaning: "the id of a number document is too short, or cannot be part of the name of a database",
        remedy: "delete or rename the document by hand",
    };
    pub(super) const NOT_RECONCILABLE: Explanation = Explanation {
        keys: "`not_reconcilable`",
        meaning: "Kazoo would not take this for a phone number",
        remedy: "check the number, or `reconcile_regex`",
    };
    pub(super) const NOT_ASSIGNED: Explanation = Explanation {
        keys: "`not_assigned`",
        meaning: "the number has no account",
        remedy: "assign it",
    };
    pub(super) const CHANGED_SINCE: Explanation = Explanation {
        keys: "`changed_since`",
        meaning: "another writer changed the document: after the run that `undo` takes back, after the plan that `apply` makes, or before a deletion that waited for the others",
        remedy: "look at it, or run the command again",
    };
    pub(super) const NOTICE: Explanation = Explanation {
        keys: "`notice`",
        meaning: "the number was written, and no AMQP worker took the notice of it: nodes may route by their caches for up to an hour",
        remedy: "look at the broker; `sup kz_datamgr flush_cache_docs` on each node",
    };
    pub(super) const HOST: Explanation = Explanation {
        keys: "`host-bad_request`",
        meaning: "Kazoo cannot read the number's document; a warning says why",
        remedy: "look at the document",
    };
    pub(super) const SERVICES: Explanation = Explanation {
        keys: "`services`",
        meaning: "reconciling failed in Kazoo",
        remedy: "`sup kazoo_services_maintenance reconcile ACCOUNT`",
    };
    pub(super) const DATABASE: Explanation = Explanation {
        keys: "`last_error`",
        meaning: "a whole database could not be read",
        remedy: "see the kind; the other databases were done",
    };
    pub(super) const UNREACHABLE: Explanation = Explanation {
        keys: "`…-timeout`, `-connection`, `-server_error`, `-rate_limited`, `-bad_answer`",
        meaning: "CouchDB, or the network path to it, kept failing after several tries",
        remedy: "run it again: what is done stays done",
    };
    pub(super) const TOO_LARGE: Explanation = Explanation {
        keys: "`…-too_large`",
        meaning: "the request is larger than CouchDB takes, or an answer larger than the limit (64 MiB a document, 256 MiB with attachments)",
        remedy: "look at the document",
    };
    pub(super) const OUT_OF_MEMORY: Explanation = Explanation {
        keys: "`…-out_of_memory`",
        meaning: "the answers that the run holds would take more than 320 MiB, or memory could not be allocated",
        remedy: "run it again, with fewer requests at a time",
    };
    pub(super) const CREDENTIALS: Explanation = Explanation {
        keys: "`…-unauthorized`, `-forbidden`",
        meaning: "the credentials are wrong, or do not suffice",
        remedy: "the run ends at the first; CouchDB locks a user out after five",
    };
    pub(super) const BAD_REQUEST: Explanation = Explanation {
        keys: "`…-bad_request`",
        meaning: "CouchDB refused the request",
        remedy: "look at CouchDB's log, and at the document",
    };
}

impl Reason {
    /// The meaning of the reason, and the remedy.
    pub fn explanation(self) -> &'static Explanation {
        match self {
            Self::NotReconcilable => &rows::NOT_RECONCILABLE,
            Self::NotAssigned => &rows::NOT_ASSIGNED,
            Self::Contested => &rows::CONTESTED,
            Self::NoNumberDatabase => &rows::NO_NUMBER_DATABASE,
            Self::Conflicted => &rows::CONFLICTED,
            Self::NotAnnounced => &rows::NOTICE,
            Self::ChangedSince => &rows::CHANGED_SINCE,
            Self::Services => &rows::SERVICES,
            Self::AppUsage(_) => &rows::APP_USAGE,
            Self::Failed(Operation::SAVE_DOCS, Kind::DatabaseNotFound) => &rows::NO_ACCOUNT,
            Self::Failed(operation, Kind::BadRequest) if operation == operation::HOST => {
                &rows::HOST
            }
            Self::Failed(_, kind) => explanation_of_kind(kind),
        }
    }
}

impl Explanation {
    /// The meaning of a database that could not be read, and the remedy.
    pub fn of_database(kind: Kind) -> &'static Self {
        match kind {
            Kind::DatabaseNotFound | Kind::NotFound | Kind::Conflict => &rows::DATABASE,
            _ => explanation_of_kind(kind),
        }
    }
}

fn explanation_of_kind(kind: Kind) -> &'static Explanation {
    match kind {
        Kind::DatabaseNotFound => &rows::OTHER_SIDE,
        Kind::NotFound => &rows::NOT_FOUND,
        Kind::Conflict => &rows::CONFLICT,
        Kind::TooLarge => &rows::TOO_LARGE,
        Kind::OutOfMemory => &rows::OUT_OF_MEMORY,
        Kind::Unauthorized | Kind::Forbidden => &rows::CREDENTIALS,
        Kind::RateLimited
        | Kind::Timeout
        | Kind::Connection
        | Kind::Tls
        | Kind::ServerError
        | Kind::BadAnswer => &rows::UNREACHABLE,
        // The last four end a run and are in no report.
        Kind::BadRequest | Kind::Cancelled | Kind::Config | Kind::File | Kind::Internal => {
            &rows::BAD_REQUEST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../docs/kazoo.md");

    #[test]
    fn docs_have_the_table_of_reasons() {
        let rows: String = EXPLANATIONS
            .iter()
            .map(|row| format!("| {} | {} | {} |\n", row.keys, row.meaning, row.remedy))
            .collect();
        let header = "| in the report | meaning | what to do |\n| --- | --- | --- |\n";
        let found = MANUAL.split_once(header).map(|(_, rest)| rest);
        let table = found.and_then(|rest| rest.split_once("\n\n"));
        assert_eq!(table.map(|(table, _)| format!("{table}\n")), Some(rows));
    }

    #[test]
    fn each_reason_is_explained() {
        let operations = [
            Operation::LIST_DATABASES,
            Operation::OPEN_DOCS,
            Operation::SAVE_DOCS,
            Operation::CREATE_DATABASE,
        ];
        let kinds = [
            Kind::Timeout,
            Kind::Connection,
            Kind::ServerError,
            Kind::RateLimited,
            Kind::BadAnswer,
            Kind::TooLarge,
            Kind::OutOfMemory,
            Kind::Forbidden,
            Kind::BadRequest,
        ];
        let mut all = vec![
            Reason::NotReconcilable,
            Reason::NotAssigned,
            Reason::Contested,
            Reason::NoNumberDatabase,
            Reason::Conflicted,
            Reason::NotAnnounced,
            Reason::ChangedSince,
            Reason::Services,
            Reason::AppUsage(Kind::Timeout),
            Reason::Failed(operation::HOST, Kind::BadRequest),
            Reason::Failed(Operation::SAVE_DOCS, Kind::DatabaseNotFound),
            Reason::Failed(Operation::OPEN_DOCS, Kind::DatabaseNotFound),
            Reason::NOT_FOUND,
            Reason::CONFLICT,
        ];
        for kind in kinds {
            all.extend(operations.map(|operation| Reason::Failed(operation, kind)));
        }
        for reason in all {
            let key = reason.key();
            let row = reason.explanation();
            let is_explained = row.keys.split('`').any(|pattern| {
                let pattern = pattern.trim_matches('…');
                pattern == key
                    || (pattern.ends_with('-') && key.starts_with(pattern))
                    || (pattern.starts_with('-') && key.ends_with(pattern))
            });
            assert!(is_explained, "{key}: {row:?}");
            let in_table = EXPLANATIONS.iter().filter(|other| other.keys == row.keys);
            assert_eq!(in_table.count(), 1, "{key}");
        }
    }
}
