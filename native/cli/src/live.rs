//! The live line at the bottom of a terminal: what is done so far, and for how long.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kazoo_numbers::report::Event;

use crate::output;

const TICK: Duration = Duration::from_millis(120);

/// The live line, where standard error is a terminal; nothing elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    databases: AtomicU64,
    documents: AtomicU64,
    changes: AtomicU64,
}

impl Live {
    /// A line for a run that begins now.
    pub(crate) fn begin() -> Self {
        if !io::stderr().is_terminal() || std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
            return Self::default();
        }
        let bar = ProgressBar::new_spinner();
        // The template is ours, and right; without it there is indicatif's own.
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}, {per_sec}")
        {
            bar.set_style(style);
        }
        bar.set_message(line(0, 0, 0));
        bar.enable_steady_tick(TICK);
        Self {
            bar: Some(bar),
            ..Self::default()
        }
    }

    /// Takes note of an event.
    pub(crate) fn saw(&self, event: &Event) {
        let (Some(bar), Event::Database { read, counts, .. }) = (&self.bar, event) else {
            return;
        };
        let changed = counts.created + counts.updated + counts.deleted;
        let add = |counter: &AtomicU64, by| counter.fetch_add(by, Ordering::Relaxed) + by;
        let documents = add(&self.documents, *read);
        bar.set_position(documents);
        bar.set_message(line(
            add(&self.databases, 1),
            add(&self.changes, changed),
            documents,
        ));
    }

    /// Does something that prints, with the line out of its way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Says something beside the output.
    pub(crate) fn say(&self, line: &str) {
        self.aside(|| output::say(line));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The documents stand last: the rate that follows is theirs.
fn line(databases: u64, changes: u64, documents: u64) -> String {
    format!("{databases} databases done, {changes} documents changed, {documents} read")
}
