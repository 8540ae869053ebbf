//! `status/0`: the runs that hold the cluster lock or wait for it.

use std::time::SystemTime;

use super::document::{LockDocument, LockRead};
use super::entry::Entry;
use super::holder::{Holder, RunReport, plain, rfc3339};
use super::holders::Holders;
use super::request::Order;
use crate::engine::Run;
use couchdb::Error;

/// `status/0`: a line for each run. Runs that the caller knows are left out.
pub(crate) async fn status(run: &Run) -> Result<(), Error> {
    let server = run.cluster.server(None).await?;
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let mut lines = Vec::new();
    for former in [false, true] {
        if let Some(read) = document.read_one(former).await? {
            lines.extend(lines_of(&read, former, &run.settings.known_runs));
        }
    }
    if lines.is_empty() && run.settings.known_runs.is_none() {
        lines.push("no run holds the cluster lock or waits for it".to_owned());
    }
    for line in lines {
        run.reporter.output(line).await;
    }
    Ok(())
}

fn lines_of(read: &LockRead, former: bool, known: &Option<Vec<String>>) -> Vec<String> {
    let is_known = |run: &String| known.as_ref().is_some_and(|known| known.contains(run));
    let mut lines = Vec::new();
    for entry in read.holders.iter() {
        match entry {
            Entry::Holder(holder) if is_known(&holder.run) => {}
            Entry::Holder(holder) => {
                let mut line = about(&read.holders, holder, "holds the lock", read.at);
                if former {
                    line += "; this run is of version 0.1, which takes no requests";
                }
                lines.push(line);
            }
            Entry::Unreadable(_) => lines.push(entry.to_string()),
        }
    }
    for holder in read.holders.waiting().filter(|one| !is_known(&one.run)) {
        lines.push(about(&read.holders, holder, "waits for the lock", read.at));
    }
    lines
}

/// `1f: purge_deleted by ann on kazoo@a holds the lock since …; 12 of 602 databases, …`
fn about(holders: &Holders, holder: &Holder, what: &str, now: SystemTime) -> String {
    let mut line = format!(
        "{}: {} {what} since {}",
        plain(&holder.run),
        holder.about(),
        rfc3339(holder.since)
    );
    if let Some(report) = &holder.report {
        line += &progress(report);
    }
    line += &format!("; as of {}", rfc3339(holder.renewed));
    if let Some(report) = &holder.report {
        line += &control(report);
    }
    for request in holders.requests_to(&holder.run) {
        let verb = request.order.verb();
        line += &format!("; asked to {verb} by {request}, not read yet");
    }
    if holder.looks_dead(now) {
        line += &format!(
            "; silent for more than {} seconds: if it died, `unlock` removes its lock",
            holder.lease().as_secs()
        );
    }
    line
}

fn progress(report: &RunReport) -> String {
    let RunReport {
        databases,
        of,
        documents,
        changed,
        ..
    } = report;
    format!("; {databases} of {of} databases, {documents} documents read, {changed} changed")
}

fn control(report: &RunReport) -> String {
    let mut line = String::new();
    if report.paused {
        line += "; paused";
        let pauses = |order: Order| matches!(order, Order::Pause | Order::Resume);
        let mut taken = report.taken.iter().rev();
        if let Some(last) = taken.find(|taken| pauses(taken.request.order)) {
            line += &format!(" by {}", last.request);
        }
    }
    if let Some(rate) = report.requests_per_second {
        line += &format!("; at most {rate} requests a second");
    }
    let mut taken = report.taken.iter();
    if taken.any(|taken| taken.request.order == Order::Cancel) {
        line += "; cancelled";
    }
    line
}
