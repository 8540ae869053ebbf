//! `undo/1`, `undo/2`: restore the documents of a run, except those that another writer changed since.

use std::sync::Arc;

use super::answer::{Answer, Returned};
use super::ending::Refused;
use super::undo_target;
use crate::engine::{LaterUndoSteps, Rule, Run};
use crate::journal::{Journals, PlannedWrite, RunStart, RunSummary};
use crate::kazoo::{DatabaseName, KazooDatabase};
use crate::operation;
use crate::plan::{Cause, put_back, was_restored_by};
use crate::selection::{Insistence, OnCluster};
use couchdb::{Attachments, Error, Kind};
use document::Object;

/// Refuses a run that cannot be undone here, and answers for one that need not be, before all other work, the lock included.
pub(crate) async fn check(
    run: &Run,
    given: &str,
    insistence: Insistence,
) -> Result<Option<Answer>, Error> {
    let journals = run.journals()?;
    let id = &undo_target::choose(run, &journals, given, insistence).await?;
    journals.prune(Some(id));
    let start = journals.start(id).map_err(|error| match error.kind() {
        Kind::NotFound => refused(format!(
            "cannot undo {id:?}: there is no such run; `runs` lists those that can be undone"
        )),
        _ => error,
    })?;
    let Some(start) = start else {
        return Ok(None);
    };
    let undone_here = undo_target::undone_here(run, &journals, id).await?;
    let may_be_elsewhere =
        insistence.on == OnCluster::Any || insistence.again && undone_here.is_some();
    if !may_be_elsewhere && !run.cluster.is_of(&start).await? {
        let line = format!(
            "error: run {id} was on another cluster ({}) than this one ({}): nothing is undone; to undo it here anyway: undo {id} {}",
            start.server,
            run.cluster.url().await?,
            OnCluster::ANY
        );
        let because = Refused::OtherCluster;
        return Ok(Some(Answer::Refused { because, line }));
    }
    if let Some(undone) = undone_here.filter(|_| !insistence.again) {
        let line = undo_target::already_undone(id, &undone);
        run.reporter.output(line).await;
        return Ok(Some(Answer::Only(Returned::Ok)));
    }
    undo_target::wait_for_end(&journals, id).await?;
    Ok(None)
}

pub(super) fn refused(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::ARGUMENTS, line)
}

/// `undo/1`, `undo/2`
pub(crate) async fn undo(run: &Arc<Run>) -> Result<(), Error> {
    let journals = run.journals()?;
    // `check` has set it.
    let Some(id) = run.undoing.get().map(|undone| undone.id.clone()) else {
        return Ok(());
    };
    let Some(start) = journals.start(&id)? else {
        run.reporter
            .output(format!(
                "run {id} changed nothing: there is nothing to undo"
            ))
            .await;
        return Ok(());
    };
    let steps = Arc::new(journals.steps(&id, |entry| is_ours(&start, entry))?);
    run.reporter
        .output(format!(
            "undoing run {id}: {}, by {} at {}",
            start.command, start.who, start.at
        ))
        .await;
    let (runs, _) = journals.runs_and_refused();
    if let Some(line) = earlier(&runs, &id) {
        run.reporter.output(line).await;
    }
    let later = later(run, &journals, &runs, &id).await?;
    run.replay(steps, later, RULE).await?;
    run.reporter
        .output(undo_target::NOT_UNDONE.to_owned())
        .await;
    Ok(())
}

/// A leaf is deleted if the run restored it.
const RULE: Rule = Rule {
    decide: |changes, now, _| put_back(&changes.steps, &changes.later, now),
    permits: was_restored_by,
    attachments: Attachments::Inline,
    cause: Cause::Undo,
};

/// The undos on this cluster that are later than a run, oldest first. A journal that cannot be used is skipped: documents that it has
/// changed count as changed by another writer.
async fn later(
    run: &Run,
    journals: &Journals,
    runs: &[RunSummary],
    id: &str,
) -> Result<Vec<LaterUndoSteps>, Error> {
    let mut later = Vec::new();
    for undo in runs.iter().filter(|one| *one.start.run > *id) {
        let Some(undone) = undo.start.undoes() else {
            continue;
        };
        if !run.cluster.is_of(&undo.start).await? {
            continue;
        }
        let steps = |id: &str| {
            let start = journals.start(id).ok().flatten()?;
            journals.steps(id, |entry| is_ours(&start, entry)).ok()
        };
        if let (Some(undone), Some(made)) = (steps(undone), steps(&undo.start.run)) {
            later.push(LaterUndoSteps { undone, made });
        }
    }
    Ok(later)
}

/// A message about earlier attempts to undo a run.
fn earlier(runs: &[RunSummary], id: &str) -> Option<String> {
    let last_of = |id: &str| {
        let mut undoing = runs.iter().filter(|one| one.start.undoes() == Some(id));
        undoing.next_back().filter(|one| one.ended)
    };
    let undone = last_of(id)?;
    let back = &undone.start;
    Some(match last_of(&back.run) {
        Some(again) => format!(
            "run {id} was undone by run {}, and that was undone by run {}: to undo it again, undo {}",
            back.run, again.start.run, again.start.run
        ),
        None => format!(
            "run {id} was undone before, by run {} at {}",
            back.run, back.at
        ),
    })
}

/// Refuses a journal with a change that no run makes: it was not written by this library.
fn is_ours(start: &RunStart, entry: &PlannedWrite) -> Result<(), Error> {
    let database = DatabaseName::new(&entry.database);
    let before = entry.before.iter().map(|text| text.get());
    let mut texts = before.chain(entry.leaves.iter().map(|leaf| leaf.text.get()));
    let has_its_id = |text: &str| {
        let id = Object::parse(text)
            .ok()
            .and_then(|object| object.string("_id"));
        id.as_deref() == Some(&entry.id)
    };
    if database.is_some_and(|database| database.may_be_restored(&entry.id)) && texts.all(has_its_id)
    {
        return Ok(());
    }
    Err(refused(format!(
        "cannot undo {}: its journal has a change of {:?} in {:?}, which no run makes; nothing is undone",
        start.run, entry.id, entry.database
    )))
}
