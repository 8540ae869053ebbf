//! What a command leaves behind, prints and returns.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Map, Value};
use kazoo_numbers_generator::Cluster;

/// Between the Unix epoch and the year 0 of Kazoo's `pvt_modified`.
const UNIX_EPOCH_IN_GREGORIAN_SECONDS: u64 = 62_167_219_200;

/// The value that a command writes where the contract says "now".
#[derive(Clone, Debug, PartialEq)]
pub struct Now(pub(crate) Value);

impl Now {
    /// A value that no document can hold by accident; [`crate::same_end_state`] takes it for any
    /// moment of the run.
    pub fn marker() -> Self {
        Self(Value::String("\u{0}now".to_owned()))
    }

    /// That moment, in Unix seconds.
    pub fn at(unix_seconds: u64) -> Self {
        Self(Value::from(gregorian(unix_seconds)))
    }
}

pub(crate) fn gregorian(unix_seconds: u64) -> u64 {
    unix_seconds.saturating_add(UNIX_EPOCH_IN_GREGORIAN_SECONDS)
}

/// The term that the function returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// `ok`
    Ok,
    /// `no_return`
    NoReturn,
    /// `{no_return, Code}`
    NoReturnCode(u8),
    /// `{no_return, Code}` with a code other than 0: an argument was refused, nothing was read.
    Refused,
    /// `{ok, Binary}`
    OkValue(String),
    /// `{error, Binary}`, of which this is how the binary starts (the contract says no more).
    ErrorValue(String),
}

/// How the decisions ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Looked at, and right as it was (or left alone because both applications use it).
    pub unchanged: u64,
    /// Written where nothing was.
    pub created: u64,
    /// Written over another revision.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
    /// Entries of the failure report.
    pub failed: u64,
}

/// What went wrong in one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Numbers by reason.
    pub failed: BTreeMap<String, BTreeSet<String>>,
    /// Why the database could not be read at all.
    pub last_error: Option<String>,
}

/// What is said and is no failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// A number document in the number database of another prefix: (database, id).
    Misfiled(String, String),
    /// In `numbers/inum` or `numbers/managed`, while a database that comes before it has the number
    /// for the same account: (database, id).
    Outranked(String, String),
    /// Both applications use the number: (database, id).
    UsedByBoth(String, String),
    /// `fix_number(s)` was given a number that another account has: (account database, id).
    AssignedElsewhere(String, String),
}

/// Everything that can be seen of a command that has run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The cluster afterwards.
    pub cluster: Cluster,
    /// What the caller gets.
    pub returned: Returned,
    /// The figures of the summary.
    pub counts: Counts,
    /// The failure report, by encoded database name.
    pub failures: BTreeMap<String, Failure>,
    /// Warning lines, each once.
    pub warnings: BTreeSet<Warning>,
    /// Account ids whose services must be reconciled.
    pub services: BTreeSet<String>,
    /// The exact lines, for the three outputs that the manual shows.
    pub output: Option<Vec<String>>,
}

/// The failure report as it ends the output: `{db: {"failed": {reason: [number]}}}`.
pub fn failure_report(failures: &BTreeMap<String, Failure>) -> Value {
    let mut report = Map::new();
    for (database, failure) in failures {
        let mut entry = Map::new();
        if !failure.failed.is_empty() {
            let reasons = failure
                .failed
                .iter()
                .map(|(reason, numbers)| (reason.clone(), numbers.iter().cloned().collect()))
                .collect();
            entry.insert("failed".to_owned(), Value::Object(reasons));
        }
        if let Some(reason) = &failure.last_error {
            entry.insert("last_error".to_owned(), Value::from(reason.as_str()));
        }
        report.insert(database.clone(), Value::Object(entry));
    }
    Value::Object(report)
}
