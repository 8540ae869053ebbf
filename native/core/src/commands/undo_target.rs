//! The run that `undo` restores: found by what the operator gave, and whether it was undone here before.

use std::time::Duration;

use super::undo::refused;
use crate::engine::{Run, UndoneRun};
use crate::journal::{History, Journals, RunSummary};
use crate::selection::Insistence;
use couchdb::Error;

/// Names the newest run of this cluster.
const LAST: &str = "last";

/// The attempts to see the end of a run. A run that was cancelled a moment ago closes its journal within milliseconds.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// The changes of a run that its undo leaves.
pub(super) const NOT_UNDONE: &str = "not undone: databases that the run created, design documents, notices that it sent, services that it reconciled";

/// The id of the run that `given` names, which is recorded in the run. `last` names no undo, so that the same command twice does not
/// make changes again.
pub(super) async fn choose(
    run: &Run,
    journals: &Journals,
    given: &str,
    insistence: Insistence,
) -> Result<String, Error> {
    let id = match given {
        LAST => newest_here(run, journals).await?,
        given => journals.resolve(given)?,
    };
    let command_line = format!("undo {id}{}", insistence.word());
    // Fails only if it is set twice.
    let _ = run.undoing.set(UndoneRun {
        id: id.clone(),
        command_line,
    });
    Ok(id)
}

async fn newest_here(run: &Run, journals: &Journals) -> Result<String, Error> {
    for id in journals.ids().into_iter().rev() {
        // A journal that cannot be used is reported by `runs`.
        let Ok(Some(start)) = journals.start(&id) else {
            continue;
        };
        if !run.cluster.is_of(&start).await? {
            continue;
        }
        return match start.undoes() {
            None => Ok(id),
            Some(undone) => Err(refused(format!(
                "the newest run of this cluster, {id}, is the undo of run {undone}: nothing is undone; to make the changes of {undone} again: undo {id}"
            ))),
        };
    }
    Err(refused(
        "no run of this cluster can be undone; `runs` lists the runs of all clusters".to_owned(),
    ))
}

/// The run that undid all of a run on this cluster. It is not one that was itself undone.
pub(super) async fn undone_here(
    run: &Run,
    journals: &Journals,
    id: &str,
) -> Result<Option<RunSummary>, Error> {
    let (runs, _) = journals.runs_and_refused();
    if !runs.iter().any(|one| one.start.undoes() == Some(id)) {
        return Ok(None);
    }
    let url = run.cluster.url().await?.to_string();
    let identity = run.cluster.identity().await?;
    let is_here = |one: &RunSummary| one.start.is_on(identity, &url);
    Ok(History::new(&runs).undone_by(id, &is_here).cloned())
}

/// The answer to a second undo. It succeeds, because the run is undone, and writes nothing: another run may have made the same changes
/// since, on purpose.
pub(super) fn already_undone(id: &str, undone: &RunSummary) -> String {
    let (by, at) = (&undone.start.run, &undone.start.at);
    format!(
        "run {id} is already undone, by run {by} at {at}: nothing is undone; to undo it again: undo {id} {}; to make its changes again: undo {by}",
        Insistence::AGAIN
    )
}

/// Refuses a run that is still in progress: it would change documents while they are restored.
pub(super) async fn wait_for_end(journals: &Journals, id: &str) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        if !journals.is_in_progress(id)? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(refused(format!(
        "run {id} is still in progress: nothing is undone; wait for its end, or cancel it"
    )))
}
