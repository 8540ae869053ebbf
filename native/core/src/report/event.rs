//! The events of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{
    Audit, AuditTotals, Check, Counts, Failures, Finding, LockEntry, NumberReport, NumberWarning,
    PastRuns, PlanChange, PlanDatabase, PlanHead, PlanTotals, Progress, SavedPlan, Undecided,
};

/// One field that a run or a dry run changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// The JSON text before. `None`: the field was absent.
    pub old: Option<String>,
    /// The JSON text after. `None`: the field is removed.
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
    /// The changed fields of an update.
    pub fields: Vec<FieldChange>,
}

/// The figures of a finished run, all counted from CouchDB's answers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The function that was run.
    pub command: String,
    /// Databases that were read or written.
    pub databases: u64,
    /// Documents that CouchDB delivered.
    pub documents_read: u64,
    /// The outcomes of the documents that the command decided about.
    #[serde(flatten)]
    pub counts: Counts,
    /// The duration of the run.
    #[serde(serialize_with = "as_seconds")]
    pub seconds: Duration,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Retries.
    pub retries: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
    /// Whether the run was a dry run.
    pub dry_run: bool,
    /// The failures.
    pub failures: Failures,
    /// Accounts whose services the run could not reconcile.
    pub services: Vec<String>,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// The features of a number, of the system config, or all that there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "of")]
pub enum Features {
    /// All features.
    Known {
        /// Their names.
        features: Vec<String>,
    },
    /// The features of a number.
    Number {
        /// The number.
        number: String,
        /// Those that it may have.
        allowed: Vec<String>,
        /// Those that it may not have.
        denied: Vec<String>,
    },
    /// The features of the system config.
    SystemConfig {
        /// Those that numbers may have.
        allowed: Vec<String>,
    },
}

/// The numbers that got another carrier module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversion {
    /// The encoded name of the number database; `None` for a given number.
    pub database: Option<String>,
    /// The module before; `None` for a given number.
    pub source: Option<String>,
    /// The module after.
    pub target: String,
    /// The converted numbers.
    pub converted: Vec<String>,
    /// The failed numbers, each with its reason as one word.
    pub failed: BTreeMap<String, String>,
}

/// An event of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum Event {
    /// A line that the manual prescribes, or the command's answer.
    Output(String),
    /// Information for the operator that is not a failure.
    Warning(String),
    /// A warning about one number. The run ends with one line, a [`Event::Warning`], for all of a kind.
    NumberWarning(NumberWarning),
    /// The error that ended the run or prevented its start.
    Error {
        /// The failed operation and the reason, printed after `error: ` or `refused: `.
        line: String,
        /// The hint for an operator, if there is one.
        hint: Option<String>,
        /// The kind of the error, as failure reports name it. `None` for a refusal.
        kind: Option<&'static str>,
    },
    /// The failures of a command whose output has no summary.
    Failures(Failures),
    /// Numbers by carrier module.
    CarrierUsage {
        /// The encoded name of the number database; `None`: the totals.
        database: Option<String>,
        /// The number of documents of each module.
        modules: BTreeMap<String, u64>,
    },
    /// A conversion of carrier modules.
    Conversion(Conversion),
    /// Features.
    Features(Features),
    /// The purge of a number database.
    Purged {
        /// Its encoded name.
        database: String,
        /// The state of the purged numbers.
        state: &'static str,
        /// How many were purged.
        numbers: u64,
    },
    /// A database is finished.
    Database {
        /// Its encoded name.
        database: String,
        /// Documents read from it.
        read: u64,
        /// The outcomes of its documents.
        #[serde(flatten)]
        counts: Counts,
    },
    /// The progress of the run. Sent when the number of databases is known, and after each database.
    Progress(Progress),
    /// A planned change of a dry run.
    Planned(PlannedChange),
    /// The saved plans, the newest last.
    Plans(Vec<SavedPlan>),
    /// The head of a saved plan. Its totals follow.
    Plan(Box<PlanHead>),
    /// The totals of a plan.
    PlanTotals(Box<PlanTotals>),
    /// A database of a plan, if each document is shown. Its documents follow.
    PlanDatabase(PlanDatabase),
    /// A document of a plan.
    PlanChange(Box<PlanChange>),
    /// A finding of an audit that does not keep its findings.
    Finding(Box<Finding>),
    /// The result of an audit.
    Audit(Box<Audit>),
    /// The runs that can be undone.
    Runs(Box<PastRuns>),
    /// The entries of the cluster lock.
    Status(Vec<LockEntry>),
    /// One number in all databases.
    Number(Box<NumberReport>),
    /// The audits of this cluster so far, oldest first.
    Trend(Vec<AuditTotals>),
    /// The result of a check of `doctor`.
    Check(Check),
    /// Drift that the command leaves to a person.
    Undecided(Undecided),
    /// The end of the run. `figures` is false for outputs that end with the lines in the manual.
    Finished {
        /// The figures.
        summary: Box<Summary>,
        /// Whether they are printed.
        figures: bool,
    },
    /// An event that is not part of an output with exactly the lines in the manual. It goes to standard error or the log.
    #[serde(untagged)]
    Aside(Box<Event>),
}
