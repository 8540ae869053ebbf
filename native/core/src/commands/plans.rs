//! `plans/0`, `show_plan/1`: the saved plans, and what one would change.

use std::path::Path;

use super::answer::{Answer, FAILED, Returned};
use crate::engine::{Run, unreadable};
use crate::journal::{Plan, PlanCounts, Steps};
use crate::kazoo::DatabaseName;
use crate::report::{PlanView, whole};
use crate::selection::Detail;
use couchdb::Error;

/// Opens a plan by its id, or by the path of its file. A path has a slash or a dot, which ids do not have.
pub(crate) fn open(run: &Run, plan: &str) -> Result<Plan, Error> {
    if plan.contains(['/', '.']) {
        Plan::open(Path::new(plan))
    } else {
        run.journals()?.plan(plan)
    }
}

/// `plans/0`: lists the saved plans, the newest last.
pub(crate) async fn plans(run: &Run) -> Result<Answer, Error> {
    let (plans, refused) = run.journals()?.plans();
    for plan in plans {
        let (start, counts) = (&plan.start.start, plan.counts);
        let line = format!(
            "{}  {}  {}  {}: {} created, {} updated, {} deleted",
            start.run,
            start.at,
            start.server,
            start.command,
            counts.created,
            counts.updated,
            counts.deleted
        );
        run.reporter.output(line).await;
    }
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
    let plan = open(run, &plan)?;
    let start = &plan.start.start;
    let head = format!(
        "plan {}: {}, made at {} by {} on {}",
        start.run, start.command, start.at, start.who, start.server
    );
    run.reporter.output(head).await;
    print(run, &plan.steps(|_| Ok(()))?, plan.counts, detail).await?;
    Ok(Answer::Only(Returned::Ok))
}

/// Prints what a plan changes.
async fn print(run: &Run, steps: &Steps, counts: PlanCounts, detail: Detail) -> Result<(), Error> {
    let mut view = PlanView::default();
    for database in steps.databases().filter_map(DatabaseName::new) {
        let name = database.encoded();
        if detail == Detail::Full {
            run.reporter.output(format!("{name}:")).await;
        }
        for (id, _) in steps.documents(database.plain()) {
            let step = steps.read(database.plain(), id);
            let step = step.map_err(|error| unreadable(&error))?;
            view.add(&name, id, &step);
            if detail == Detail::Full {
                for line in whole(id, &step) {
                    run.reporter.output(line).await;
                }
            }
        }
    }
    for database in steps.created().filter_map(DatabaseName::new) {
        run.reporter
            .output(format!("{}: database to create", database.encoded()))
            .await;
    }
    for line in view.totals() {
        run.reporter.output(line).await;
    }
    if counts.failed > 0 {
        let line = format!(
            "{} failures while planning are not part of the plan",
            counts.failed
        );
        run.reporter.output(line).await;
    }
    Ok(())
}

/// Ends the run of `plan`: saves the changes, and prints them with the way to make them.
pub(crate) async fn finish(run: &Run) -> Result<Answer, Error> {
    let Some(steps) = run.limited()?.filter(|steps| !steps.is_empty()) else {
        run.reporter.output("nothing to change".to_owned()).await;
        return Ok(Answer::Figures);
    };
    let failed = run.reporter.tally().total().2.failed;
    let counts = PlanCounts {
        failed,
        ..steps.counts()
    };
    let saved = run.save_plan(&steps, counts).await?;
    print(run, &steps, counts, Detail::Totals).await?;
    let name = saved.name();
    for line in [
        format!("plan {name} is saved"),
        format!(
            "show each document: {}",
            run.call_line(&["show_plan", &name, Detail::FULL])
        ),
        format!("apply it: {}", run.call_line(&["apply", &name])),
    ] {
        run.reporter.output(line).await;
    }
    Ok(Answer::Figures)
}
