//! What happens in a run, as it happens.

use std::time::Duration;

use serde::Serialize;

use super::{Audit, Counts, Failures, Progress};

/// One field of a document that a run changes, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// Its JSON text before; None: it was not there.
    pub old: Option<String>,
    /// Its JSON text after; None: it is no longer there.
    pub new: Option<String>,
}

/// A change that a dry run announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedChange {
    /// The encoded name of the database.
    pub database: String,
    /// The document's id.
    pub id: String,
    /// `created`, `updated` or `deleted`.
    pub outcome: &'static str,
    /// The fields that change, of an update.
    pub fields: Vec<FieldChange>,
}

/// The end of a run, in figures. All are counted from what CouchDB answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The function that was run.
    pub command: String,
    /// Databases that were read or written.
    pub databases: u64,
    /// Documents that CouchDB delivered.
    pub documents_read: u64,
    /// What became of the documents that the command decided about.
    #[serde(flatten)]
    pub counts: Counts,
    /// How long it took.
    #[serde(serialize_with = "as_seconds")]
    pub seconds: Duration,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
    /// Whether it only rehearsed.
    pub dry_run: bool,
    /// What failed.
    pub failures: Failures,
    /// Accounts whose services must be reconciled by somebody else.
    pub services: Vec<String>,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum Event {
    /// A line that the command's manual prescribes, or its answer.
    Output(String),
    /// Something that the operator should know, and that is no failure.
    Warning(String),
    /// Why the run ends, or did not begin.
    Error {
        /// The operation that failed, and the reason, after `error: ` or `refused: `.
        line: String,
        /// The hint for an operator, if there is one.
        hint: Option<String>,
    },
    /// A database is done.
    Database {
        /// Its encoded name.
        database: String,
        /// Documents that it delivered.
        read: u64,
        /// What became of those that were decided about.
        #[serde(flatten)]
        counts: Counts,
    },
    /// How far the run is: told when it is known what is to be done, and with each database.
    Progress(Progress),
    /// A dry run's announcement.
    Planned(PlannedChange),
    /// What an audit found.
    Audit(Box<Audit>),
    /// The end; `figures` is false for the outputs that have the manual's lines and nothing
    /// after them.
    Finished {
        /// The figures.
        summary: Box<Summary>,
        /// Whether they are printed.
        figures: bool,
    },
    /// An event that belongs to no output, of a command whose output has the manual's lines and no others: for standard error,
    /// or for the log.
    #[serde(untagged)]
    Aside(Box<Event>),
}
