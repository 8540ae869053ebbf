//! The progress line at the bottom of a terminal: work done, total work and remaining time.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use kazoo_numbers::report::{Event, Progress};
use kazoo_numbers_cli::terminal;

const TICK: Duration = Duration::from_millis(120);

/// The progress line. Absent if standard error is not a terminal.
#[derive(Debug, Default)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    progress: Arc<Mutex<Progress>>,
}

impl Live {
    /// Creates the line at the start of a run.
    pub(crate) fn begin() -> Self {
        if !io::stderr().is_terminal() || std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
            return Self::default();
        }
        let bar = ProgressBar::new_spinner();
        let progress = Arc::<Mutex<Progress>>::default();
        // The template is valid. If it were not, indicatif's default would be used.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {progress}") {
            let shown = progress.clone();
            // Computed at each draw: the remaining time changes while a database is processed.
            let draw = move |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                let _ = to.write_str(&now(&shown).line(state.elapsed()));
            };
            bar.set_style(style.with_key("progress", draw));
        }
        bar.enable_steady_tick(TICK);
        Self {
            bar: Some(bar),
            progress,
        }
    }

    /// Records an event.
    pub(crate) fn record(&self, event: &Event) {
        if let (Some(_), Event::Progress(progress)) = (&self.bar, event) {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = *progress;
        }
    }

    /// Prints with the line hidden.
    pub(crate) fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Prints a line on standard error.
    pub(crate) fn say(&self, line: &str) {
        self.suspended(|| terminal::say(line));
    }

    /// Removes the line.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn now(progress: &Mutex<Progress>) -> Progress {
    *progress.lock().unwrap_or_else(PoisonError::into_inner)
}
