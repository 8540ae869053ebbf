//! What is printed, and the only place that prints: what a command says on standard output, what
//! is said about it on standard error.

use std::io::{self, Write};

use kazoo_numbers::report::{Event, Renderer};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::live::Live;

/// Events that are printed together, at most.
const BATCH: usize = 256;

/// Says something beside the output. Nobody there to read it: nobody misses it.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Puts text on standard output, at once.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

fn print_bytes(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// How the output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines to read.
    Lines,
    /// One JSON object a line.
    Json,
}

impl Form {
    /// The one that was asked for.
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Lines }
    }

    fn event(self, event: &Event, text: &mut Vec<u8>) {
        match self {
            Self::Lines => {
                for line in Renderer.lines(event) {
                    text.extend_from_slice(line.as_bytes());
                    text.push(b'\n');
                }
            }
            Self::Json => {
                let begin = text.len();
                // Strings and numbers: serialising them cannot fail, and half a line helps nobody.
                if serde_json::to_writer(&mut *text, event).is_err() {
                    text.truncate(begin);
                    return;
                }
                text.push(b'\n');
            }
        }
    }
}

/// An event of this program's own, in the shape of the library's.
pub(crate) fn own_event(name: &str, data: &Value) -> String {
    format!("{}\n", json!({"event": name, "data": data}))
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
    let mut result = Ok(());
    while events.blocking_recv_many(&mut batch, BATCH) > 0 {
        text.clear();
        for event in batch.drain(..) {
            live.saw(&event);
            form.event(&event, &mut text);
        }
        if result.is_ok() {
            result = live.aside(|| print_bytes(&text));
            if result.is_err() {
                cancel.cancel();
            }
        }
    }
    result
}
