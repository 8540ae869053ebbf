//! The history of audits.

use std::sync::Arc;

use crate::commands::answer::{Answer, Returned};
use crate::engine::Run;
use crate::journal::audits;
use crate::report::{AuditTotals, AuditedCluster, Event};
use couchdb::Error;

/// The cluster of a run.
pub(super) async fn cluster_of(run: &Run) -> Result<AuditedCluster, Error> {
    Ok(AuditedCluster {
        server: run.cluster.url().await?.to_string(),
        identity: run.cluster.identity().await?.clone(),
    })
}

/// Reports the audits of this cluster.
pub(super) async fn trend(run: &Arc<Run>) -> Result<Answer, Error> {
    let journals = run.journals()?;
    let cluster = cluster_of(run).await?;
    let (history, refused) = audits::read(&journals);
    for error in refused {
        run.reporter.warn(error.to_string()).await;
    }
    let history = of_cluster(history, &cluster);
    run.reporter.send(Event::Trend(history)).await;
    Ok(Answer::Only(Returned::Ok))
}

/// Adds the totals of an audit to the history, and returns the audits of this cluster. Without journals there is no history. A
/// history that cannot be written is a warning.
pub(super) async fn add(run: &Run, totals: AuditTotals) -> Vec<AuditTotals> {
    let Some(journals) = run.settings.journals.clone() else {
        return vec![totals];
    };
    let cluster = totals.cluster.clone();
    let added = totals.clone();
    let done = tokio::task::spawn_blocking(move || {
        let written = audits::append(&journals, &added);
        (written, audits::read(&journals).0)
    });
    let Ok((written, history)) = done.await else {
        return vec![totals];
    };
    if let Err(error) = written {
        let line = format!("the history of audits cannot be written: {error}");
        run.reporter.warn(line).await;
    }
    let mut history = of_cluster(history, &cluster);
    if history.last() != Some(&totals) {
        history.push(totals);
    }
    history
}

fn of_cluster(mut history: Vec<AuditTotals>, cluster: &AuditedCluster) -> Vec<AuditTotals> {
    history.retain(|totals| totals.cluster.is_same(cluster));
    history
}
