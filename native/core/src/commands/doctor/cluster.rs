//! The nodes of the cluster, and its lock.

use super::Examination;
use crate::lease;
use crate::report::{CheckState, LockEntry, RunInProgress};
use couchdb::{Error, Kind, Server};

/// Checks whether nodes are away or in maintenance.
pub(super) async fn examine(
    examination: &mut Examination<'_>,
    server: &Server,
) -> Result<(), Error> {
    match server.is_in_maintenance().await {
        Ok(true) => {
            let finding = "the node that answers is in maintenance mode";
            let remedy = "wait until it is back, or use another node: its answers can be old";
            examination.warn("nodes", finding, remedy).await;
            return Ok(());
        }
        Ok(false) => {}
        Err(error) if error.kind() == Kind::Cancelled => return Err(error),
        // Versions before 2.0 have no such address.
        Err(_) => {}
    }
    let nodes = match server.nodes().await {
        Ok(nodes) => nodes,
        Err(error) if matches!(error.kind(), Kind::Forbidden | Kind::Unauthorized) => {
            let finding = "only an administrator may see the nodes of the cluster";
            examination
                .add("nodes", CheckState::Skipped, finding, None)
                .await;
            return Ok(());
        }
        Err(error) => {
            let state = CheckState::Warning;
            return examination.error("nodes", state, error, None).await;
        }
    };
    let away: Vec<&str> = nodes
        .members
        .difference(&nodes.connected)
        .map(String::as_str)
        .collect();
    if !away.is_empty() {
        let finding = format!(
            "{} of {} nodes are away: {}",
            away.len(),
            nodes.members.len(),
            away.join(" ")
        );
        let remedy = "start them, or wait: documents that only they have are missing in answers, and look like drift";
        examination.warn("nodes", finding, remedy).await;
        return Ok(());
    }
    let mut in_maintenance = Vec::new();
    for node in &nodes.members {
        match server.maintenance_mode(node).await {
            Ok(Some(mode)) if mode != "false" => in_maintenance.push(node.as_str()),
            Err(error) if error.kind() == Kind::Cancelled => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    if in_maintenance.is_empty() {
        let finding = match nodes.members.len() {
            1 => "1, connected".to_owned(),
            nodes => format!("{nodes}, all connected"),
        };
        examination.good("nodes", finding).await;
    } else {
        let finding = format!("in maintenance mode: {}", in_maintenance.join(" "));
        let remedy = "end the maintenance of these nodes before a command that deletes";
        examination.warn("nodes", finding, remedy).await;
    }
    Ok(())
}

/// Checks who holds the cluster lock.
pub(super) async fn examine_lock(
    examination: &mut Examination<'_>,
    server: &Server,
) -> Result<(), Error> {
    let entries = match lease::entries(examination.run, server, &[]).await {
        Ok(entries) => entries,
        Err(error) => {
            let state = CheckState::Warning;
            return examination.error("lock", state, error, None).await;
        }
    };
    let holder = entries.iter().find_map(|entry| match entry {
        LockEntry::HoldsLock(run) => Some(run),
        LockEntry::Waits(_) | LockEntry::Unreadable => None,
    });
    match holder {
        Some(run) if run.silent_for.is_some() => {
            let finding = format!(
                "held by {}, which has been silent since {}",
                described(run),
                run.renewed
            );
            let remedy = "if that run died: unlock";
            examination.warn("lock", finding, remedy).await;
        }
        Some(run) => {
            let finding = format!("held by {}, which is alive", described(run));
            examination.good("lock", finding).await;
        }
        None if entries.contains(&LockEntry::Unreadable) => {
            let finding = "held by an entry that this version cannot read";
            let remedy = "if no newer version runs here: unlock";
            examination.warn("lock", finding, remedy).await;
        }
        None => examination.good("lock", "free").await,
    }
    Ok(())
}

/// `purge_deleted by ann on kazoo@a since 2026-11-24T03:00:00Z`
fn described(run: &RunInProgress) -> String {
    format!(
        "{} by {} on {} since {}",
        run.command, run.who, run.place, run.since
    )
}
