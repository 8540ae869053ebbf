//! The progress line at the bottom of a terminal: work done, total work and remaining time.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kazoo_numbers::report::{Event, Progress};
use kazoo_numbers_cli::terminal;

use crate::output;

/// The most times a second that the line is drawn.
const DRAWS_PER_SECOND: u8 = 3;

/// The progress line. Absent if standard error is not a terminal.
#[derive(Debug, Default)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    progress: Arc<Mutex<Progress>>,
}

impl Live {
    /// Creates the line at the start of a run.
    pub(crate) fn begin() -> Self {
        if !output::has_live_line() {
            return Self::default();
        }
        // At the pace of progress: a slow connection to the terminal has better use.
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        let bar = ProgressBar::with_draw_target(None, target);
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
        Self {
            bar: Some(bar),
            progress,
        }
    }

    /// Whether there is a line.
    pub(crate) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Records an event.
    pub(crate) fn record(&self, event: &Event) {
        if let (Some(_), Event::Progress(progress)) = (&self.bar, event) {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = *progress;
        }
    }

    /// Draws the line again. [`output::show`] sets the pace, because printing draws it, too.
    pub(crate) fn draw(&self) {
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }

    /// Prints with the line hidden, and draws it again.
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
