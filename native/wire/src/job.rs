//! Runs a command of the library: from the start request to its result, and from its events to
//! lines.

use crate::caller::Caller;
use crate::follow::follow;
use crate::frame::JobResult;
use crate::host;
use crate::printer::{LineSender, Printer};
use crate::request::{Argument, IndexMode, JobSettings, JournalMode, LockMode, StartRequest};
use kazoo_numbers::command::{self, parse};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::lease;
use kazoo_numbers::plan::Drift;
use kazoo_numbers::report::{Event, Progress, Renderer, sanitise};
use kazoo_numbers::run;
use kazoo_numbers::watch::{self, WatchJob, WatchSettings};
use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::watch as latest;

/// The most events in the channel. If it is full, the run waits for the terminal.
const EVENTS: usize = 1024;

/// The job that is no command: it ends when it is cancelled.
const WATCH: &str = "watch";

/// The status of a watch whose settings are refused. Another try would be refused, too.
const REFUSED: i64 = 2;

/// Runs the command to its end. An error is one line with the reason why it could not run.
pub(crate) async fn run(start: StartRequest, caller: &Arc<Caller>) -> Result<JobResult, String> {
    let (lines, printer) = Printer::new(Arc::clone(caller));
    let printing = tokio::spawn(printer.run());
    let returned = perform(start, caller, lines).await?;
    // If the last lines cannot be printed, the result is still returned.
    let _ = printing.await;
    Ok(returned)
}

async fn perform(
    start: StartRequest,
    caller: &Arc<Caller>,
    lines: LineSender,
) -> Result<JobResult, String> {
    if start.function == WATCH {
        return watch(&start, caller, lines).await;
    }
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
    let mut settings = settings(&start)?;
    settings.http.pace = Some(caller.pace().clone());
    let (events, receiver) = mpsc::channel(EVENTS);
    let for_warnings = (!command.spec().has_fixed_output).then(|| lines.clone());
    let host = host::of(&start, caller, for_warnings);
    let (progress, latest) = latest::channel(Progress::default());
    let reporting = start
        .settings
        .follow
        .then(|| tokio::spawn(follow(Arc::clone(caller), latest)));
    let forwarding = tokio::spawn(forward_events(
        receiver,
        Arc::clone(caller),
        lines,
        progress,
    ));
    let job = run::Job {
        host,
        settings,
        function: start.function,
        command,
        events,
        cancel: caller.stop().clone(),
    };
    let finished = run::run(job).await;
    if let Some(reporting) = reporting {
        // The task ends before the last frame, because no frame may follow that one.
        reporting.abort();
        let _ = reporting.await;
    }
    forwarding
        .await
        .map_err(|_| "internal error: cannot print the report".to_owned())?;
    Ok(returned(finished.returned))
}

/// Watches the cluster, and prints the changes of its drift, until the caller cancels it.
async fn watch(
    start: &StartRequest,
    caller: &Arc<Caller>,
    lines: LineSender,
) -> Result<JobResult, String> {
    let mut settings = settings(start)?;
    settings.http.pace = Some(caller.pace().clone());
    // Each run has its own.
    settings.run_id = None;
    let watch = match watch_settings(start) {
        Ok(watch) => watch,
        Err(line) => {
            let _ = lines.put(sanitise::message(&line)).await;
            return Ok(JobResult::Status(REFUSED));
        }
    };
    let (events, mut receiver) = mpsc::channel(EVENTS);
    let watching = watch::watch(WatchJob {
        watch,
        host: {
            let (start, caller, lines) = (start.clone(), caller.clone(), lines.clone());
            Box::new(move || host::of(&start, &caller, Some(lines.clone())))
        },
        settings,
        events,
        cancel: caller.stop().clone(),
    });
    let printing = async {
        while let Some(event) = receiver.recv().await {
            if let Some(line) = event.line() {
                // A caller that is gone has cancelled the watch.
                let _ = lines.put(line).await;
            }
        }
    };
    futures::future::join(watching, printing).await;
    Ok(JobResult::Ok)
}

/// The settings of the watch, or the line that refuses one.
fn watch_settings(start: &StartRequest) -> Result<WatchSettings, String> {
    let requested = &start.settings.watch;
    let usual = WatchSettings::default();
    let seconds = |given: Option<u64>, usual| given.map_or(usual, Duration::from_secs);
    let watch = WatchSettings {
        interval: seconds(requested.interval, usual.interval),
        grace: seconds(requested.grace, usual.grace),
        repair: kinds("watch", &requested.repair)?,
        repair_limit: requested.repair_limit.unwrap_or(usual.repair_limit),
    };
    watch.check()?;
    Ok(watch)
}

/// Forwards all events. It continues if lines can no longer be printed, because the run must not
/// wait for them.
async fn forward_events(
    mut events: mpsc::Receiver<Event>,
    caller: Arc<Caller>,
    lines: LineSender,
    progress: latest::Sender<Progress>,
) {
    let renderer = Renderer;
    while let Some(event) = events.recv().await {
        if let Event::Progress(latest) = event {
            progress.send_replace(latest);
            continue;
        }
        if let Event::Aside(_) = event {
            let lines = renderer.lines(&event);
            if !lines.is_empty() {
                // A caller that is gone reads no log either.
                let _ = caller.log(lines).await;
            }
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

/// The settings of a run, or the line that refuses one.
fn settings(start: &StartRequest) -> Result<run::Settings, String> {
    let requested = &start.settings;
    let mut settings = run::Settings {
        command_line: command_line(start),
        journals: journals(requested),
        index: index(requested),
        lock: match requested.lock {
            LockMode::Refuse => lease::Lock::Refuse,
            LockMode::Wait => lease::Lock::Wait,
            LockMode::Off => lease::Lock::Off,
        },
        who: requested.who.clone().unwrap_or_default(),
        report: requested
            .report_directory
            .as_ref()
            .map(|directory| run::ReportTo::Directory(directory.into())),
        metrics: requested.metrics_file.as_ref().map(PathBuf::from),
        audit: run::AuditSettings {
            kinds: kinds(
                "audit_kinds",
                requested.audit_kinds.as_deref().unwrap_or_default(),
            )?,
            accepted: requested.audit_ignore.as_ref().map(PathBuf::from),
            ..run::AuditSettings::default()
        },
        place: requested.place.clone().unwrap_or_default(),
        run_id: requested.run_id.clone(),
        known_runs: requested.known_runs.clone(),
        ..run::Settings::default()
    };
    if let Some(jobs) = requested.parallel_jobs_count {
        settings.limit_parallel(count(jobs));
    }
    if let Some(milliseconds) = requested.time_between_db_ms {
        settings.time_between_databases = Duration::from_millis(milliseconds);
    }
    if let Some(documents) = requested.max_bulk_read {
        settings.max_bulk_read = count(documents);
    }
    if let Some(documents) = requested.max_bulk_insert {
        settings.max_bulk_insert = count(documents);
    }
    if let Some(section) = &requested.config_section {
        settings.config_section.clone_from(section);
    }
    settings.dry_run = requested.dry_run;
    settings.max_delete = requested.max_delete;
    settings.max_changes = requested.max_changes;
    settings.limit = requested.limit;
    settings.exclude = command::exclusions(requested.exclude.as_deref().unwrap_or_default()).map_err(|_| {
        "error: cannot use the setting exclude of the application environment: expected accounts, number databases, prefixes or numbers".to_owned()
    })?;
    settings.http.ca_file = match &requested.ca_file {
        Some(path) => Some(path.into()),
        None => env::var_os("COUCHDB_CA_FILE")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
    };
    Ok(settings)
}

/// The kinds of drift with these names. As for other settings, no message has the value.
fn kinds(setting: &str, names: &[String]) -> Result<BTreeSet<Drift>, String> {
    let kinds = names.iter().map(|name| {
        Drift::of_name(name).ok_or_else(|| {
            let known = Drift::ALL.map(Drift::name).join(", ");
            format!(
                "error: cannot use the setting {setting} of the application environment: expected kinds of drift: {known}"
            )
        })
    });
    kinds.collect()
}

/// The command line to type the command again.
fn command_line(start: &StartRequest) -> String {
    let arguments = start.arguments.iter().map(|argument| match argument {
        Argument::Text(text) => text.clone(),
        Argument::List(texts) => format!("[{}]", texts.join(",")),
    });
    std::iter::once(start.function.clone())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn journals(requested: &JobSettings) -> Option<Journals> {
    let mut journals = match &requested.journal {
        JournalMode::Off => return None,
        JournalMode::In(directory) => Journals::new(PathBuf::from(directory)),
        JournalMode::Usual => Journals::usual(),
    };
    if let Some(days) = requested.journal_keep_days {
        journals = journals.kept_for(days);
    }
    if let Some(bytes) = requested.journal_keep_bytes {
        journals.keep_bytes = bytes;
    }
    Some(journals)
}

fn index(requested: &JobSettings) -> Option<run::IndexSettings> {
    match &requested.index {
        IndexMode::Off => None,
        IndexMode::In(directory) => Some(run::IndexSettings::of(directory.into())),
        IndexMode::Usual => run::IndexSettings::usual(),
        IndexMode::Recent => usual_asking(run::IndexAsks::Feed),
        IndexMode::ReadAll => usual_asking(run::IndexAsks::Nothing),
    }
}

fn usual_asking(asks: run::IndexAsks) -> Option<run::IndexSettings> {
    run::IndexSettings::usual().map(|index| index.asking(asks))
}

/// At least 1. The value 0 would stop the run.
fn count(requested: u64) -> usize {
    usize::try_from(requested).unwrap_or(usize::MAX).max(1)
}

fn returned(returned: run::Returned) -> JobResult {
    match returned {
        run::Returned::Ok => JobResult::Ok,
        run::Returned::NoReturn => JobResult::NoReturn,
        run::Returned::Code(code) => JobResult::Status(i64::from(code)),
        run::Returned::Value(Ok(text)) => JobResult::Value(text),
        run::Returned::Value(Err(text)) => JobResult::Error(text),
        run::Returned::App(app) => JobResult::App(app.map(str::to_owned)),
    }
}
