//! The report of a run as one JSON document (`docs/report.schema.json`).

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Counts, Event, Summary, sanitise};

/// The version of the document's form.
const VERSION: u32 = 1;

/// What one database came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DatabaseReport {
    database: String,
    read: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// What is kept of a run's events until its report is written. What a run lists without end,
/// a rehearsal's changes and a command's own lines, is not kept.
#[derive(Debug, Default)]
pub struct Notes {
    warnings: Vec<String>,
    databases: Vec<DatabaseReport>,
    audit: Option<Box<RawValue>>,
}

impl Notes {
    /// Takes note of an event.
    pub fn saw(&mut self, event: &Event) {
        match event {
            Event::Warning(line) => self.warnings.push(line.clone()),
            Event::Aside(event) => self.saw(event),
            Event::Database {
                database,
                read,
                counts,
            } => self.databases.push(DatabaseReport {
                database: database.clone(),
                read: *read,
                counts: *counts,
            }),
            // Strings, numbers, lists of them: serialising them cannot fail.
            Event::Audit(audit) => self.audit = serde_json::value::to_raw_value(audit).ok(),
            // The report has a field for the error.
            Event::Output(_)
            | Event::Error { .. }
            | Event::Progress(_)
            | Event::Planned(_)
            | Event::Finished { .. } => {}
        }
    }
}

/// About a run: all that is neither an event of it nor a figure.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The function and its arguments as given.
    pub command_line: String,
    /// Who ran it.
    pub who: String,
    /// The id under which `undo` knows it, if it wrote anything.
    pub run: Option<String>,
    /// When it began, as RFC 3339 has it.
    pub started: String,
    /// When it ended.
    pub ended: String,
    /// The exit status that `sup` makes of what it returned.
    pub exit_status: u8,
    /// Why it ended before its end, in one line; None where it did not.
    pub error: Option<String>,
}

/// The report, as one JSON object on lines of its own.
pub fn document(about: &About, summary: &Summary, notes: &Notes) -> String {
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
        databases: &notes.databases,
        warnings: &notes.warnings,
        audit: &notes.audit,
    };
    // As above.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    sanitise::page(&text).into_owned()
}
