//! Prints the events of a run as lines, as JSON, or as one document.

use std::io;

use kazoo_numbers::report::{Event, Renderer, audit, sanitise};
use kazoo_numbers_cli::terminal::{print_bytes, say_bytes};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::live::Live;
use crate::options::{AuditFormat, Options};

/// The most events that are printed together.
const BATCH: usize = 256;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines for people.
    Lines,
    /// One JSON object on each line.
    Json,
    /// Only the audit. All other output goes to standard error.
    Document(AuditFormat),
}

impl Form {
    /// The form that the options request.
    pub(crate) fn of(options: &Options) -> Self {
        match options.audit.format {
            Some(document) => Self::Document(document),
            None if options.output.json => Self::Json,
            None => Self::Lines,
        }
    }

    /// Adds an event to the text for standard output or for standard error.
    fn event(self, event: &Event, text: &mut Vec<u8>, errors: &mut Vec<u8>) {
        match self {
            Self::Lines => match event {
                Event::Error { .. } | Event::Aside(_) => lines(event, errors),
                event => lines(event, text),
            },
            Self::Json => {
                // Serialising strings and numbers cannot fail.
                let line = serde_json::to_string(event).unwrap_or_default();
                text.extend_from_slice(sanitise::line(&line).as_bytes());
                text.push(b'\n');
            }
            Self::Document(document) => match event {
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
                event => lines(event, errors),
            },
        }
    }
}

fn lines(event: &Event, text: &mut Vec<u8>) {
    for line in Renderer.lines(event) {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
}

/// Prints events until the channel is closed. If output fails, the run is cancelled as after the
/// loss of its terminal, and its remaining events are discarded so that it does not wait.
pub(crate) fn show(
    mut events: mpsc::Receiver<Event>,
    form: Form,
    live: &Live,
    cancel: &CancellationToken,
) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut text = Vec::new();
    let mut errors = Vec::new();
    let mut result = Ok(());
    while events.blocking_recv_many(&mut batch, BATCH) > 0 {
        text.clear();
        errors.clear();
        for event in batch.drain(..) {
            live.record(&event);
            form.event(&event, &mut text, &mut errors);
        }
        if result.is_ok() {
            result = live.suspended(|| print_bytes(&text));
            if result.is_err() {
                cancel.cancel();
            }
        }
        if !errors.is_empty() {
            live.suspended(|| say_bytes(&errors));
        }
    }
    result
}
