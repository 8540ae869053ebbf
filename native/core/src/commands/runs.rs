//! `runs/0`: the runs that can be undone.

use std::time::Duration;

use super::answer::{Answer, FAILED, Returned};
use crate::engine::Run;
use crate::journal::{History, RunState, RunSummary};
use crate::report::{ClusterOfRuns, Event, PastRun, PastRuns};
use couchdb::{ClusterIdentity, Error};

/// The time in which the server must say which cluster it belongs to. The list is of use while CouchDB is down.
const PATIENCE: Duration = Duration::from_secs(5);

/// `runs/0`: lists the runs, those of this cluster first, then by cluster, the newest last.
pub(crate) async fn runs(run: &Run) -> Result<Answer, Error> {
    let journals = run.journals()?;
    journals.prune(None);
    let (runs, refused) = journals.runs_and_refused();
    if !runs.is_empty() {
        let report = report(run, &History::new(&runs)).await;
        run.reporter.send(Event::Runs(Box::new(report))).await;
    }
    if refused.is_empty() {
        return Ok(Answer::Only(Returned::Ok));
    }
    for error in refused {
        run.reporter.error(format!("error: {error}"), None).await;
    }
    Ok(Answer::Only(Returned::Code(FAILED)))
}

async fn report(run: &Run, history: &History<'_>) -> PastRuns {
    let here = here(run).await;
    let mut clusters: Vec<(&RunSummary, ClusterOfRuns)> = Vec::new();
    for one in history.runs() {
        let start = &one.start;
        let is_known = |known: &RunSummary| known.start.is_on(&start.cluster, &start.server);
        let past = past_run(one, &history.state(one));
        match clusters.iter_mut().find(|(first, _)| is_known(first)) {
            Some((_, cluster)) => cluster.runs.push(past),
            None => clusters.push((
                one,
                ClusterOfRuns {
                    server: start.server.clone(),
                    identity: start.cluster.clone(),
                    is_this: here
                        .as_ref()
                        .map(|(url, identity)| start.is_on(identity, url)),
                    runs: vec![past],
                },
            )),
        }
    }
    clusters.sort_by_key(|(_, cluster)| cluster.is_this != Some(true));
    PastRuns {
        clusters: clusters.into_iter().map(|(_, cluster)| cluster).collect(),
    }
}

fn past_run(run: &RunSummary, state: &RunState) -> PastRun {
    let undone_by = match state {
        RunState::Undone { by } | RunState::PartlyUndone { by } => Some(by.clone()),
        RunState::Done | RunState::InProgress | RunState::Interrupted => None,
    };
    let start = &run.start;
    PastRun {
        run: start.run.clone(),
        at: start.at.clone(),
        who: start.who.clone(),
        command: start.command.clone(),
        state: state.name(),
        undone_by,
        written: run.landed,
        counts: run.counts,
        unknown: run.unknown,
        failed: run.failed,
    }
}

/// The URL and the identity of this cluster. `None`, with a warning, if the server does not answer.
async fn here(run: &Run) -> Option<(String, ClusterIdentity)> {
    let read = async {
        let url = run.cluster.url().await?.to_string();
        let identity = run.cluster.identity().await?.clone();
        Ok::<_, Error>((url, identity))
    };
    let why = match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(here)) => return Some(here),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "the server does not answer within {} seconds",
            PATIENCE.as_secs()
        ),
    };
    let line = format!("it is not known which of these runs were on this cluster: {why}");
    run.reporter.warn(line).await;
    None
}
