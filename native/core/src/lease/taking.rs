//! Taking the lock before anything is read, keeping it while the run goes on, and giving it back.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Scope;
use super::holders::{
    DATABASE, DOCUMENT, Entry, FORMER_DATABASE, FORMER_DOCUMENT, Holder, Holders, Lock, Verdict,
    Watch,
};
use crate::engine::Run;
use crate::kazoo::DatabaseName;
use couchdb::{Backoff, Landed, Revision, Server, Write};
use couchdb::{Error, Kind, Operation};

/// How often a run that waits looks.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause after somebody else was faster to write.
const STEP_BACK: Duration = Duration::from_millis(50);

/// How often somebody else may be faster. Each time another run got on, so this is not reached
/// but by a server that answers so to everything.
const CONFLICTS: usize = 500;

/// How long giving the lock back may take; after it the lease runs out by itself.
const RELEASE: Duration = Duration::from_secs(10);

/// A lease is renewed so many times as often as it expires. An outage of a minute must not end a run
/// (docs/specification.md#outages), so the lease is longer than that, and fresh when one begins.
const RENEWALS: u32 = 9;

/// The part of a lease after which a renewal that failed is tried again.
const RETRIES: u32 = 30;

/// The part of a lease that one try to renew it may take.
const TRY: u32 = 6;

/// The part of a lease before whose end a run stops that could not renew it: its last requests are over when another run may
/// take the lock.
const MARGIN: u32 = 18;

/// Who cancels a run wants it over within a second of that, and this is some of it.
const CANCELLED: Duration = Duration::from_millis(900);

/// Whether a run may go on.
pub(crate) enum Taken {
    /// It needs no lock, or can have none here.
    Unneeded,
    /// It has it.
    Ours(Lease),
    /// It is refused because of this one.
    By(Box<Entry>),
}

/// Takes the lock for a command that needs it, or waits for it, or says whose it is. Nothing but
/// the lock is read or written.
///
/// Only cluster-wide runs need it. What a run for one account or for given numbers writes carries
/// the revisions that it read, and somebody may wait for it at a web page.
pub(crate) async fn take(run: &Run, scope: Option<Scope>) -> Result<Taken, Error> {
    if scope != Some(Scope::Exclusive) || run.settings.lock == Lock::Off || run.settings.dry_run {
        return Ok(Taken::Unneeded);
    }
    let settings = &run.settings;
    let me = Holder::new(
        run.command_line(),
        &settings.who,
        &settings.place,
        Scope::Exclusive,
        settings.lease,
    );
    let server = run.cluster.server(None).await?;
    let ledger = Arc::new(Ledger::new(
        server.with_own_queue(CancellationToken::new()),
    )?);
    let mut held = Lease::new(ledger, me.run.clone());
    let taken = tokio::select! {
        taken = acquire(run, &mut held, &me) => taken,
        () = run.cancel.cancelled() => Err(Error::cancelled(Operation::SAVE_DOCS)),
    };
    match taken {
        Ok(None) => {
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

fn named(database: &str) -> Result<DatabaseName, Error> {
    DatabaseName::new(database).ok_or_else(|| {
        Error::new(
            Kind::Internal,
            Operation::SAVE_DOCS,
            "no name of a database",
        )
    })
}

/// The credentials are right, and do not reach to the lock: CouchDB says so, and not a proxy in front of it. Where a database is
/// to be created CouchDB answers 401 to who is not an administrator; that they are known has shown before.
fn is_not_allowed(error: &Error) -> bool {
    match error.kind() {
        Kind::Forbidden => error.couchdb_code().is_some(),
        Kind::Unauthorized => error.operation() == Operation::CREATE_DATABASE,
        _ => false,
    }
}

/// Until this run stands in the document (None), or is refused because of another.
///
/// What counts is what is read, never what was written: a lost answer may be of a write that
/// landed, and in a cluster of several copies a write can be answered and lose to another.
async fn acquire(run: &Run, held: &mut Lease, me: &Holder) -> Result<Option<Box<Entry>>, Error> {
    let mut waits_for = None;
    let mut buried = Vec::new();
    let mut failing: Option<Failing> = None;
    let mut conflicts = 0;
    let ledger = held.ledger.clone();
    let mut watch = Watch::default();
    let mut former = Some(Watch::default());
    loop {
        let read = ledger.read().await?;
        watch.see(&read.holders, now());
        let mut verdict = read.holders.judge(me, read.at, &watch, now());
        if verdict != Verdict::Held
            && let Some(watch) = &mut former
        {
            match ledger.former(me, watch).await? {
                None => former = None,
                Some(Verdict::Held | Verdict::Free { .. }) => {}
                Some(excluded) => verdict = excluded,
            }
        }
        let (other, line) = match verdict {
            Verdict::Held => break,
            Verdict::Free { with, dead } => {
                buried = dead;
                match write(held, &ledger, &read, &with).await {
                    Ok(true) => failing = None,
                    Ok(false) => {
                        conflicts += 1;
                        if conflicts > CONFLICTS {
                            return Err(ledger.moves_too_fast());
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

/// The moment on this machine's monotonic clock.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Writes this run's entry.
async fn write(
    held: &mut Lease,
    ledger: &Ledger,
    read: &Read,
    with: &Holders,
) -> Result<bool, Error> {
    // From here on a cancellation may come when it is written already, and others see how old it is.
    let was_written = std::mem::replace(&mut held.is_written, true);
    held.written = Instant::now();
    let written = ledger.write(false, read.rev.clone(), with).await;
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
    sleep(failing.backoff.after(&error)).await;
    Ok(())
}

/// `unlock/0`: removes the entries of the lock, whosever they are.
pub(crate) async fn unlock(run: &Run) -> Result<(), Error> {
    let server = run.cluster.server(None).await?;
    let ledger = Ledger::new(server.with_own_queue(run.cancel.clone()))?;
    let mut found = false;
    for former in [false, true] {
        let Some(read) = ledger.read_one(former).await? else {
            continue;
        };
        let entries: Vec<Entry> = read.holders.iter().cloned().collect();
        found |= !entries.is_empty();
        for entry in &entries {
            if !entry.looks_dead(read.at) {
                run.reporter.warn(format!(
                    "{entry}{}: if it still runs it stops when it renews its lock; until then both may write",
                    entry.last_seen()
                ))
                .await;
            }
        }
        if !run.settings.dry_run && !entries.is_empty() {
            ledger
                .change(former, |holders, _| holders.without_all(&entries))
                .await?;
        }
        for entry in entries {
            let done = if run.settings.dry_run {
                "would be removed"
            } else {
                "is removed"
            };
            run.reporter
                .output(format!("{entry}{}: its lock {done}", entry.last_seen()))
                .await;
        }
    }
    if !found {
        run.reporter
            .output("no run holds the lock".to_owned())
            .await;
    }
    Ok(())
}

/// Who met must not meet again.
async fn step_back() {
    let pause = STEP_BACK.mul_f64(rand::random::<f64>());
    sleep(pause).await;
}

/// The lock that a run has. However it ends, its entry is removed.
pub(crate) struct Lease {
    ledger: Arc<Ledger>,
    run: String,
    is_written: bool,
    /// When it was last begun to be written.
    written: Instant,
    renewing: Option<AbortHandle>,
    ended: Arc<Ended>,
}

/// What ended a run before its time.
#[derive(Default)]
struct Ended {
    /// Why the lock is no longer ours.
    lost: OnceLock<String>,
    /// When the run was cancelled.
    cancelled: OnceLock<Instant>,
}

impl Lease {
    fn new(ledger: Arc<Ledger>, run: String) -> Self {
        Self {
            ledger,
            run,
            is_written: false,
            written: Instant::now(),
            renewing: None,
            ended: Arc::default(),
        }
    }

    /// Renews the entry from now on; `cancel` stops the run when that is no longer possible.
    fn keep(&mut self, lease: Duration, cancel: CancellationToken) {
        let ledger = self.ledger.clone();
        let run = self.run.clone();
        let ended = self.ended.clone();
        let written = self.written;
        let task = tokio::spawn(async move {
            // Each is set once, by this task alone.
            tokio::select! {
                why = ledger.renew(&run, written, lease) => {
                    let _ = ended.lost.set(why);
                    cancel.cancel();
                }
                () = cancel.cancelled() => {
                    let _ = ended.cancelled.set(Instant::now());
                }
            }
        });
        self.renewing = Some(task.abort_handle());
    }

    /// Gives the lock back. When it was lost before, the line that says so.
    pub(crate) async fn release(mut self) -> Option<String> {
        let patience = match self.ended.cancelled.get() {
            Some(at) => CANCELLED.saturating_sub(at.elapsed()),
            None => RELEASE,
        };
        if let Some(releasing) = self.let_go() {
            let _ = timeout(patience, releasing).await;
        }
        self.ended.lost.get().cloned()
    }

    /// Begins to give it back. That goes on when nobody waits for it.
    fn let_go(&mut self) -> Option<JoinHandle<()>> {
        if let Some(renewing) = self.renewing.take() {
            renewing.abort();
        }
        if !std::mem::take(&mut self.is_written) {
            return None;
        }
        let ledger = self.ledger.clone();
        let run = self.run.clone();
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(async move {
            // Failing that, the lease runs out.
            let _ = timeout(RELEASE, ledger.leave(&run)).await;
        }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.let_go());
    }
}

/// The document, as it is read and written.
struct Ledger {
    server: Server,
    database: DatabaseName,
    /// Where version 0.1 has the document.
    former: DatabaseName,
    /// What was read last, for who wants to write without reading first.
    known: Mutex<Option<Read>>,
}

/// What was read.
#[derive(Clone)]
struct Read {
    rev: Option<Revision>,
    holders: Holders,
    at: SystemTime,
}

impl Ledger {
    fn new(server: Server) -> Result<Self, Error> {
        Ok(Self {
            server,
            known: Mutex::default(),
            database: named(DATABASE)?,
            former: named(FORMER_DATABASE)?,
        })
    }

    async fn read(&self) -> Result<Read, Error> {
        let read = self.read_in(&self.database, DOCUMENT).await?;
        *self.known() = Some(read.clone());
        Ok(read)
    }

    async fn read_in(&self, database: &DatabaseName, document: &str) -> Result<Read, Error> {
        let opened = self.server.open_doc(database, document).await?;
        let (rev, holders) = match opened.document {
            None => (None, Holders::default()),
            Some(document) => (document.rev().cloned(), Holders::parse(document.text())),
        };
        Ok(Read {
            rev,
            holders,
            at: opened.at,
        })
    }

    /// The document, or that of version 0.1 where this user may read it.
    async fn read_one(&self, former: bool) -> Result<Option<Read>, Error> {
        if !former {
            return self.read().await.map(Some);
        }
        match self.read_in(&self.former, FORMER_DOCUMENT).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if is_not_allowed(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Judges the lock's document of version 0.1, because nodes are not upgraded all at once. None if it does not exist. Removes
    /// the entries of dead runs, which every later run would have to watch again.
    async fn former(&self, me: &Holder, watch: &mut Watch) -> Result<Option<Verdict>, Error> {
        let Some(read) = self.read_one(true).await? else {
            return Ok(None);
        };
        if read.rev.is_none() {
            return Ok(None);
        }
        watch.see(&read.holders, now());
        let verdict = read.holders.judge(me, read.at, watch, now());
        if let Verdict::Free { dead, .. } = &verdict
            && let Some(left) = read.holders.without_all(dead)
        {
            // Failing that, the next run does.
            let _ = self.write(true, read.rev, &left).await;
        }
        Ok(Some(verdict))
    }

    fn known(&self) -> MutexGuard<'_, Option<Read>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the document, or that of version 0.1. False: somebody else was faster, or there was no database, which there is
    /// now.
    async fn write(
        &self,
        former: bool,
        rev: Option<Revision>,
        holders: &Holders,
    ) -> Result<bool, Error> {
        let (database, id) = if former {
            (&self.former, FORMER_DOCUMENT)
        } else {
            (&self.database, DOCUMENT)
        };
        let body = holders.document(id);
        let write = Write {
            id,
            rev: rev.as_ref(),
            body: Some(&body),
            losers: Vec::new(),
        };
        let landed = self.server.bulk_docs(database, &[write], 1).await;
        match landed.into_iter().next() {
            Some(Landed::Written(rev)) => {
                if !former && let Some(known) = &mut *self.known() {
                    known.rev = Some(rev);
                    known.holders = holders.clone();
                }
                Ok(true)
            }
            Some(Landed::Conflict) => Ok(false),
            Some(Landed::Failed(error)) if !former && error.kind() == Kind::DatabaseNotFound => {
                self.server.create_database(database).await?;
                Ok(false)
            }
            Some(Landed::Failed(error)) => Err(error),
            None => Err(Error::new(
                Kind::BadAnswer,
                Operation::SAVE_DOCS,
                "a document without an answer",
            )
            .in_database(database)),
        }
    }

    /// Reads and writes until the change is done (true), or there is nothing to change (false).
    async fn change(
        &self,
        former: bool,
        change: impl Fn(&Holders, SystemTime) -> Option<Holders>,
    ) -> Result<bool, Error> {
        for _ in 0..CONFLICTS {
            let Some(read) = self.read_one(former).await? else {
                return Ok(false);
            };
            let Some(changed) = change(&read.holders, read.at) else {
                return Ok(false);
            };
            if self.write(former, read.rev, &changed).await? {
                return Ok(true);
            }
            step_back().await;
        }
        Err(self.moves_too_fast())
    }

    /// Removes a run's entry: with one request, if nobody wrote since it was last seen.
    async fn leave(&self, run: &str) -> Result<(), Error> {
        let known = self.known().take();
        if let Some(known) = known
            && let Some(left) = known.holders.without(run)
            && self.write(false, known.rev, &left).await.unwrap_or(false)
        {
            return Ok(());
        }
        self.change(false, |holders, _| holders.without(run))
            .await?;
        Ok(())
    }

    /// Renews a run's entry, which was `written` then, for as long as that can be done; says why it no longer can. Whoever else
    /// waits may remove the entry when it was seen unchanged for a lease, which is after `written` and a lease.
    async fn renew(&self, run: &str, mut written: Instant, lease: Duration) -> String {
        loop {
            let renewed = async {
                sleep(lease / RENEWALS).await;
                loop {
                    let began = Instant::now();
                    let renewing = self.change(false, |holders, now| holders.renewed(run, now));
                    match timeout(lease / TRY, renewing).await {
                        Ok(Ok(true)) => break Some(began),
                        Ok(Ok(false)) => break None,
                        _ => sleep(lease / RETRIES).await,
                    }
                }
            };
            let patience = lease - lease / MARGIN;
            match timeout_at(written + patience, renewed).await {
                Ok(Some(began)) => written = began,
                Ok(None) => {
                    return "stopped: could not renew the lock, another run removed it".to_owned();
                }
                // Soon others may take it, and this run cannot see it.
                Err(_) => {
                    return format!(
                        "stopped: could not renew the lock for {} s",
                        patience.as_secs().max(1)
                    );
                }
            }
        }
    }

    fn moves_too_fast(&self) -> Error {
        Error::new(
            Kind::Conflict,
            Operation::SAVE_DOCS,
            format!("the document \"{DOCUMENT}\" never keeps still"),
        )
        .in_database(&self.database)
    }
}
