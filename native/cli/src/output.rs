//! Prints the events of a run as lines, as JSON, or as one document.

use std::io::{self, IsTerminal};
use std::time::Instant;

use kazoo_numbers::report::{Counts, Event, Failures, Renderer, audit, sanitise};
use kazoo_numbers_cli::terminal::{print_bytes, say_bytes};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::colour;
use crate::failure_table;
use crate::live::Live;
use crate::options::{AuditFormat, Options};
use crate::pace::{Pace, Turn};

/// The most events that are printed together.
const BATCH: usize = 256;

/// The bytes above which text does not wait for the next draw of the progress line.
const FULL: usize = 64 << 10;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines for people.
    Lines,
    /// One JSON object on each line.
    Json,
    /// Lines for people, all on standard error.
    Question,
    /// Only the audit. All other output goes to standard error.
    Document(AuditFormat),
}

impl Form {
    /// The form that the options request.
    pub(crate) fn of(options: &Options) -> Self {
        match options.audit.format {
            _ if options.is_question => Self::Question,
            Some(document) => Self::Document(document),
            None if options.output.json => Self::Json,
            None => Self::Lines,
        }
    }
}

/// The databases that get a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DatabaseLines {
    All,
    /// Those in which something changed or failed.
    Changed,
    None,
}

impl DatabaseLines {
    fn include(self, counts: &Counts) -> bool {
        match self {
            Self::All => true,
            Self::Changed => counts.written() > 0 || counts.failed > 0,
            Self::None => false,
        }
    }
}

/// How events are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Display {
    form: Form,
    databases: DatabaseLines,
    /// The width of the terminal for which failures are a table. `None`: a JSON object for scripts.
    columns: Option<usize>,
    /// Whether lines are coloured.
    colours: bool,
}

impl Display {
    /// The display that the options request.
    pub(crate) fn of(function: &str, options: &Options) -> Self {
        let form = Form::of(options);
        let (columns, colours) = match form {
            Form::Lines => (
                failure_table::columns(&io::stdout()),
                colour::is_wanted(&io::stdout()),
            ),
            Form::Question | Form::Document(_) => (
                failure_table::columns(&io::stderr()),
                colour::is_wanted(&io::stderr()),
            ),
            Form::Json => (None, false),
        };
        Self {
            form,
            databases: match (options.quiet, options.verbose) {
                (true, _) => DatabaseLines::None,
                // The totals of a plan have its databases.
                (false, 0) if function == "plan" => DatabaseLines::None,
                (false, 0) => DatabaseLines::Changed,
                (false, _) => DatabaseLines::All,
            },
            columns,
            colours,
        }
    }

    /// Adds an event to the text for standard output or for standard error.
    fn event(self, event: &Event, text: &mut Vec<u8>, errors: &mut Vec<u8>) {
        match self.form {
            Form::Lines => match event {
                Event::Error { .. } | Event::Aside(_) => self.lines(event, errors),
                event => self.lines(event, text),
            },
            Form::Question => self.lines(event, errors),
            Form::Json => {
                // Serialising strings and numbers cannot fail.
                let line = serde_json::to_string(event).unwrap_or_default();
                text.extend_from_slice(sanitise::line(&line).as_bytes());
                text.push(b'\n');
            }
            Form::Document(document) => match event {
                Event::Finding(finding) => {
                    text.extend_from_slice(audit::finding_line(finding).as_bytes());
                    text.push(b'\n');
                }
                Event::Audit(audit) => {
                    let whole = match document {
                        AuditFormat::Jsonl => audit::last_line(audit),
                        AuditFormat::Json => audit::to_json(audit),
                        AuditFormat::Csv => audit::to_csv(audit),
                        AuditFormat::Html => audit::to_html(audit),
                    };
                    text.extend_from_slice(whole.as_bytes());
                    if !whole.ends_with('\n') {
                        text.push(b'\n');
                    }
                }
                event => self.lines(event, errors),
            },
        }
    }

    fn lines(self, event: &Event, text: &mut Vec<u8>) {
        match (event, self.columns) {
            (Event::Database { counts, .. }, _) if !self.databases.include(counts) => {}
            (
                Event::Finished {
                    summary,
                    figures: true,
                },
                Some(columns),
            ) => {
                push(text, &Renderer::summary(summary));
                table(&summary.failures, columns, text);
            }
            (Event::Failures(failures), Some(columns)) => table(failures, columns, text),
            _ => {
                for line in Renderer.toned_lines(event) {
                    match self.colours {
                        true => push(text, &colour::paint(&line)),
                        false => push(text, &line.text),
                    }
                }
            }
        }
    }
}

fn table(failures: &Failures, columns: usize, text: &mut Vec<u8>) {
    for line in failure_table::lines(failures, columns) {
        push(text, &sanitise::line(&line));
    }
}

fn push(text: &mut Vec<u8>, line: &str) {
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
}

/// Prints events until the channel is closed. If output fails, `lost` is called once, and the
/// remaining events are discarded so that the run does not wait.
pub(crate) fn show(
    mut events: mpsc::Receiver<Event>,
    display: Display,
    live: &Live,
    lost: impl Fn(&io::Error),
) -> io::Result<()> {
    let runtime = Handle::current();
    let mut batch = Vec::with_capacity(BATCH);
    let mut pace = Pace::default();
    // Printing draws the progress line again. Where there is one, text waits for its turn, too.
    let mut screen = live.is_shown().then(Turn::default);
    let mut text = Vec::new();
    let mut errors = Vec::new();
    let mut result = Ok(());
    loop {
        let received = runtime.block_on(async {
            let received = events.recv_many(&mut batch, BATCH);
            let now = Instant::now();
            let turn = screen.as_ref().map(|screen| screen.wait(now));
            match pace.wait(now).into_iter().chain(turn).min() {
                Some(wait) => timeout(wait, received).await.ok(),
                None => Some(received.await),
            }
        });
        for event in batch.drain(..) {
            live.record(&event);
            if let Event::Progress(progress) = event {
                pace.put(progress);
            } else {
                display.event(&event, &mut text, &mut errors);
            }
        }
        let now = Instant::now();
        if let Some(progress) = pace.take(now) {
            display.event(&Event::Progress(progress), &mut text, &mut errors);
        }
        let is_over = received == Some(0);
        let is_full = text.len() + errors.len() > FULL;
        let has_turn = screen.as_ref().is_none_or(|screen| screen.is_due(now));
        if !(is_over || is_full || has_turn) {
            continue;
        }
        if let Some(screen) = &mut screen {
            screen.begin(now);
        }
        if text.is_empty() && errors.is_empty() {
            live.draw();
        } else if let Err(error) = print(live, result.is_ok(), &text, &errors) {
            lost(&error);
            result = Err(error);
        }
        text.clear();
        errors.clear();
        if is_over {
            return result;
        }
    }
}

/// Prints on both outputs. `has_reader`: whether standard output could be written so far.
fn print(live: &Live, has_reader: bool, text: &[u8], errors: &[u8]) -> io::Result<()> {
    live.suspended(|| {
        let printed = match has_reader && !text.is_empty() {
            true => print_bytes(text),
            false => Ok(()),
        };
        if !errors.is_empty() {
            say_bytes(errors);
        }
        printed
    })
}

/// Whether progress is shown on a terminal.
pub(crate) fn has_live_line() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(databases: DatabaseLines, columns: Option<usize>, event: &Event) -> String {
        let display = Display {
            form: Form::Lines,
            databases,
            columns,
            colours: false,
        };
        let (mut text, mut errors) = (Vec::new(), Vec::new());
        display.event(event, &mut text, &mut errors);
        assert_eq!(errors, b"");
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn only_databases_with_changes_or_failures_are_printed() {
        let event = |counts| Event::Database {
            database: "numbers%2F%2B1415".into(),
            read: 1,
            counts,
        };
        let counts = Counts {
            unchanged: 5,
            ..Counts::default()
        };
        let deleted = Counts {
            deleted: 1,
            ..counts
        };
        let failed = Counts {
            failed: 1,
            ..counts
        };
        for (lines, of_unchanged, of_others) in [
            (DatabaseLines::All, true, true),
            (DatabaseLines::Changed, false, true),
            (DatabaseLines::None, false, false),
        ] {
            let is_shown = |counts| !shown(lines, None, &event(counts)).is_empty();
            assert_eq!(is_shown(counts), of_unchanged);
            assert_eq!(is_shown(deleted), of_others);
            assert_eq!(is_shown(failed), of_others);
        }
    }

    #[test]
    fn failures_are_a_table_on_terminals_and_an_object_elsewhere() {
        let mut failures = Failures::default();
        failures.number(
            "numbers%2F%2B1415",
            kazoo_numbers::report::Reason::CONFLICT,
            "+14155550100",
        );
        let event = Event::Failures(failures);
        let object = shown(DatabaseLines::Changed, None, &event);
        assert!(object.starts_with("{\"numbers%2F%2B1415\":"), "{object}");
        let table = shown(DatabaseLines::Changed, Some(80), &event);
        assert!(
            table.contains("save_docs-conflict") && !table.contains('{'),
            "{table}"
        );
    }
}
