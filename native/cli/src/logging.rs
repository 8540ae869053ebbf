//! The log on standard error, and the answer to SIGUSR1.

use std::env;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kazoo_numbers::report::sanitise;
use kazoo_numbers_cli::terminal;
use kazoo_numbers_logs::{activity, directives, install};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, fmt};

use crate::live::Live;

const VARIABLE: &str = "KAZOO_NUMBERS_LOG";

/// Starts the log: of the option, else of the environment, else none.
///
/// # Errors
///
/// The environment has an unknown directive. The error is one line.
pub(crate) fn start(verbosity: u8) -> Result<(), String> {
    let text = env::var_os(VARIABLE).unwrap_or_default();
    let filter: Option<Targets> = if verbosity > 0 {
        Some(directives::of_verbosity(verbosity))
    } else if text.is_empty() {
        None
    } else {
        let parsed = text
            .to_str()
            .ok_or_else(|| "expected text in UTF-8".to_owned())
            .and_then(directives::parse);
        Some(parsed.map_err(|reason| format!("error: cannot use {VARIABLE}: {reason}"))?)
    };
    install(|| {
        filter.map(|filter| {
            fmt::layer()
                .with_ansi(false)
                .with_writer(|| StandardError)
                .with_filter(directives::filter(filter))
                .boxed()
        })
    });
    Ok(())
}

/// The progress line of the run.
static LIVE: Mutex<Weak<Live>> = Mutex::new(Weak::new());

/// Logs around this progress line from now on.
pub(crate) fn keep_clear_of(live: &Arc<Live>) {
    *LIVE.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(live);
}

/// Prints what the run does at the moment, on each SIGUSR1.
pub(crate) fn report_on_signal(live: Arc<Live>) -> io::Result<()> {
    let mut signals = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            let lines: Vec<String> = activity::all()
                .iter()
                .map(activity::Activity::line)
                .collect();
            live.suspended(|| {
                terminal::say("in progress, and for how long:");
                lines.iter().for_each(|line| terminal::say(line));
            });
        }
    });
    Ok(())
}

/// Standard error. Each event is one write.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = sanitise::without_credentials(text.trim_end_matches('\n'));
        let live = LIVE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade();
        match live {
            Some(live) => live.say(&line),
            None => terminal::say(&line),
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
