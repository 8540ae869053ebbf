//! The run of one command, from the first read to the last line.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span, info, info_span};

pub use crate::commands::{Ending, FAILED, NOT_HERE, Refused, Returned};
pub use crate::engine::{
    AuditSettings, ClusterMoment, IndexAsks, IndexSettings, MaxDelete, Settings,
};
pub use crate::report::ReportTo;
pub use crate::selection::Exclusions;

use crate::command::{Brake, Command, help};
use crate::commands::Answer;
use crate::engine::{Run, decodes_names, milliseconds_since};
use crate::host::Host;
use crate::journal::new_run_id;
use crate::lease::{self, Lease, Taken};
use crate::operation;
use crate::report::{About, Audited, Event, Reporter, Summary, publish};
use couchdb::{Error, Kind};

/// A command with its environment and the receiver of its events.
pub struct Job {
    /// The name of the function, for the summary.
    pub function: String,
    /// The command.
    pub command: Command,
    /// The environment of the library.
    pub host: Arc<dyn Host>,
    /// The settings of the run.
    pub settings: Settings,
    /// The receiver of events. A full channel delays the run.
    pub events: mpsc::Sender<Event>,
    /// If cancelled, the run finishes the request in flight and writes nothing more.
    pub cancel: CancellationToken,
}

/// The result of a run.
#[derive(Debug)]
pub struct Finished {
    /// The value for the caller.
    pub returned: Returned,
    /// Why the run ended.
    pub ending: Ending,
    /// The figures.
    pub summary: Summary,
    /// The id for `undo`; `None` for a run without a journal.
    pub run: Option<String>,
    /// The totals of an audit; `None` for other commands.
    pub audit: Option<Audited>,
    /// The moment at which an audit knew the whole cluster; `None` if it asked no feed of updates.
    pub moment: Option<ClusterMoment>,
}

/// Runs a command. Errors are reported as events and in the result.
// Boxed, so that only this crate compiles it: every crate that polls an `async fn` compiles it again.
pub fn run(job: Job) -> BoxFuture<'static, Finished> {
    Box::pin(async move {
        let id = job.settings.run_id.clone().unwrap_or_else(new_id);
        let span = info_span!(
            "run",
            id,
            function = job.function,
            scope = job.command.scope().map_or("none", lease::Scope::name)
        );
        run_to_end(job, id).instrument(span).await
    })
}

/// An id for the log and the lock. A journal has another one: ids of journals sort by the time of the first change.
pub fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

async fn run_to_end(mut job: Job, id: String) -> Finished {
    let (started, started_at) = (Instant::now(), now());
    info!(dry_run = job.settings.dry_run, "command: begins");
    let pace = job.settings.http.pace();
    job.settings.http.pace = Some(pace.clone());
    let reporter = Reporter::new(
        job.events,
        job.command.spec().has_fixed_output,
        job.settings.report.is_some(),
        pace.clone(),
    );
    let changes = job.command.changes(&job.settings);
    let index = job.settings.index.clone();
    if !job.command.uses_index() {
        job.settings.index = None;
    }
    let reconciles_services = job.command.spec().reconciles_services;
    let run = Arc::new(Run::new(
        id,
        job.function.clone(),
        job.settings,
        changes,
        job.host,
        reporter,
        &job.cancel,
    ));
    let is_published = job.command.is_published();
    let work = async {
        match locked(&run, job.command).await {
            Ok(Startup::Answered(answer)) => (Ok(answer), None),
            Ok(Startup::Command(command, lock)) => {
                (all_changes(&run, command, reconciles_services).await, lock)
            }
            Err(error) => (Err(error), None),
        }
    };
    let (answer, lock) = tokio::select! {
        done = work => done,
        never = run.reporter.report_pauses() => match never {},
    };
    let moment = run.index.finish().await;
    run.reporter.end_warnings().await;
    if let Some(line) = decodes_names(&run, answer.as_ref().err()).await {
        run.reporter.warn(line).await;
    }
    let summary = summary(&run, job.function, started);
    run.steps.end(&summary);
    if let Some(index) = index
        && summary.counts.written() > 0
        && !summary.dry_run
    {
        run.distrust_feed(&index).await;
    }
    // A stopped run counts as interrupted: the next conversion completes it.
    if answer.as_ref().err().is_none_or(is_stop) {
        run.end_journal(&summary).await;
    }
    let lost = match lock {
        Some(lock) => lock.release().instrument(debug_span!("unlock")).await,
        None => None,
    };
    let Ended {
        returned,
        ending,
        figures,
        error,
    } = ended(&run, answer, &summary, lost).await;
    if is_published {
        let about = About {
            command_line: run.command_line().to_owned(),
            who: run.settings.who.clone(),
            run: run.journal_id().map(str::to_owned),
            started: started_at,
            ended: now(),
            exit_status: returned.exit_status(),
            error,
        };
        let (to, metrics) = (&run.settings.report, &run.settings.metrics);
        publish(
            &run.reporter,
            to.as_ref(),
            metrics.as_deref(),
            &run.journal_id()
                .map_or_else(|| new_run_id(SystemTime::now()), str::to_owned),
            &about,
            &summary,
            run.audited.get(),
        )
        .await;
    }
    run.reporter
        .send(Event::Finished {
            summary: Box::new(summary.clone()),
            figures,
        })
        .await;
    info!(
        exit_status = returned.exit_status(),
        requests = summary.requests,
        retries = summary.retries,
        milliseconds = milliseconds_since(started),
        "report: ends"
    );
    Finished {
        returned,
        ending,
        summary,
        run: run.journal_id().map(str::to_owned),
        audit: run.audited.get().cloned(),
        moment,
    }
}

/// Runs a command to its last change.
async fn all_changes(
    run: &Arc<Run>,
    command: Command,
    reconciles_services: bool,
) -> Result<Answer, Error> {
    // Changes that were reviewed, or are taken back, are made as they are.
    if command.spec().brake != Brake::Never {
        run.exclude().await?;
    }
    if let Some(line) = run.read_delete_limit().await? {
        let because = Refused::Brake;
        return Ok(Answer::Refused { because, line });
    }
    let answer = command.start(run).await?;
    let made = run.make_withheld().await;
    // A run that stops before its deletions has made its other changes.
    if reconciles_services && made.as_ref().err().is_none_or(is_stop) {
        run.reconcile_services().await?;
    }
    made?;
    match run.excluded_changes() {
        0 => {}
        1 => {
            run.reporter
                .warn("1 change is not made: it is excluded".to_owned())
                .await
        }
        some => {
            let line = format!("{some} changes are not made: they are excluded");
            run.reporter.warn(line).await;
        }
    }
    Ok(answer)
}

/// Whether a run ends because it would change too much.
fn is_stop(error: &Error) -> bool {
    error.operation() == operation::BRAKE
}

fn summary(run: &Run, function: String, started: Instant) -> Summary {
    let (databases, documents_read, counts, failures) = run.reporter.tally().total();
    let mut summary = Summary {
        command: function,
        databases,
        documents_read,
        counts,
        seconds: started.elapsed(),
        dry_run: run.settings.dry_run,
        failures,
        services: run.services.left(),
        ..Summary::default()
    };
    run.cluster.add_traffic(&mut summary);
    summary
}

/// The end of a run.
struct Ended {
    returned: Returned,
    ending: Ending,
    /// Whether the figures are printed.
    figures: bool,
    /// The line of the error that ended the run.
    error: Option<String>,
}

impl Ended {
    fn answered(returned: Returned, figures: bool, summary: &Summary) -> Self {
        Self {
            ending: Ending::of_answer(&returned, summary),
            returned,
            figures,
            error: None,
        }
    }
}

/// Prints the end of the run. `lost`: the reason why the lock was lost.
async fn ended(
    run: &Run,
    answer: Result<Answer, Error>,
    summary: &Summary,
    lost: Option<String>,
) -> Ended {
    let fatal = match answer {
        Ok(Answer::Figures) => {
            let returned = match summary.failures.is_empty() {
                true => Returned::Ok,
                false => Returned::Code(FAILED),
            };
            return Ended::answered(returned, true, summary);
        }
        Ok(Answer::FiguresAnd(returned)) => return Ended::answered(returned, true, summary),
        Ok(Answer::Printed(returned)) if summary.failures.is_empty() => {
            return Ended::answered(returned, false, summary);
        }
        Ok(Answer::Listed) if summary.failures.is_empty() => {
            return Ended::answered(Returned::Ok, false, summary);
        }
        Ok(answer @ (Answer::Printed(_) | Answer::Listed)) => {
            let mut databases = summary.failures.by_database().values();
            if matches!(answer, Answer::Printed(_))
                || databases.any(|failures| failures.last_error.is_some())
            {
                run.reporter
                    .send(Event::Failures(summary.failures.clone()))
                    .await;
            }
            return Ended::answered(Returned::Code(FAILED), false, summary);
        }
        Ok(Answer::Only(returned)) => return Ended::answered(returned, false, summary),
        Ok(Answer::Ended(returned, ending)) => {
            return Ended {
                ending,
                ..Ended::answered(returned, false, summary)
            };
        }
        Ok(Answer::Refused { because, line }) => {
            run.reporter.error(line.clone(), None).await;
            let returned = Returned::refused(&run.function, &line);
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            return Ended {
                ending: Ending::Refused(because),
                error: Some(line.to_owned()),
                ..Ended::answered(returned, false, summary)
            };
        }
        Ok(Answer::Help(topic)) => {
            for line in help(topic.as_deref(), run.settings.frontend) {
                run.reporter.output(line).await;
            }
            return Ended::answered(Returned::NoReturn, false, summary);
        }
        Err(fatal) => fatal,
    };
    let ending = match lost {
        // The run did not end by the caller's wish.
        Some(_) => Ending::Failed,
        None => Ending::of_error(&fatal, summary),
    };
    let (line, hint) = match lost {
        Some(line) => (line, None),
        None => (refused_as_a_whole(&fatal), fatal.advice()),
    };
    let shown = match fatal.kind() {
        Kind::Cancelled => line.clone(),
        _ => format!("error: {line}"),
    };
    run.reporter.error_of_kind(fatal.kind(), shown, hint).await;
    Ended {
        returned: Returned::Code(FAILED),
        ending,
        // The figures are printed if the run did anything before the error.
        figures: summary.counts.written() > 0,
        error: Some(line),
    }
}

/// The result of the checks before a run.
enum Startup {
    /// The run ends with this answer.
    Answered(Answer),
    /// The command runs, with a lease if it needs the lock.
    Command(Command, Option<Lease>),
}

/// Checks before any write, the lock included, whether the run can be done here and undone. Then takes the lock.
async fn locked(run: &Arc<Run>, mut command: Command) -> Result<Startup, Error> {
    if let Some(answer) = command.check(run).await? {
        return Ok(Startup::Answered(answer));
    }
    if command.scope().is_some() && !run.settings.dry_run {
        run.check_journal()?;
    }
    Ok(match lease::take(run, command.scope()).await? {
        Taken::Unneeded => Startup::Command(command, None),
        Taken::Ours(lock) => Startup::Command(command, Some(lock)),
        Taken::By(holder) => {
            let line = format!(
                "refused: {holder}; wait for it, or stop it with `cancel {}`; if it died, its lock expires at {}",
                holder.run().as_deref().unwrap_or("RUN"),
                holder.expires()
            );
            Startup::Answered(Answer::Refused {
                because: Refused::Locked,
                line,
            })
        }
    })
}

/// The time (RFC 3339).
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn refused_as_a_whole(error: &Error) -> String {
    match (error.kind(), error.database()) {
        (Kind::DatabaseNotFound, Some(database)) => {
            format!("the database {database} does not exist")
        }
        (Kind::Cancelled, _) => "stopped: the run was cancelled".to_owned(),
        (Kind::BadRequest, None)
            if [operation::ARGUMENTS, operation::BRAKE].contains(&error.operation()) =>
        {
            error.detail().to_owned()
        }
        _ => error.to_string(),
    }
}
