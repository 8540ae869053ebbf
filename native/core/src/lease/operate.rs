//! `cancel/1`, `pause/1`, `resume/1` and `throttle/2`: a request to a run of any node, left in the lock's document.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::document::LockDocument;
use super::holder::{Holder, TakenRequest, rfc3339};
use super::holders::{Holders, NotAsked};
use super::renewal;
use super::request::{ControlRequest, Order};
use crate::commands::{Answer, FAILED, Returned};
use crate::engine::Run;
use couchdb::Error;

/// How often the one who asks looks for the answer.
const LOOK: Duration = Duration::from_millis(500);

/// The shortest beginning of an id that names a run.
const SHORTEST: usize = 4;

/// What became of a request.
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
pub(crate) async fn ask(run: &Run, id: &str, order: Order) -> Result<Answer, Error> {
    let server = run.cluster.server(None).await?;
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let read = document.read().await?;
    let Some(target) = named(&read.holders, id) else {
        let former = document.read_one(true).await?;
        return refused(run, not_found(id, former.map(|read| read.holders))).await;
    };
    let about = format!("{}: {}", target.run, target.about());
    let verb = order.verb();
    if run.settings.dry_run {
        run.reporter
            .output(format!("{about} would be asked to {verb}"))
            .await;
        return Ok(Answer::Only(Returned::Ok));
    }
    let request = ControlRequest::new(&target.run, order, &run.settings.who, read.at);
    if let Err(why) = leave(&document, &request).await? {
        let line = match why {
            NotAsked::NoSuchRun => ended(&about),
            NotAsked::Full => "refused: too many requests wait in the lock's document".to_owned(),
        };
        return refused(run, line).await;
    }
    let interval = renewal::interval(target.lease());
    run.reporter
        .output(format!(
            "asked to {verb}: {about}; it reads this within {} seconds",
            interval.as_secs().max(1)
        ))
        .await;
    let patience = interval * 2 + renewal::longest_try(target.lease());
    match fate(&document, &request, patience).await? {
        Fate::Taken(taken) => {
            let line = format!("{}: {about}; at {}", order.done(), rfc3339(taken.taken));
            run.reporter.output(line).await;
        }
        Fate::Ended if order == Order::Cancel => {
            run.reporter.output(format!("ended: {about}")).await;
        }
        Fate::Ended => return refused(run, ended(&about)).await,
        Fate::Waits(holder) => {
            let line = format!(
                "error: {about} has not read the request for {} seconds; it last renewed its lock at {}",
                patience.as_secs(),
                rfc3339(holder.renewed)
            );
            let hint = "the request stays until the run reads it or ends; `status` shows it";
            run.reporter.error(line, Some(hint.to_owned())).await;
            return Ok(Answer::Only(Returned::Code(FAILED)));
        }
        Fate::Lost => {
            let line =
                format!("error: {about} has not read the request: another program removed it");
            let hint = "nodes of older versions remove requests: upgrade them, and ask again";
            run.reporter.error(line, Some(hint.to_owned())).await;
            return Ok(Answer::Only(Returned::Code(FAILED)));
        }
    }
    Ok(Answer::Only(Returned::Ok))
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
        "refused: no run {shown} holds the cluster lock or waits for it: it has ended, or it took no lock; \
         a run for one account or given numbers, or one that only reads, takes its orders in its own node or terminal"
    )
}

fn ended(about: &str) -> String {
    format!("refused: {about} has ended")
}

async fn refused(run: &Run, line: String) -> Result<Answer, Error> {
    let returned = Returned::refused(&run.function, &line);
    run.reporter.error(line, None).await;
    Ok(Answer::Only(returned))
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
