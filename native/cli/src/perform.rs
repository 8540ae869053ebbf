//! Runs a function: from its arguments to the exit status.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use kazoo_numbers::command::{self, Argument, Command, Effect, Frontend};
use kazoo_numbers::lease::Lock;
use kazoo_numbers::report::{Typed, sanitise};
use kazoo_numbers::run::{
    AuditSettings, Ending, Exclusions, Finished, IndexAsks, IndexSettings, Job, Refused, ReportTo,
    Returned, Settings, run,
};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::program::in_runtime;
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal::{self, own_event};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::confirm::{self, Consent};
use crate::interrupt;
use crate::live::Live;
use crate::options::{AuditFormat, Options};
use crate::output::{self, Display, Form};
use crate::{connection, journal, logging, returned};

/// The most events in the channel. If it is full, the run waits for the terminal.
const EVENTS: usize = 1024;

/// Runs a function of the library, prints its output and returns the exit status.
pub(crate) fn function(
    name: &str,
    arguments: &[Argument],
    options: &Options,
) -> io::Result<ExitStatus> {
    let form = Form::of(options);
    let exclude = match options.exclusions() {
        Ok(exclude) => exclude,
        Err(line) => return refused(form, &sanitise::message(&line), None, None),
    };
    match command::parse(name, arguments) {
        Ok(command) => {
            match asked(name, arguments, &command, options)? {
                Asked::Agreed => {}
                Asked::Declined(ending, status) => {
                    terminal::say("nothing is done");
                    let result = CommandResult::without_run(None, ending);
                    let status = status.unwrap_or(result.status);
                    return end(form, &CommandResult { status, ..result });
                }
            }
            in_runtime(performed(name, arguments, command, exclude, options))
        }
        Err(refusal) => {
            let line = format!("error: {}", sanitise::message(&refusal.to_string()));
            let returned = Returned::of_refusal(name, &refusal);
            refused(form, &line, None, Some(&returned))
        }
    }
}

/// Reports that the command line cannot be used. `returned`: the value that `sup` would get.
pub(crate) fn refused(
    form: Form,
    line: &str,
    hint: Option<&str>,
    returned: Option<&Returned>,
) -> io::Result<ExitStatus> {
    match form {
        Form::Json => {
            let kind: Option<&str> = None;
            let error = json!({"line": line, "hint": hint, "kind": kind});
            terminal::print(&own_event("error", &error))?;
        }
        Form::Lines | Form::Question | Form::Document(_) => {
            terminal::say(line);
            if let Some(hint) = hint {
                terminal::say(&format!("hint: {hint}"));
            }
        }
    }
    end(form, &CommandResult::without_run(returned, Ending::Usage))
}

/// The end of a question.
enum Asked {
    /// The person agreed, or nobody had to be asked.
    Agreed,
    /// Why nothing is done, and the exit status if it is another than that of the ending.
    Declined(Ending, Option<ExitStatus>),
}

/// Asks before documents are deleted, and after showing a plan before it is applied.
fn asked(
    name: &str,
    arguments: &[Argument],
    command: &Command,
    options: &Options,
) -> io::Result<Asked> {
    let is_harmless = options.dry_run || !command.spec().deletes_documents();
    if options.yes || is_harmless || !confirm::can_ask() {
        return Ok(Asked::Agreed);
    }
    let question = match (name, arguments.first()) {
        ("apply", Some(plan)) => {
            let mut options = options.clone();
            options.is_question = true;
            (options.report, options.metrics) = (None, None);
            let status = function("show_plan", std::slice::from_ref(plan), &options)?;
            if status != ExitStatus::Done {
                return Ok(Asked::Declined(Ending::Failed, Some(status)));
            }
            "Apply this plan?".to_owned()
        }
        _ => format!("{name} deletes documents. Go on?"),
    };
    Ok(match confirm::ask(&question)? {
        Consent::Given => Asked::Agreed,
        Consent::Refused => Asked::Declined(Ending::Refused(Refused::Declined), None),
        Consent::Interrupted(status) => Asked::Declined(Ending::Cancelled, Some(status)),
    })
}

async fn performed(
    name: &str,
    arguments: &[Argument],
    command: Command,
    exclude: Exclusions,
    options: &Options,
) -> io::Result<ExitStatus> {
    let form = Form::of(options);
    let (events, receiver) = mpsc::channel(EVENTS);
    let cancel = CancellationToken::new();
    let signals = Signals::take()?;
    let live = Arc::new(Live::begin());
    logging::keep_clear_of(&live);
    logging::report_on_signal(live.clone())?;
    let interrupted = interrupt::watch(signals, cancel.clone(), live.clone());
    let only_reads = options.dry_run || is_read_only(name);
    let showing = {
        let (live, cancel) = (live.clone(), cancel.clone());
        let display = Display::of(options);
        spawn_blocking(move || {
            output::show(receiver, display, &live, |error| {
                if only_reads {
                    // Nobody waits for the rest.
                    cancel.cancel();
                } else {
                    // A run that stops half-way leaves work; one that goes on leaves none.
                    live.say(&format!(
                        "warning: cannot write to standard output: {error}; the run goes on; press Ctrl-C to stop it"
                    ));
                }
            })
        })
    };
    let finished = run(Job {
        function: name.to_owned(),
        command,
        host: connection::host(options.address.couchdb.as_deref()),
        settings: Settings {
            command_line: journal::command_line(name, arguments),
            exclude,
            ..settings(options)
        },
        events,
        cancel,
    })
    .await;
    let shown = showing.await.map_err(io::Error::other)?;
    live.end();
    let ending = ending_of(&finished, options);
    let status = interrupted.status().unwrap_or(ending.into());
    let result = CommandResult {
        returned: Some(&finished.returned),
        ending,
        run: finished.run.as_deref(),
        status,
    };
    let ended = shown.and_then(|()| end(form, &result));
    match ended {
        Ok(_) if interrupted.status().is_some() => {
            say_undo(&finished, options);
            Ok(status)
        }
        Ok(_) => Ok(status),
        Err(error) if only_reads => match (error.kind(), finished.ending) {
            // The lost output stopped it.
            (ErrorKind::BrokenPipe, Ending::Cancelled) if interrupted.status().is_none() => {
                Ok(ExitStatus::Done)
            }
            (ErrorKind::BrokenPipe, _) => Ok(status),
            (kind, _) => Err(io::Error::new(
                kind,
                format!("cannot write to standard output: {error}"),
            )),
        },
        Err(error) => {
            let end = match finished.ending {
                Ending::Cancelled => "was stopped after it",
                _ => "ended and",
            };
            let changed = finished.summary.counts.written();
            terminal::say(&format!(
                "warning: cannot write to standard output: {error}; the run {end} changed {changed} documents"
            ));
            say_undo(&finished, options);
            Ok(status)
        }
    }
}

/// Why a run ended. An incomplete audit ended for its failures, whatever it found.
fn ending_of(finished: &Finished, options: &Options) -> Ending {
    let found = finished.audit.as_ref();
    let has_drift = found.is_some_and(|audit| audit.totals.findings() > 0);
    match finished.ending {
        Ending::Done if options.audit.fail_on_drift && has_drift => Ending::DriftFound,
        ending => ending,
    }
}

/// Says how the changes of a run are undone, if there are any.
fn say_undo(finished: &Finished, options: &Options) {
    if finished.summary.dry_run || finished.summary.counts.written() == 0 {
        return;
    }
    terminal::say(&match &finished.run {
        Some(run) => format!(
            "hint: to undo the changes, run: {}",
            undo_line(run, options)
        ),
        None => "hint: the changes cannot be undone, because there is no journal".to_owned(),
    });
}

fn undo_line(run: &str, options: &Options) -> String {
    let typed = Typed {
        frontend: Frontend::CommandLine,
        options: repeated_options(options),
    };
    typed.command("undo", &[run])
}

fn is_read_only(function: &str) -> bool {
    let all = command::commands();
    let mut of_that_name = all.filter(|spec| spec.name == function);
    of_that_name.all(|spec| spec.effect == Effect::Reads)
}

/// The result of a command.
struct CommandResult<'a> {
    /// `None`: no function was called.
    returned: Option<&'a Returned>,
    ending: Ending,
    /// The id for `undo`.
    run: Option<&'a str>,
    status: ExitStatus,
}

impl<'a> CommandResult<'a> {
    fn without_run(returned: Option<&'a Returned>, ending: Ending) -> Self {
        Self {
            returned,
            ending,
            run: None,
            status: ending.into(),
        }
    }

    fn to_json(&self) -> Value {
        let mut result = json!({
            "returned": self.returned.map(returned::value),
            "exit_status": self.status.code(),
            "run": self.run,
        });
        // Serialising an enum without data cannot fail.
        if let (Value::Object(to), Ok(Value::Object(ending))) =
            (&mut result, serde_json::to_value(self.ending))
        {
            to.extend(ending);
        }
        result
    }
}

/// Prints the result as `sup` does and returns the exit status.
fn end(form: Form, result: &CommandResult<'_>) -> io::Result<ExitStatus> {
    match form {
        Form::Lines => {
            if let Some(term) = result.returned.and_then(returned::term) {
                terminal::print(&format!("{term}\n"))?;
            }
        }
        Form::Json => terminal::print(&own_event("result", &result.to_json()))?,
        Form::Question | Form::Document(_) => {}
    }
    Ok(result.status)
}

fn lock(options: &Options) -> Lock {
    match (options.no_lock, options.wait) {
        (true, _) => Lock::Off,
        (_, true) => Lock::Wait,
        (false, false) => Lock::Refuse,
    }
}

fn index(options: &Options) -> Option<IndexSettings> {
    if options.no_index {
        return None;
    }
    let index = match &options.index {
        Some(directory) => Some(IndexSettings::of(directory.clone())),
        None => IndexSettings::usual(),
    };
    let asks = match (options.read_all, options.recent) {
        (true, _) => IndexAsks::Nothing,
        (_, true) => IndexAsks::Feed,
        (false, false) => IndexAsks::EachDatabase,
    };
    index.map(|index| index.asking(asks))
}

/// The options without which a printed command finds other plans and runs, or another server. A password is in no output.
fn repeated_options(options: &Options) -> Vec<String> {
    let journal = options.journal.as_ref();
    let journal = journal.map(|folder| ["--journal".to_owned(), folder.display().to_string()]);
    let address = options.address.couchdb.as_ref();
    let address = address.filter(|url| !url.contains('@'));
    let address = address.map(|url| ["--couchdb".to_owned(), url.clone()]);
    [address, journal].into_iter().flatten().flatten().collect()
}

/// The settings of a run with these options.
pub(crate) fn settings(options: &Options) -> Settings {
    let mut settings = Settings {
        dry_run: options.dry_run,
        max_delete: options.max_delete,
        max_changes: options.max_changes,
        limit: options.limit,
        plan_file: options.plan_file.clone(),
        journals: journal::journals(options),
        index: index(options),
        lock: lock(options),
        who: journal::who(),
        report: options.report.clone().map(ReportTo::File),
        metrics: options.metrics.clone(),
        audit: AuditSettings {
            kinds: options.audit.kinds(),
            accepted: options.audit.ignore(),
            streams: options.audit.format == Some(AuditFormat::Jsonl),
            known: None,
        },
        repeated_options: repeated_options(options),
        frontend: Frontend::CommandLine,
        shows_documents: options.full || Form::of(options) == Form::Json,
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
