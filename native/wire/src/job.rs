//! The command itself: from the request to what the library runs, from its events to lines.

use crate::caller::Caller;
use crate::follow::follow;
use crate::frame::Returned;
use crate::host;
use crate::printer::{Lines, Printer};
use crate::request::{Argument, Journal, Lock, Settings, Start};
use kazoo_numbers::command::{self, parse};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::lease;
use kazoo_numbers::report::{Event, Progress, Renderer, sanitise};
use kazoo_numbers::run;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Events under way, at most; beyond them the run waits for the terminal.
const EVENTS: usize = 1024;

/// Runs the command to its end; an error is the one line that says why it could not be run at all.
pub(crate) async fn run(start: Start, caller: &Arc<Caller>) -> Result<Returned, String> {
    let (lines, printer) = Printer::new(Arc::clone(caller));
    let printing = tokio::spawn(printer.run());
    let returned = perform(start, caller, lines).await?;
    // When nobody reads the last lines, the result still says what came of it.
    let _ = printing.await;
    Ok(returned)
}

async fn perform(start: Start, caller: &Arc<Caller>, lines: Lines) -> Result<Returned, String> {
    let arguments: Vec<command::Argument> = start.arguments.iter().cloned().map(argument).collect();
    let command = match parse(&start.function, &arguments) {
        Ok(command) => command,
        Err(refusal) => {
            let _ = lines.put(sanitise::message(&refusal.to_string())).await;
            return Ok(returned(run::Returned::of_refusal(
                &start.function,
                &refusal,
            )));
        }
    };
    let (events, receiver) = mpsc::channel(EVENTS);
    let for_warnings = (!command.has_fixed_output()).then(|| lines.clone());
    let host = host::of(&start, caller, for_warnings);
    let (progress, latest) = watch::channel(Progress::default());
    let following = start
        .settings
        .follow
        .then(|| tokio::spawn(follow(Arc::clone(caller), latest)));
    let telling = tokio::spawn(tell(receiver, Arc::clone(caller), lines, progress));
    let job = run::Job {
        host,
        settings: settings(&start),
        function: start.function,
        command,
        events,
        cancel: caller.stop().clone(),
    };
    let finished = run::run(job).await;
    if let Some(following) = following {
        // Over before the last frame is sent: nothing comes after that.
        following.abort();
        let _ = following.await;
    }
    telling
        .await
        .map_err(|_| "internal error: the report could not be made".to_owned())?;
    Ok(returned(finished.returned))
}

/// Takes every event, also when nobody reads the lines any more: the run must not wait for them.
async fn tell(
    mut events: mpsc::Receiver<Event>,
    caller: Arc<Caller>,
    lines: Lines,
    progress: watch::Sender<Progress>,
) {
    let renderer = Renderer;
    while let Some(event) = events.recv().await {
        if let Event::Progress(latest) = event {
            progress.send_replace(latest);
            continue;
        }
        if let Event::Aside(_) = event {
            // A caller that is gone reads no log either.
            let _ = caller.log(renderer.lines(&event)).await;
            continue;
        }
        for line in renderer.lines(&event) {
            if lines.put(line).await.is_err() {
                break;
            }
        }
    }
}

fn argument(argument: Argument) -> command::Argument {
    match argument {
        Argument::Text(text) => command::Argument::Text(text),
        Argument::List(texts) => command::Argument::List(texts),
    }
}

fn settings(start: &Start) -> run::Settings {
    let asked = &start.settings;
    let mut settings = run::Settings {
        command_line: command_line(start),
        journals: journals(asked),
        lock: match asked.lock {
            Lock::Refuse => lease::Lock::Refuse,
            Lock::Wait => lease::Lock::Wait,
            Lock::Off => lease::Lock::Off,
        },
        who: asked.who.clone().unwrap_or_default(),
        report: asked
            .report_directory
            .as_ref()
            .map(|directory| run::ReportTo::Directory(directory.into())),
        metrics: asked.metrics_file.as_ref().map(PathBuf::from),
        place: asked.place.clone().unwrap_or_default(),
        ..run::Settings::default()
    };
    if let Some(jobs) = asked.parallel_jobs_count {
        settings.limit_parallel(count(jobs));
    }
    if let Some(milliseconds) = asked.time_between_db_ms {
        settings.time_between_databases = Duration::from_millis(milliseconds);
    }
    if let Some(documents) = asked.max_bulk_read {
        settings.max_bulk_read = count(documents);
    }
    if let Some(documents) = asked.max_bulk_insert {
        settings.max_bulk_insert = count(documents);
    }
    if let Some(section) = &asked.config_section {
        settings.config_section.clone_from(section);
    }
    settings.dry_run = asked.dry_run;
    settings.http.ca_file = match &asked.ca_file {
        Some(path) => Some(path.into()),
        None => env::var_os("COUCHDB_CA_FILE")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
    };
    settings
}

/// The command as somebody would type it again.
fn command_line(start: &Start) -> String {
    let arguments = start.arguments.iter().map(|argument| match argument {
        Argument::Text(text) => text.clone(),
        Argument::List(texts) => format!("[{}]", texts.join(",")),
    });
    std::iter::once(start.function.clone())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn journals(asked: &Settings) -> Option<Journals> {
    let mut journals = match &asked.journal {
        Journal::Off => return None,
        Journal::In(directory) => Journals::new(PathBuf::from(directory)),
        Journal::Usual => Journals::usual(),
    };
    if let Some(days) = asked.journal_keep_days {
        journals = journals.kept_for(days);
    }
    if let Some(bytes) = asked.journal_keep_bytes {
        journals.keep_bytes = bytes;
    }
    Some(journals)
}

/// At least one: a knob at nought would stand still.
fn count(asked: u64) -> usize {
    usize::try_from(asked).unwrap_or(usize::MAX).max(1)
}

fn returned(returned: run::Returned) -> Returned {
    match returned {
        run::Returned::Ok => Returned::Ok,
        run::Returned::NoReturn => Returned::NoReturn,
        run::Returned::Code(code) => Returned::Status(i64::from(code)),
        run::Returned::Value(Ok(text)) => Returned::Value(text),
        run::Returned::Value(Err(text)) => Returned::Error(text),
        run::Returned::App(app) => Returned::App(app.map(str::to_owned)),
    }
}
