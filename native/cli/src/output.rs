//! Prints a run: its events as lines, as JSON, or as one document.

use std::io;

use clap::ValueEnum;
use kazoo_numbers::report::{Event, Renderer, audit, sanitise};
use kazoo_numbers_cli::terminal::{print_bytes, say_bytes};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::arguments::Options;
use crate::live::Live;

/// Events that are printed together, at most.
const BATCH: usize = 256;

/// A kind of document that an audit can be handed on as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// One JSON object
    Json,
    /// One row a finding
    Csv,
    /// One page that needs nothing else
    Html,
}

/// How the output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines to read.
    Lines,
    /// One JSON object a line.
    Json,
    /// The audit alone; what there is to say beside it goes to standard error.
    Document(Document),
}

impl Form {
    /// The one that was asked for.
    pub(crate) fn of(options: &Options) -> Self {
        match options.format {
            Some(document) => Self::Document(document),
            None if options.json => Self::Json,
            None => Self::Lines,
        }
    }

    /// Adds an event to what is printed, and to what is said beside it.
    fn event(self, event: &Event, text: &mut Vec<u8>, beside: &mut Vec<u8>) {
        match self {
            Self::Lines => match event {
                Event::Error { .. } | Event::Aside(_) => lines(event, beside),
                event => lines(event, text),
            },
            Self::Json => {
                // Strings and numbers: serialising them cannot fail.
                let line = serde_json::to_string(event).unwrap_or_default();
                text.extend_from_slice(sanitise::line(&line).as_bytes());
                text.push(b'\n');
            }
            Self::Document(document) => match event {
                Event::Audit(audit) => {
                    let whole = match document {
                        Document::Json => audit::to_json(audit),
                        Document::Csv => audit::to_csv(audit),
                        Document::Html => audit::to_html(audit),
                    };
                    text.extend_from_slice(whole.as_bytes());
                    if !whole.ends_with('\n') {
                        text.push(b'\n');
                    }
                }
                event => lines(event, beside),
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

/// Prints events until there are no more. When nobody reads them any longer the run is stopped,
/// as a run is whose terminal is gone, and its events are let go: it must not wait for them.
pub(crate) fn show(
    mut events: mpsc::Receiver<Event>,
    form: Form,
    live: &Live,
    cancel: &CancellationToken,
) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut text = Vec::new();
    let mut beside = Vec::new();
    let mut result = Ok(());
    while events.blocking_recv_many(&mut batch, BATCH) > 0 {
        text.clear();
        beside.clear();
        for event in batch.drain(..) {
            live.saw(&event);
            form.event(&event, &mut text, &mut beside);
        }
        if result.is_ok() {
            result = live.aside(|| print_bytes(&text));
            if result.is_err() {
                cancel.cancel();
            }
        }
        if !beside.is_empty() {
            live.aside(|| say_bytes(&beside));
        }
    }
    result
}
