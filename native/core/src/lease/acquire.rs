//! Taking the lock before anything is read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, info, info_span};

use super::Scope;
use super::document::{CONFLICTS, LockDocument, LockRead, is_not_allowed, now, step_back};
use super::entry::{Entry, Watch};
use super::held::Lease;
use super::holder::Holder;
use super::holders::{FORMER_DATABASE, Holders, Verdict};
use crate::engine::{Lock, Run};
use couchdb::{Backoff, Error, Operation};

/// How often a run that waits looks.
const LOOK: Duration = Duration::from_secs(1);

/// Whether a run may go on.
pub(crate) enum Taken {
    /// It needs no lock, or can have none here.
    Unneeded,
    /// It has it.
    Ours(Lease),
    /// It is refused because of this one.
    By(Box<Entry>),
}

/// Takes the lock for a command that needs it, waits for it, or reports its holder. Only the lock
/// document is read and written.
///
/// Only cluster-wide runs need it. Writes of a run for one account or for given numbers carry the
/// revisions that were read, and somebody may wait for that run at a web page.
pub(crate) async fn take(run: &Run, scope: Option<Scope>) -> Result<Taken, Error> {
    if scope != Some(Scope::Exclusive) || run.settings.lock == Lock::Off || run.settings.dry_run {
        return Ok(Taken::Unneeded);
    }
    let settings = &run.settings;
    let mut me = Holder::new(
        run.command_line(),
        &settings.who,
        &settings.place,
        Scope::Exclusive,
        settings.lease,
    );
    me.run.clone_from(&run.id);
    let server = run.cluster.server(None).await?;
    let document = Arc::new(LockDocument::new(
        server.with_own_queue(CancellationToken::new()),
    )?);
    let mut held = Lease::new(document, me.run.clone());
    let span = info_span!("lock", waits_for = field::Empty);
    let taken = tokio::select! {
        taken = acquire(run, &mut held, &me).instrument(span) => taken,
        () = run.cancel.cancelled() => Err(Error::cancelled(Operation::SAVE_DOCS)),
    };
    match taken {
        Ok(None) => {
            info!("command: lock acquired");
            held.keep(settings.lease, run.cancel.clone());
            Ok(Taken::Ours(held))
        }
        Ok(Some(other)) => Ok(Taken::By(other)),
        Err(error) if is_not_allowed(&error) => {
            run.reporter
                .warn(format!(
                    "{error}: this run goes on without a lock, and other runs are not noticed"
                ))
                .await;
            Ok(Taken::Unneeded)
        }
        Err(error) => Err(error),
    }
}

/// Repeats until this run has an entry in the document (None), or is refused because of another.
///
/// Only a read proves that the entry is there, never an answer to a write: the write of a lost answer may have landed, and in a
/// cluster with several copies a write can be answered and lose to another.
async fn acquire(run: &Run, held: &mut Lease, me: &Holder) -> Result<Option<Box<Entry>>, Error> {
    let mut waits_for = None;
    let mut buried = Vec::new();
    let mut failing: Option<Failing> = None;
    let mut conflicts = 0;
    let document = held.document.clone();
    let mut watch = Watch::default();
    let mut former = Some(Watch::default());
    loop {
        let read = document.read().await?;
        watch.see(read.holders.iter(), now());
        let mut verdict = read.holders.judge(me, read.at, &watch, now());
        if verdict != Verdict::Held
            && let Some(watch) = &mut former
        {
            match document.former(me, watch).await? {
                None => former = None,
                Some(Verdict::Held | Verdict::Free { .. }) => {}
                Some(excluded) => verdict = excluded,
            }
        }
        let (other, line) = match verdict {
            Verdict::Held => break,
            Verdict::Free { with, dead } => {
                buried = dead;
                match write(held, &document, &read, &with).await {
                    Ok(true) => failing = None,
                    Ok(false) => {
                        conflicts += 1;
                        if conflicts > CONFLICTS {
                            return Err(document.moves_too_fast());
                        }
                        step_back().await;
                    }
                    Err(error) => wait_for_server(run, &mut failing, error).await?,
                }
                continue;
            }
            Verdict::Taken(other) if run.settings.lock == Lock::Wait => {
                let line = format!("waiting: {other}");
                (other, line)
            }
            Verdict::Taken(other) => return Ok(Some(other)),
            Verdict::Silent(other) => {
                let line = format!(
                    "waiting: {other}{}: it counts as dead, and its lock is removed, when it stays silent for {} seconds (`unlock` removes it at once)",
                    other.last_seen(),
                    other.lease().as_secs()
                );
                (other, line)
            }
        };
        if waits_for.as_ref() != Some(&line) {
            Span::current().record("waits_for", line.as_str());
            info!("command: waits for the lock");
            run.reporter.note(line.clone()).await;
            waits_for = Some(line);
        }
        sleep(LOOK.min(other.lease())).await;
    }
    if former.is_some() {
        run.reporter.warn(format!(
            "the database {FORMER_DATABASE} held the lock of version 0.1 and is no longer used: delete it when no node runs that version"
        ))
        .await;
    }
    for dead in buried {
        run.reporter
            .warn(format!("{dead}{}: its lock is removed", dead.last_seen()))
            .await;
    }
    Ok(None)
}

/// Writes this run's entry.
async fn write(
    held: &mut Lease,
    document: &LockDocument,
    read: &LockRead,
    with: &Holders,
) -> Result<bool, Error> {
    // From here on a cancellation may come when it is written already, and others see how old it is.
    let was_written = std::mem::replace(&mut held.is_written, true);
    held.written = Instant::now();
    let written = document.write(false, read.rev.clone(), with).await;
    if matches!(written, Ok(false)) {
        held.is_written = was_written;
    }
    written
}

/// The failures of a server that is away, since it last answered.
struct Failing {
    since: Instant,
    failed: usize,
    backoff: Backoff,
}

/// Waits before the entry is written again, for as long as other requests wait for a server that is away.
async fn wait_for_server(
    run: &Run,
    failing: &mut Option<Failing>,
    error: Error,
) -> Result<(), Error> {
    let http = &run.settings.http;
    let failing = failing.get_or_insert_with(|| Failing {
        since: Instant::now(),
        failed: 0,
        backoff: Backoff::new(http),
    });
    failing.failed += 1;
    let again = failing.failed < http.tries || failing.since.elapsed() < http.patience();
    if !error.is_temporary() || !again {
        return Err(error);
    }
    debug!(%error, failed = failing.failed, "lock not written: again");
    sleep(failing.backoff.after(&error)).await;
    Ok(())
}
