//! The report of a run as one JSON document (`docs/report.schema.json`).

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Counts, Event, Summary, sanitise};

/// The version of the format.
const VERSION: u32 = 1;

/// The figures of one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DatabaseReport {
    database: String,
    read: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// The events of a run that its report needs. Planned changes of a dry run and output lines have no limit, so they are not kept.
#[derive(Debug, Default)]
pub struct RecordedEvents {
    warnings: Vec<String>,
    databases: Vec<DatabaseReport>,
    audit: Option<Box<RawValue>>,
}

impl RecordedEvents {
    /// Records an event.
    pub fn record(&mut self, event: &Event) {
        match event {
            Event::Warning(line) => self.warnings.push(line.clone()),
            Event::Aside(event) => self.record(event),
            Event::Database {
                database,
                read,
                counts,
            } => self.databases.push(DatabaseReport {
                database: database.clone(),
                read: *read,
                counts: *counts,
            }),
            // Serialising strings, numbers and lists cannot fail.
            Event::Audit(audit) => self.audit = serde_json::value::to_raw_value(audit).ok(),
            // The report has a field for the error.
            Event::Output(_)
            | Event::Error { .. }
            | Event::Failures(_)
            | Event::CarrierUsage { .. }
            | Event::Conversion(_)
            | Event::Features(_)
            | Event::Purged { .. }
            | Event::Progress(_)
            | Event::NumberWarning(_)
            | Event::Planned(_)
            | Event::Plans(_)
            | Event::Plan(_)
            | Event::PlanTotals(_)
            | Event::PlanDatabase(_)
            | Event::PlanChange(_)
            | Event::Number(_)
            | Event::Runs(_)
            | Event::Status(_)
            | Event::Finding(_)
            | Event::Trend(_)
            | Event::Check(_)
            | Event::Undecided(_)
            | Event::Finished { .. } => {}
        }
    }
}

/// The facts about a run that are neither events nor figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The function and its arguments as given.
    pub command_line: String,
    /// The user.
    pub who: String,
    /// The id for `undo`, if the run wrote anything.
    pub run: Option<String>,
    /// The start time (RFC 3339).
    pub started: String,
    /// The end time (RFC 3339).
    pub ended: String,
    /// The exit status that `sup` derives from the returned value.
    pub exit_status: u8,
    /// The error that ended the run, in one line; `None` without an error.
    pub error: Option<String>,
}

/// The report: one JSON object, pretty-printed.
pub fn document(about: &About, summary: &Summary, recorded: &RecordedEvents) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        version: u32,
        #[serde(flatten)]
        about: &'a About,
        summary: &'a Summary,
        databases: &'a [DatabaseReport],
        warnings: &'a [String],
        audit: &'a Option<Box<RawValue>>,
    }
    let document = Document {
        version: VERSION,
        about,
        summary,
        databases: &recorded.databases,
        warnings: &recorded.warnings,
        audit: &recorded.audit,
    };
    // As above: serialising cannot fail.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    sanitise::page(&text).into_owned()
}
