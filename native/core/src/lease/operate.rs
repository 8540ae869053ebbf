//! `cancel/1`, `pause/1`, `resume/1` and `throttle/2`: a request to a run of any node, left in the lock's document.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::document::LockDocument;
use super::holder::{Holder, TakenRequest, plain, rfc3339};
use super::holders::{Holders, NotAsked};
use super::renewal;
use super::request::{ControlRequest, Order};
use crate::engine::Run;
use couchdb::Error;

/// How often the one who asks looks for the answer.
const LOOK: Duration = Duration::from_millis(500);

/// The shortest beginning of an id that names a run.
const SHORTEST: usize = 4;

/// The result of a command about a run or its lock. Its lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controlled {
    /// It is done.
    Done,
    /// Refused: the run is not in progress, or takes no requests.
    NoSuchRun,
    /// Refused: the run is alive.
    IsAlive,
    /// The run did not do what it was asked for.
    Failed,
}

/// The fate of a request.
enum Fate {
    Taken(TakenRequest),
    /// The run is no longer in the document.
    Ended,
    /// The run has not read it.
    Waits(Holder),
    /// Another program removed it.
    Lost,
}

/// Asks the run of this id, or of the only one that starts so, and waits until it has read the request.
pub(crate) async fn ask(run: &Run, id: &str, order: Order) -> Result<Controlled, Error> {
    let server = run.cluster.server(None).await?;
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let read = document.read().await?;
    let Some(target) = named(&read.holders, id) else {
        let former = document.read_one(true).await?;
        return refused(run, not_found(id, former.map(|read| read.holders))).await;
    };
    let about = format!("{}: {}", plain(&target.run), target.about());
    let verb = order.verb();
    if run.settings.dry_run {
        run.reporter
            .output(format!("{about} would be asked to {verb}"))
            .await;
        return Ok(Controlled::Done);
    }
    let request = ControlRequest::new(&target.run, order, &run.settings.who, read.at);
    match leave(&document, &request).await? {
        Ok(()) => {}
        Err(NotAsked::NoSuchRun) => return refused(run, ended(&about)).await,
        Err(NotAsked::Full) => {
            let line = format!("error: cannot ask {about}: too many requests wait for runs");
            run.reporter.error(line, None).await;
            return Ok(Controlled::Failed);
        }
    }
    let interval = renewal::interval(target.lease());
    run.reporter
        .output(format!(
            "asked to {verb}: {about}; it reads this within {}",
            seconds(interval)
        ))
        .await;
    let patience = interval * 2 + renewal::longest_try(target.lease());
    match fate(&document, &request, patience).await? {
        Fate::Taken(taken) => {
            let line = format!("{}: {about}; at {}", order.done(), rfc3339(taken.taken));
            run.reporter.output(line).await;
        }
        // It may have read the request and ended between two looks. A pause is the one order that an ended run has not obeyed.
        Fate::Ended if order == Order::Pause => return refused(run, ended(&about)).await,
        Fate::Ended => {
            run.reporter.output(format!("ended: {about}")).await;
        }
        Fate::Waits(holder) => {
            let line = format!(
                "error: {about} has not read the request for {}; it last renewed its lock at {}",
                seconds(patience),
                rfc3339(holder.renewed)
            );
            let hint = "the request stays until the run reads it or ends; `status` shows it";
            run.reporter.error(line, Some(hint.to_owned())).await;
            return Ok(Controlled::Failed);
        }
        Fate::Lost => {
            let line =
                format!("error: {about} has not read the request: another program removed it");
            let hint = "nodes of older versions remove requests: upgrade them, and ask again";
            run.reporter.error(line, Some(hint.to_owned())).await;
            return Ok(Controlled::Failed);
        }
    }
    Ok(Controlled::Done)
}

/// The run of this id, or the only one whose id starts so.
fn named<'h>(holders: &'h Holders, id: &str) -> Option<&'h Holder> {
    let all = || holders.holders().chain(holders.waiting());
    if let Some(exact) = all().find(|one| one.run == id) {
        return Some(exact);
    }
    let mut starting = all().filter(|one| id.len() >= SHORTEST && one.run.starts_with(id));
    let first = starting.next()?;
    starting.next().is_none().then_some(first)
}

fn not_found(id: &str, former: Option<Holders>) -> String {
    let shown = crate::report::shown(id);
    if former.is_some_and(|former| former.lists(id)) {
        return format!("refused: the run {shown} is of version 0.1, which takes no requests");
    }
    format!(
        "refused: no run {shown} holds the cluster lock or waits for it (`status` lists those that do): it has ended, or it took no lock; \
         a run for one account or given numbers, or one that only reads, takes its orders in its own node or terminal"
    )
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 | 1 => "1 second".to_owned(),
        more => format!("{more} seconds"),
    }
}

fn ended(about: &str) -> String {
    format!("refused: {about} has ended")
}

async fn refused(run: &Run, line: String) -> Result<Controlled, Error> {
    run.reporter.error(line, None).await;
    Ok(Controlled::NoSuchRun)
}

/// Adds the request to the document.
async fn leave(
    document: &LockDocument,
    request: &ControlRequest,
) -> Result<Result<(), NotAsked>, Error> {
    let is_full = AtomicBool::new(false);
    let is_left = document
        .change(false, |holders, _| {
            let with = holders.with_request(request.clone());
            is_full.store(with == Err(NotAsked::Full), Ordering::Relaxed);
            with.ok()
        })
        .await?;
    Ok(match (is_left, is_full.into_inner()) {
        (true, _) => Ok(()),
        (false, true) => Err(NotAsked::Full),
        (false, false) => Err(NotAsked::NoSuchRun),
    })
}

/// Waits for the run to read a request.
async fn fate(
    document: &LockDocument,
    request: &ControlRequest,
    patience: Duration,
) -> Result<Fate, Error> {
    let began = Instant::now();
    loop {
        sleep(LOOK).await;
        let read = document.read().await?;
        let mut all = read.holders.holders().chain(read.holders.waiting());
        let Some(holder) = all.find(|one| one.run == request.run) else {
            return Ok(Fate::Ended);
        };
        let report = holder.report.as_ref();
        let mut taken = report.into_iter().flat_map(|report| &report.taken);
        if let Some(taken) = taken.find(|taken| taken.request.id == request.id) {
            return Ok(Fate::Taken(taken.clone()));
        }
        let mut left = read.holders.requests_to(&request.run);
        if !left.any(|one| one.id == request.id) {
            return Ok(Fate::Lost);
        }
        if began.elapsed() >= patience {
            return Ok(Fate::Waits(holder.clone()));
        }
    }
}
