//! The live line at the bottom of a terminal: what is done so far, of how much, and how long the
//! rest takes.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use kazoo_numbers::report::{Event, Progress};
use kazoo_numbers_cli::terminal;

const TICK: Duration = Duration::from_millis(120);

/// The live line, where standard error is a terminal; nothing elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    progress: Arc<Mutex<Progress>>,
}

impl Live {
    /// A line for a run that begins now.
    pub(crate) fn begin() -> Self {
        if !io::stderr().is_terminal() || std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
            return Self::default();
        }
        let bar = ProgressBar::new_spinner();
        let progress = Arc::<Mutex<Progress>>::default();
        // The template is ours, and right; without it there is indicatif's own.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {progress}") {
            let shown = progress.clone();
            // Made anew whenever it is drawn: what is left shrinks while a database takes long.
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

    /// Takes note of an event.
    pub(crate) fn saw(&self, event: &Event) {
        if let (Some(_), Event::Progress(progress)) = (&self.bar, event) {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = *progress;
        }
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
        self.aside(|| terminal::say(line));
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn now(progress: &Mutex<Progress>) -> Progress {
    *progress.lock().unwrap_or_else(PoisonError::into_inner)
}
