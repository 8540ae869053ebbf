//! A run: one command, from its first read to its last line.
//!
//! Every command goes the same way. It *scans* the databases that it is about, in pages and in
//! bounded memory, and asks the planner about each document. What must change, or cannot be
//! decided from the scan alone, is *settled* ([`settle`]): decided from documents of both sides,
//! written with the revisions that were read, and decided again where somebody was faster.

mod accounts;
mod apps;
mod assigned;
mod audit;
mod budget;
mod carrier_usage;
mod carriers;
mod context;
mod databases;
mod destructive;
mod features;
mod fix;
mod lock;
mod number_databases;
mod numbers;
mod proxy;
mod publish;
mod purge;
mod read;
mod remove;
mod settings;
mod settle;
mod unassigned;
mod undo;
mod usage;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use publish::ReportTo;
pub use settings::Settings;

use crate::command::{self, Command, Refusal};
use crate::host::Host;
use crate::operation;
use crate::report::{About, Event, Summary};
use context::Run;
use couchdb::{Error, Kind};
use lock::Taken;

/// What is to be run, where, and whom it tells.
pub struct Job {
    /// The function's name, for the summary.
    pub function: String,
    /// The command.
    pub command: Command,
    /// Where the library runs.
    pub host: Arc<dyn Host>,
    /// How.
    pub settings: Settings,
    /// Where events go. A full channel slows the run down.
    pub events: mpsc::Sender<Event>,
    /// Cancelled: the request in flight is finished, and nothing more is written.
    pub cancel: CancellationToken,
}

/// What a run returns to who called it (contract section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// `ok`
    Ok,
    /// `no_return`: as `ok`, and nothing is printed for it.
    NoReturn,
    /// `{no_return, Code}`
    Code(u8),
    /// `{ok, Text}` or `{error, Text}`
    Value(Result<String, String>),
    /// An application, or `undefined`.
    App(Option<&'static str>),
}

impl Returned {
    /// What the caller of a refused command gets: the one function that returns its reason does
    /// so here, too (contract section 9.14).
    pub fn of_refusal(function: &str, refusal: &Refusal) -> Self {
        Self::refused(function, &refusal.to_string())
    }

    fn refused(function: &str, line: &str) -> Self {
        if function == "copy_single_number_to_account_db" {
            Self::Value(Err(line.to_owned()))
        } else {
            Self::Code(FAILED)
        }
    }

    /// The exit status that `sup` makes of it.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Ok | Self::NoReturn => 0,
            Self::Code(code) => *code,
            Self::Value(_) | Self::App(_) => 2,
        }
    }
}

/// The end of a run.
#[derive(Debug)]
pub struct Finished {
    /// What the caller gets.
    pub returned: Returned,
    /// The figures.
    pub summary: Summary,
    /// The id that `undo` takes; None for a run that has no journal.
    pub run: Option<String>,
}

/// The exit code of a run in which something failed, and of a command that was refused.
pub const FAILED: u8 = 2;

/// The exit code of what cannot be done here.
pub const NOT_HERE: u8 = 1;

/// Runs a command. Whatever happens is told by events and in what is returned; it never fails
/// otherwise.
// Boxed here, so that this crate compiles it once. An `async fn` is compiled anew in every crate that polls it.
pub fn run(job: Job) -> BoxFuture<'static, Finished> {
    Box::pin(run_to_end(job))
}

async fn run_to_end(job: Job) -> Finished {
    let (started, started_at) = (Instant::now(), now());
    let run = Arc::new(Run::new(&job));
    // Help is no run that anybody would count.
    let published = !matches!(job.command, Command::Help(_));
    let (answer, held) = match carriers::bad_target(&run, &job.command) {
        Some(line) => {
            run.output(line).await;
            (Ok(Answer::Only(Returned::Code(FAILED))), None)
        }
        None => match locked(&run, &job.command).await {
            Ok(Taken::By(holder)) => {
                let line = format!(
                    "refused: {holder}; wait for it, or cancel it there; if it died, its lock expires at {}",
                    holder.expires()
                );
                run.error(line.clone(), None).await;
                let returned = Returned::refused(&job.function, &line);
                (Ok(Answer::Only(returned)), None)
            }
            Ok(Taken::Ours(held)) => (dispatch(&run, job.command).await, Some(held)),
            Ok(Taken::Unneeded) => (dispatch(&run, job.command).await, None),
            Err(error) => (Err(error), None),
        },
    };
    if let Some(line) = proxy::decodes_names(&run, answer.as_ref().err()).await {
        run.warn(line).await;
    }
    let (databases, documents_read, counts, failures) = run.tally.total();
    let mut summary = Summary {
        command: job.function,
        databases,
        documents_read,
        counts,
        seconds: started.elapsed(),
        dry_run: run.settings.dry_run,
        failures,
        services: run.unreconciled(),
        ..Summary::default()
    };
    run.add_traffic(&mut summary);
    // A run that was stopped, by whatever, is broken off: a conversion is completed by the next.
    if answer.is_ok() {
        run.end_journal(&summary).await;
    }
    let lost = match held {
        Some(held) => held.release().await,
        None => None,
    };
    let mut error = None;
    let (returned, figures) = match answer {
        Ok(Answer::Figures) if summary.failures.is_empty() => (Returned::Ok, true),
        Ok(Answer::Figures) => (Returned::Code(FAILED), true),
        Ok(Answer::FiguresAnd(returned)) => (returned, true),
        Ok(Answer::Only(returned)) => (returned, false),
        Err(fatal) => {
            let (line, hint) = match lost {
                Some(line) => (line, None),
                None => (refused_as_a_whole(&fatal), fatal.advice()),
            };
            if fatal.kind() == Kind::Cancelled {
                run.output(line.clone()).await;
            } else {
                run.error(format!("error: {line}"), hint).await;
            }
            error = Some(line);
            // What was done before the end is told all the same.
            let wrote = summary.counts.created + summary.counts.updated + summary.counts.deleted;
            (Returned::Code(FAILED), wrote > 0)
        }
    };
    if published {
        let about = About {
            command_line: run.command_line().to_owned(),
            who: run.settings.who.clone(),
            run: run.journal_id().map(str::to_owned),
            started: started_at,
            ended: now(),
            exit_status: returned.exit_status(),
            error,
        };
        publish::publish(&run, &about, &summary).await;
    }
    run.tell(Event::Finished {
        summary: Box::new(summary.clone()),
        figures,
    })
    .await;
    Finished {
        returned,
        summary,
        run: run.journal_id().map(str::to_owned),
    }
}

/// Refuses a run that could not be undone before it writes anything, the lock included, and takes the lock. Audits and the
/// carrier usage prune journals, too: they often run alone for months, and a journal holds customers' documents.
async fn locked(run: &Run, command: &Command) -> Result<Taken, Error> {
    undo::check(run, command).await?;
    if command.scope().is_some() && !run.settings.dry_run {
        run.check_journal()?;
    } else if let (Some(journals), Command::Audit(_) | Command::CarrierUsage(_)) =
        (&run.settings.journals, command)
    {
        journals.prune(None);
    }
    lock::take(run, command).await
}

/// The moment, as RFC 3339 has it.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn refused_as_a_whole(error: &Error) -> String {
    match (error.kind(), error.database()) {
        (Kind::DatabaseNotFound, Some(database)) => {
            format!("the database {database} does not exist")
        }
        (Kind::Cancelled, _) => "stopped: the run was cancelled".to_owned(),
        (Kind::BadRequest, None) if error.operation() == operation::ARGUMENTS => {
            error.detail().to_owned()
        }
        _ => error.to_string(),
    }
}

/// How a command ends.
enum Answer {
    /// With the summary and the failure report.
    Figures,
    /// With the summary and the failure report, and this returned.
    FiguresAnd(Returned),
    /// With what it has told already.
    Only(Returned),
}

async fn dispatch(run: &Arc<Run>, command: Command) -> Result<Answer, Error> {
    use Command as C;
    match command {
        C::Nothing => {
            run.output("nothing to do: the list is empty".to_owned())
                .await;
            return Ok(Answer::Only(Returned::Ok));
        }
        C::CopyToNumberDatabases(accounts) => number_databases::copy(run, accounts).await?,
        C::CopyNumbersToNumberDatabases(account, numbers) => {
            number_databases::copy_numbers(run, account, numbers).await?;
        }
        C::CopyToAccounts(databases, only) => accounts::copy(run, databases, only).await?,
        C::CopyNumbersToAccounts(numbers) => accounts::copy_numbers(run, numbers).await?,
        C::CopyNumberToAccount(number, account) => {
            return accounts::copy_number_to(run, number, account).await;
        }
        C::FixAppsInAccounts(accounts) => apps::in_accounts(run, accounts).await?,
        C::FixAppsInNumberDatabases(databases) => {
            apps::in_number_databases(run, databases, None).await?;
        }
        C::FixAppsInNumberDatabasesOf(accounts) => apps::of_accounts(run, accounts).await?,
        C::FixNumbersAppsInAccount(account, numbers) => {
            apps::numbers_in_account(run, account, numbers).await?;
        }
        C::FixNumbersAppsInNumberDatabases(numbers) => {
            apps::numbers_in_number_databases(run, numbers).await?;
        }
        C::RemoveWrongAssigned(accounts) => remove::wrong_assigned(run, accounts).await?,
        C::FixAccount(account) => fix::account(run, account).await?,
        C::FixNumbers(account, numbers) => fix::numbers(run, account, numbers).await?,
        C::RemoveFromAccounts(accounts) => destructive::in_accounts(run, accounts).await?,
        C::RemoveFromNumberDatabases(databases) => {
            destructive::in_number_databases(run, databases).await?;
        }
        C::CarrierUsage(databases) => return carrier_usage::usage(run, databases).await,
        C::ConvertCarrier {
            source,
            target,
            databases,
        } => return carriers::convert(run, source, target, databases).await,
        C::ConvertCarrierOfNumber { number, target } => {
            return carriers::convert_number(run, number, target).await;
        }
        C::RefusedAfterTarget { refusal, .. } => {
            run.error(format!("error: {refusal}"), None).await;
            return Ok(Answer::Only(Returned::Code(FAILED)));
        }
        C::ResetFeatures => return features::reset(run).await,
        C::AppUsing(number, account) => return usage::app_using(run, number, account).await,
        C::AllFeatures => return features::all(run).await,
        C::ShowNumberFeatures(number) => return features::show_on_number(run, number).await,
        C::EditNumberFeatures {
            edit,
            list,
            feature,
            number,
        } => return features::edit_on_number(run, edit, list, feature, number).await,
        C::ShowSystemFeatures => return features::show_on_system(run).await,
        C::EditSystemFeatures(edit, feature) => {
            return features::edit_on_system(run, edit, feature).await;
        }
        C::EnsureAdminOnlyFeatures => return features::ensure_admin_only(run).await,
        C::Purge(state, databases) => return purge::purge(run, state, databases).await,
        C::MigrateUnassigned(what) => purge::migrate_unassigned(run, what).await?,
        C::Runs => return undo::runs(run).await,
        C::Unlock => return lock::unlock(run).await,
        C::Undo(id, _) => undo::undo(run, id).await?,
        C::Audit(target) => return audit::audit(run, target).await,
        C::Help(topic) => {
            for line in command::help(topic, run.settings.door) {
                run.output(line).await;
            }
            return Ok(Answer::Only(Returned::NoReturn));
        }
        C::NeedsKazoo(name) => {
            let line = format!("error: {name} needs a running Kazoo: call it in a Kazoo node");
            run.error(line, None).await;
            return Ok(Answer::Only(Returned::Code(NOT_HERE)));
        }
    }
    Ok(Answer::Figures)
}
