//! `plans/0`, `show_plan/1`: the saved plans, and what one would change.

use std::path::Path;

use super::answer::{Answer, FAILED, Returned};
use crate::engine::{Run, unreadable};
use crate::journal::{Plan, PlanCounts, PlanStart, Steps};
use crate::kazoo::DatabaseName;
use crate::operation;
use crate::plan::Step;
use crate::report::{ChangeCounts, Event, PlanHead, PlanView, SavedPlan, plan_change};
use crate::selection::Detail;
use couchdb::Error;

/// The documents that are read from a plan before other tasks run.
const DOCUMENTS_AT_ONCE: usize = 500;

/// Opens a plan by its id, or by the path of its file. A path has a slash or a dot, which ids do not have.
pub(crate) fn open(run: &Run, plan: &str) -> Result<Plan, Error> {
    if is_file(plan) {
        Plan::open(Path::new(plan))
    } else {
        run.journals()?.plan(plan)
    }
}

fn is_file(plan: &str) -> bool {
    plan.contains(['/', '.'])
}

/// `plans/0`: lists the saved plans, the newest last.
pub(crate) async fn plans(run: &Run) -> Result<Answer, Error> {
    let (plans, refused) = run.journals()?.plans();
    let plans = plans
        .into_iter()
        .map(|plan| saved(&plan.start, plan.counts));
    run.reporter.send(Event::Plans(plans.collect())).await;
    if refused.is_empty() {
        return Ok(Answer::Only(Returned::Ok));
    }
    for error in refused {
        run.reporter.error(format!("error: {error}"), None).await;
    }
    Ok(Answer::Only(Returned::Code(FAILED)))
}

/// `show_plan/1`, `show_plan/2`
pub(crate) async fn show(run: &Run, plan: String, detail: Detail) -> Result<Answer, Error> {
    let opened = open(run, &plan)?;
    let file = is_file(&plan).then_some(plan);
    let steps = opened.steps(|_| Ok(()))?;
    send(
        run,
        head(&opened.start, file, &steps, opened.counts),
        &steps,
        detail,
    )
    .await?;
    Ok(Answer::Only(Returned::Ok))
}

fn saved(start: &PlanStart, counts: PlanCounts) -> SavedPlan {
    let PlanStart {
        start, function, ..
    } = start;
    SavedPlan {
        plan: start.run.clone(),
        function: function.clone(),
        command: start.command.clone(),
        server: start.server.clone(),
        identity: start.cluster.clone(),
        who: start.who.clone(),
        at: start.at.clone(),
        counts: ChangeCounts {
            create: counts.created,
            update: counts.updated,
            delete: counts.deleted,
        },
        failed: counts.failed,
    }
}

fn head(start: &PlanStart, file: Option<String>, steps: &Steps, counts: PlanCounts) -> PlanHead {
    let created = steps.created().filter_map(DatabaseName::new);
    PlanHead {
        saved: saved(start, counts),
        file,
        creates_databases: created.map(|database| database.encoded()).collect(),
    }
}

/// Reports what a plan changes: totals first, then each document, if that is wanted.
async fn send(run: &Run, head: PlanHead, steps: &Steps, detail: Detail) -> Result<(), Error> {
    run.reporter.send(Event::Plan(Box::new(head))).await;
    let mut view = PlanView::default();
    for (database, ids) in databases(steps) {
        let name = database.encoded();
        for (at, id) in ids.into_iter().enumerate() {
            view.add(&name, id, &read(steps, &database, id)?);
            pause(run, at).await?;
        }
    }
    let totals = Box::new(view.totals());
    run.reporter.send(Event::PlanTotals(totals)).await;
    if detail == Detail::Totals && !run.settings.shows_documents {
        return Ok(());
    }
    for (database, ids) in databases(steps) {
        let name = database.encoded();
        let counted = view.database(&name);
        run.reporter.send(Event::PlanDatabase(counted)).await;
        for (at, id) in ids.into_iter().enumerate() {
            if let Some(change) = plan_change(&name, id, &read(steps, &database, id)?) {
                run.reporter.send(Event::PlanChange(Box::new(change))).await;
            }
            pause(run, at).await?;
        }
    }
    Ok(())
}

/// The databases with their documents, sorted.
fn databases(steps: &Steps) -> impl Iterator<Item = (DatabaseName, Vec<&str>)> {
    let databases = steps.databases().filter_map(DatabaseName::new);
    databases.map(|database| {
        let documents = steps.documents(database.plain());
        let ids = documents.map(|(id, _)| id).collect();
        (database, ids)
    })
}

fn read(steps: &Steps, database: &DatabaseName, id: &str) -> Result<Vec<Step>, Error> {
    let step = steps.read(database.plain(), id);
    step.map_err(|error| unreadable(&error))
}

/// Lets other tasks run between documents, which are read from a file, and ends with the run.
async fn pause(run: &Run, at: usize) -> Result<(), Error> {
    if at % DOCUMENTS_AT_ONCE != DOCUMENTS_AT_ONCE - 1 {
        return Ok(());
    }
    tokio::task::yield_now().await;
    match run.cancel.is_cancelled() {
        true => Err(Error::cancelled(operation::PLAN)),
        false => Ok(()),
    }
}

/// Ends the run of `plan`: saves the changes, and prints them with the way to make them.
pub(crate) async fn finish(run: &Run) -> Result<Answer, Error> {
    run.reporter.end_warnings().await;
    let Some(steps) = run.limited()?.filter(|steps| !steps.is_empty()) else {
        run.reporter.output("nothing to change".to_owned()).await;
        return Ok(Answer::Printed(Returned::Ok));
    };
    let failed = run.reporter.tally().total().2.failed;
    let counts = PlanCounts {
        failed,
        ..steps.counts()
    };
    let saved = run.save_plan(&steps, counts).await?;
    let plan = saved.argument();
    let file = saved.file.as_ref().map(|_| plan.clone());
    send(
        run,
        head(&saved.start, file, &steps, counts),
        &steps,
        Detail::Totals,
    )
    .await?;
    let typed = run.typed();
    for line in [
        format!("plan {plan} is saved"),
        format!(
            "show each document: {}",
            typed.command("show_plan", &[&plan, Detail::FULL])
        ),
        format!("apply it: {}", typed.command("apply", &[&plan])),
    ] {
        run.reporter.output(line).await;
    }
    Ok(Answer::Printed(Returned::Ok))
}
