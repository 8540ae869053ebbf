//! The result of a command: data, output and returned term.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Map, Value};
use kazoo_numbers_generator::Cluster;

/// Seconds from the year 0, where Kazoo's `pvt_modified` starts, to the Unix epoch.
const UNIX_EPOCH_IN_GREGORIAN_SECONDS: u64 = 62_167_219_200;

/// The value of "now" in a written document.
#[derive(Clone, Debug, PartialEq)]
pub struct Now(pub(crate) Value);

impl Now {
    /// A marker that no real document holds. [`crate::same_end_state`] accepts any time of the run
    /// for it.
    pub fn marker() -> Self {
        Self(Value::String("\u{0}now".to_owned()))
    }

    /// A fixed time, in Unix seconds.
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
    /// `{no_return, Code}` with any code but 0: an argument was refused and nothing was read.
    Refused,
    /// `{ok, Binary}`
    OkValue(String),
    /// `{error, Binary}`. The value is the start of the binary; the rest is unspecified.
    ErrorValue(String),
}

/// The number of documents by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Checked and not changed. Includes numbers in use by both applications.
    pub unchanged: u64,
    /// Created documents.
    pub created: u64,
    /// Updated documents.
    pub updated: u64,
    /// Deleted documents.
    pub deleted: u64,
    /// Entries of the failure report.
    pub failed: u64,
}

/// The failures of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Numbers by reason.
    pub failed: BTreeMap<String, BTreeSet<String>>,
    /// The reason if the whole database could not be read.
    pub last_error: Option<String>,
}

/// A warning, which does not count as a failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// A document in the number database of another prefix: (database, id).
    Misfiled(String, String),
    /// A document in `numbers/inum` or `numbers/managed` whose number another database with
    /// precedence assigns to the same account: (database, id).
    Outranked(String, String),
    /// Both applications use the number: (database, id).
    UsedByBoth(String, String),
    /// A number given to `fix_number(s)` is assigned to another account: (account database, id).
    AssignedElsewhere(String, String),
}

/// All observable results of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The cluster afterwards.
    pub cluster: Cluster,
    /// The returned term.
    pub returned: Returned,
    /// The counts of the summary.
    pub counts: Counts,
    /// The failure report by encoded database name.
    pub failures: BTreeMap<String, Failure>,
    /// Warnings without duplicates.
    pub warnings: BTreeSet<Warning>,
    /// Ids of accounts to reconcile services for.
    pub services: BTreeSet<String>,
    /// The exact lines of the three outputs that the manual shows.
    pub output: Option<Vec<String>>,
}

/// The failure report at the end of the output: `{db: {"failed": {reason: [number]}}}`.
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
