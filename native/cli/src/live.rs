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
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
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
        bar.set_message(format!(
            "{} databases, {} documents read, {} changed",
            add(&self.databases, 1),
            add(&self.documents, *read),
            add(&self.changes, changed)
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
