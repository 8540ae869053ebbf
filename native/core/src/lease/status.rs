//! `status/0`: the runs that hold the cluster lock or wait for it.

use std::time::SystemTime;

use super::document::{LockDocument, LockRead};
use super::entry::Entry;
use super::holder::{Holder, RunReport, plain, rfc3339};
use super::holders::Holders;
use super::request::Order;
use crate::engine::Run;
use crate::report::{Event, LockEntry, RunInProgress, RunProgress, UnreadOrder};
use couchdb::{Error, Server};

/// `status/0`: reports the entries of the lock. Runs that the caller knows are left out.
pub(crate) async fn status(run: &Run) -> Result<(), Error> {
    let known = run.settings.known_runs.as_deref();
    let server = run.cluster.server(None).await?;
    let entries = entries(run, &server, known.unwrap_or_default()).await?;
    if !entries.is_empty() || known.is_none() {
        run.reporter.send(Event::Status(entries)).await;
    }
    Ok(())
}

/// The entries of the lock, without known runs.
pub(crate) async fn entries(
    run: &Run,
    server: &Server,
    known: &[String],
) -> Result<Vec<LockEntry>, Error> {
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let mut entries = Vec::new();
    for former in [false, true] {
        if let Some(read) = document.read_one(former).await? {
            entries.extend(entries_of(&read, former, known));
        }
    }
    Ok(entries)
}

fn entries_of(read: &LockRead, former: bool, known: &[String]) -> Vec<LockEntry> {
    let describe = |holder: &Holder| in_progress(&read.holders, holder, former, read.at);
    let is_unknown = |holder: &&Holder| !known.contains(&holder.run);
    let held = read.holders.iter().filter_map(|entry| match entry {
        Entry::Holder(holder) => Some(&**holder)
            .filter(is_unknown)
            .map(|holder| LockEntry::HoldsLock(describe(holder))),
        Entry::Unreadable(_) => Some(LockEntry::Unreadable),
    });
    let waiting = read.holders.waiting().filter(is_unknown);
    held.chain(waiting.map(|holder| LockEntry::Waits(describe(holder))))
        .collect()
}

fn in_progress(holders: &Holders, holder: &Holder, former: bool, now: SystemTime) -> RunInProgress {
    let report = holder.report.as_ref();
    let unread = holders.requests_to(&holder.run);
    RunInProgress {
        run: plain(&holder.run),
        command: plain(&holder.command),
        who: plain(&holder.who),
        place: plain(&holder.place),
        since: rfc3339(holder.since),
        renewed: rfc3339(holder.renewed),
        silent_for: holder.looks_dead(now).then(|| holder.lease().as_secs()),
        takes_requests: !former,
        progress: report.map(|report| RunProgress {
            databases: report.databases,
            of: report.of,
            documents: report.documents,
            changed: report.changed,
        }),
        paused: report.is_some_and(|report| report.paused),
        paused_by: report.and_then(paused_by),
        requests_per_second: report
            .and_then(|report| report.requests_per_second)
            .map(couchdb::Rate::per_second),
        cancelled: report.is_some_and(|report| took(report, Order::Cancel)),
        unread_orders: unread
            .map(|request| UnreadOrder {
                order: request.order.verb(),
                by: request.to_string(),
            })
            .collect(),
    }
}

/// The user who paused a run that is paused, and the time.
fn paused_by(report: &RunReport) -> Option<String> {
    let pauses = |order: Order| matches!(order, Order::Pause | Order::Resume);
    let mut taken = report.taken.iter().rev();
    let last = taken.find(|taken| pauses(taken.request.order))?;
    report.paused.then(|| last.request.to_string())
}

fn took(report: &RunReport, order: Order) -> bool {
    let mut taken = report.taken.iter();
    taken.any(|taken| taken.request.order == order)
}
