//! Runs a function: from its arguments to the exit status.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use kazoo_numbers::command::{self, Argument, Command, Effect, Frontend};
use kazoo_numbers::lease::Lock;
use kazoo_numbers::report::sanitise;
use kazoo_numbers::run::{AuditSettings, FAILED, Finished, Job, ReportTo, Returned, Settings, run};
use kazoo_numbers_cli::program::{DRIFT_FOUND, in_runtime};
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal::{self, own_event};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::interrupt;
use crate::live::Live;
use crate::options::{AuditFormat, Options};
use crate::output::{self, Form};
use crate::{connection, journal, logging, returned};

/// The most events in the channel. If it is full, the run waits for the terminal.
const EVENTS: usize = 1024;

/// Runs a function of the library, prints its output and returns the exit status.
pub(crate) fn function(name: &str, arguments: &[Argument], options: &Options) -> io::Result<u8> {
    let form = Form::of(options);
    match command::parse(name, arguments) {
        Ok(command) => in_runtime(performed(name, arguments, command, options)),
        Err(refusal) => {
            let line = sanitise::without_credentials(&refusal.to_string()).into_owned();
            match form {
                Form::Json => terminal::print(&own_event("refused", &json!(line)))?,
                Form::Lines | Form::Document(_) => terminal::say(&format!("error: {line}")),
            }
            let result = Returned::of_refusal(name, &refusal);
            end(form, &result, result.exit_status())
        }
    }
}

async fn performed(
    name: &str,
    arguments: &[Argument],
    command: Command,
    options: &Options,
) -> io::Result<u8> {
    let form = Form::of(options);
    let (events, receiver) = mpsc::channel(EVENTS);
    let cancel = CancellationToken::new();
    let signals = Signals::take()?;
    let live = Arc::new(Live::begin());
    logging::keep_clear_of(&live);
    logging::report_on_signal(live.clone())?;
    let interrupted = interrupt::watch(signals, cancel.clone(), live.clone());
    let showing = {
        let (live, cancel) = (live.clone(), cancel.clone());
        spawn_blocking(move || output::show(receiver, form, &live, &cancel))
    };
    let finished = run(Job {
        function: name.to_owned(),
        command,
        host: connection::host(options.address.couchdb.as_deref()),
        settings: Settings {
            command_line: journal::command_line(name, arguments),
            ..settings(options)
        },
        events,
        cancel,
    })
    .await;
    let shown = showing.await.map_err(io::Error::other)?;
    live.end();
    let result = &finished.returned;
    let status = interrupted
        .status()
        .unwrap_or_else(|| status_of(&finished, options));
    match shown {
        // The run is complete, so losing part of its output is not a failure of the run.
        Err(error) if result.exit_status() != 0 => output_lost(&error, &finished, None, options),
        Err(error) => output_lost(&error, &finished, Some(status), options),
        Ok(()) => match end(form, result, status) {
            Err(error) => output_lost(&error, &finished, Some(status), options),
            ended => ended,
        },
    }
}

/// The exit status of a run. An incomplete audit has the status of its failures, whatever it found.
fn status_of(finished: &Finished, options: &Options) -> u8 {
    let found = finished.audit.as_ref();
    let has_drift = found.is_some_and(|audit| audit.totals.findings() > 0);
    match finished.returned.exit_status() {
        0 if options.audit.fail_on_drift && has_drift => DRIFT_FOUND,
        status => status,
    }
}

/// Handles lost output. The changes of a run are reported on standard error. `complete` is the exit
/// status of a run that was not stopped.
fn output_lost(
    error: &io::Error,
    finished: &Finished,
    complete: Option<u8>,
    options: &Options,
) -> io::Result<u8> {
    let summary = &finished.summary;
    let changed = summary.counts.created + summary.counts.updated + summary.counts.deleted;
    if summary.dry_run || is_read_only(&summary.command) {
        return match error.kind() {
            ErrorKind::BrokenPipe => Ok(complete.unwrap_or_default()),
            kind => Err(io::Error::new(
                kind,
                format!("cannot write to standard output: {error}"),
            )),
        };
    }
    let (severity, end) = match complete {
        Some(_) => ("warning", "the run is complete and changed"),
        None => ("error", "the run was stopped after it changed"),
    };
    terminal::say(&format!(
        "{severity}: cannot write to standard output: {error}; {end} {changed} documents"
    ));
    if changed > 0 {
        terminal::say(&match &finished.run {
            Some(run) => format!(
                "hint: to undo the changes, run: {}",
                undo_line(run, options)
            ),
            None => "hint: the changes cannot be undone, because there is no journal".to_owned(),
        });
    }
    Ok(complete.unwrap_or(FAILED))
}

fn undo_line(run: &str, options: &Options) -> String {
    match &options.journal {
        Some(directory) => format!("kazoo-numbers undo {run} --journal {}", directory.display()),
        None => format!("kazoo-numbers undo {run}"),
    }
}

fn is_read_only(function: &str) -> bool {
    let all = command::commands();
    let mut of_that_name = all.filter(|spec| spec.name == function);
    of_that_name.all(|spec| spec.effect == Effect::Reads)
}

/// Prints the result as `sup` does and returns the exit status.
fn end(form: Form, result: &Returned, status: u8) -> io::Result<u8> {
    match form {
        Form::Lines => {
            if let Some(term) = returned::term(result) {
                terminal::print(&format!("{term}\n"))?;
            }
        }
        Form::Json => terminal::print(&own_event(
            "result",
            &json!({"returned": returned::value(result), "exit_status": status}),
        ))?,
        Form::Document(_) => {}
    }
    Ok(status)
}

fn lock(options: &Options) -> Lock {
    match (options.no_lock, options.wait) {
        (true, _) => Lock::Off,
        (_, true) => Lock::Wait,
        (false, false) => Lock::Refuse,
    }
}

fn settings(options: &Options) -> Settings {
    let mut settings = Settings {
        dry_run: options.dry_run,
        journals: journal::journals(options),
        lock: lock(options),
        who: journal::who(),
        report: options.report.clone().map(ReportTo::File),
        metrics: options.metrics.clone(),
        audit: AuditSettings {
            kinds: options.audit.kinds(),
            accepted: options.audit.ignore.clone(),
            streams: options.audit.format == Some(AuditFormat::Jsonl),
        },
        frontend: Frontend::CommandLine,
        place: format!("process {}", std::process::id()),
        ..Settings::default()
    };
    if let Some(parallel) = options.parallel {
        settings.limit_parallel(usize::from(parallel));
    }
    settings.http.per_second = options.requests_per_second;
    settings.http.ca_file = options.ca_file();
    settings
}
