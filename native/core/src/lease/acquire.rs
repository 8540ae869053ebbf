//! Taking the lock before anything is read.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, info, info_span};

use super::Scope;
use super::claim::{Claim, NextClaim};
use super::control::Control;
use super::document::{LockDocument, LockRead, is_not_allowed, now, step_back};
use super::entry::{Entry, Watch};
use super::held::Lease;
use super::holder::Holder;
use super::holders::{FORMER_DATABASE, Verdict};
use super::renewal::Renewal;
use crate::engine::{Lock, Run};
use couchdb::{Backoff, Error, Operation};

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
pub(crate) async fn take(run: &Arc<Run>, scope: Option<Scope>) -> Result<Taken, Error> {
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
    let control = Control::new(run.clone());
    let span = info_span!("lock", waits_for = field::Empty);
    let taken = tokio::select! {
        taken = acquire(run, &mut held, &me, &control).instrument(span) => taken,
        () = run.cancel.cancelled() => Err(Error::cancelled(Operation::SAVE_DOCS)),
    };
    match taken {
        Ok(Ok(renewal)) => {
            info!("command: lock acquired");
            control.end_if_cancelled();
            held.keep(renewal, control, run.cancel.clone());
            Ok(Taken::Ours(held))
        }
        Ok(Err(other)) => {
            held.give_up(false).await;
            Ok(Taken::By(other))
        }
        Err(error) if is_not_allowed(&error) => {
            run.reporter
                .warn(format!(
                    "{error}: this run goes on without a lock, and other runs are not noticed"
                ))
                .await;
            Ok(Taken::Unneeded)
        }
        Err(error) => {
            held.give_up(run.cancel.is_cancelled()).await;
            Err(error)
        }
    }
}

/// Repeats until this run has an entry in the document, which it must renew, or is refused because of another (`Err`).
async fn acquire(
    run: &Run,
    held: &mut Lease,
    me: &Holder,
    control: &Control,
) -> Result<Result<Renewal, Box<Entry>>, Error> {
    let mut waits_for = None;
    let mut waiting = Waiting::default();
    let mut failing: Option<Failing> = None;
    let document = held.document.clone();
    let mut claim = Claim::new(me.clone(), run.settings.lock);
    let mut former = Some(Watch::default());
    let (renewal, buried) = loop {
        let read = document.read().await?;
        let is_asked = control.read(&read.holders, read.at);
        let mut verdict = claim.judge(&read, now());
        if verdict != Verdict::Held
            && let Some(watch) = &mut former
        {
            match document.former(me, watch).await? {
                None => former = None,
                Some(Verdict::Held | Verdict::Free { .. }) => {}
                Some(excluded) => verdict = excluded,
            }
        }
        match claim.next(verdict, &read, held.entry.since(), now()) {
            NextClaim::Held(renewal, dead) => break (renewal, dead),
            NextClaim::Refused(other) => return Ok(Err(other)),
            NextClaim::Write(with) => {
                // A cancellation may come when it is written already.
                held.entry.sends(now());
                let written = document.write(false, read.rev.clone(), &with).await;
                held.entry.answered(written.as_ref().ok().copied());
                match written {
                    Ok(true) => failing = None,
                    Ok(false) if claim.may_write_again() => step_back().await,
                    Ok(false) => return Err(document.moves_too_fast()),
                    Err(error) => wait_for_server(run, &mut failing, error).await?,
                }
            }
            NextClaim::Wait { line, pause } => {
                if waits_for.as_ref() != Some(&line) {
                    Span::current().record("waits_for", line.as_str());
                    info!("command: waits for the lock");
                    run.reporter.note(line.clone()).await;
                    waits_for = Some(line);
                }
                if is_asked || waiting.is_due() {
                    held.is_waiting = true;
                    waiting.write(&document, &read, me, control).await;
                }
                control.end_if_cancelled();
                sleep(pause).await;
            }
        }
    };
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
    Ok(Ok(renewal))
}

/// How often a run that waits for the lock says that it still does.
const STILL_WAITING: Duration = Duration::from_secs(10);

/// The place of a run among those that wait, for operators.
#[derive(Default)]
struct Waiting {
    written: Option<Instant>,
}

impl Waiting {
    fn is_due(&self) -> bool {
        self.written.is_none_or(|at| at.elapsed() >= STILL_WAITING)
    }

    /// A run that cannot write it waits anyway.
    async fn write(
        &mut self,
        document: &LockDocument,
        read: &LockRead,
        me: &Holder,
        control: &Control,
    ) {
        let with = read.holders.with_waiting(me, read.at);
        let with = control.answer(&with);
        let written = document.write(false, read.rev.clone(), &with).await;
        match written {
            Ok(true) => self.written = Some(Instant::now()),
            // Somebody else was faster: at the next look.
            Ok(false) => {}
            Err(error) => {
                debug!(%error, "not listed as waiting");
                self.written = Some(Instant::now());
            }
        }
    }
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
