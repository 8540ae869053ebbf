//! Taking the lock before anything is read, keeping it while the run goes on, and giving it back.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::context::Run;
use crate::command::{Command, Scope};
use crate::kazoo::DatabaseName;
use crate::lock::{
    DATABASE, DOCUMENT, FORMER_DATABASE, FORMER_DOCUMENT, Holder, Holders, Lock, Verdict,
};
use couchdb::{Error, Kind, Operation};
use couchdb::{Landed, Revision, Server, Write};

/// How often a run that waits looks.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause after somebody else was faster to write.
const STEP_BACK: Duration = Duration::from_millis(50);

/// How often somebody else may be faster. Each time another run got on, so this is not reached
/// but by a server that answers so to everything.
const CONFLICTS: usize = 500;

/// How long giving the lock back may take; after it the lease runs out by itself.
const RELEASE: Duration = Duration::from_secs(10);

/// Who cancels a run wants it over within a second of that, and this is some of it.
const CANCELLED: Duration = Duration::from_millis(900);

/// Whether a run may go on.
pub(super) enum Taken {
    /// It needs no lock, or can have none here.
    Unneeded,
    /// It has it.
    Ours(Held),
    /// It is refused because of this one.
    By(Box<Holder>),
}

/// Takes the lock for a command that needs it, or waits for it, or says whose it is. Nothing but
/// the lock is read or written.
///
/// Only cluster-wide runs need it. What a run for one account or for given numbers writes carries
/// the revisions that it read, and somebody may wait for it at a web page.
pub(super) async fn take(run: &Run, command: &Command) -> Result<Taken, Error> {
    let scope = Scope::Exclusive;
    if command.scope() != Some(scope) || run.settings.lock == Lock::Off || run.settings.dry_run {
        return Ok(Taken::Unneeded);
    }
    let settings = &run.settings;
    let me = Holder::new(
        run.command_line(),
        &settings.who,
        &settings.place,
        scope,
        settings.lease,
    );
    let server = run.server(None).await?;
    let ledger = Arc::new(Ledger {
        server: server.beside(CancellationToken::new()),
        known: Mutex::default(),
        database: named(DATABASE)?,
        former: named(FORMER_DATABASE)?,
    });
    let mut held = Held::new(ledger, me.run.clone());
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
            run.warn(format!(
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

/// The credentials are right, and do not reach to the lock. Where a database is to be created
/// CouchDB answers 401 to who is not an administrator; that they are known has shown before.
fn is_not_allowed(error: &Error) -> bool {
    match error.kind() {
        Kind::Forbidden => true,
        Kind::Unauthorized => error.operation() == Operation::CREATE_DATABASE,
        _ => false,
    }
}

/// Until this run stands in the document (None), or is refused because of another.
///
/// What counts is what is read, never what was written: a lost answer may be of a write that
/// landed, and in a cluster of several copies a write can be answered and lose to another.
async fn acquire(run: &Run, held: &mut Held, me: &Holder) -> Result<Option<Box<Holder>>, Error> {
    let mut waits_for = None;
    let mut buried = Vec::new();
    let mut errors = 0;
    let mut conflicts = 0;
    let ledger = held.ledger.clone();
    let mut former = true;
    loop {
        let read = ledger.read().await?;
        let mut verdict = read.holders.judge(me, read.at);
        if former && verdict != Verdict::Held {
            let (is_there, other) = ledger.former(me).await?;
            former = is_there;
            if let Some(other) = other {
                verdict = Verdict::Taken(Box::new(other));
            }
        }
        let (with, dead) = match verdict {
            Verdict::Held => break,
            Verdict::Taken(other) if run.settings.lock == Lock::Wait => {
                if waits_for.as_ref() != Some(&other.run) {
                    run.note(format!("waiting: {other}")).await;
                    waits_for = Some(other.run);
                }
                sleep(LOOK).await;
                continue;
            }
            Verdict::Taken(other) => return Ok(Some(other)),
            Verdict::Free { with, dead } => (with, dead),
        };
        buried = dead;
        // From here on a cancellation may come when it is written already.
        let was_written = std::mem::replace(&mut held.is_written, true);
        match ledger.write(read.rev, &with).await {
            Ok(true) => {}
            Ok(false) => {
                held.is_written = was_written;
                conflicts += 1;
                if conflicts > CONFLICTS {
                    return Err(ledger.moves_too_fast());
                }
                step_back().await;
            }
            Err(error) if error.is_temporary() && errors < run.settings.http.tries => {
                errors += 1;
                sleep(error.pause().unwrap_or(run.settings.http.first_pause)).await;
            }
            Err(error) => return Err(error),
        }
    }
    if former {
        run.warn(format!(
            "the database {FORMER_DATABASE} held the lock of version 0.1 and is no longer used: delete it when no node runs that version"
        ))
        .await;
    }
    for dead in buried {
        run.warn(format!(
            "{dead}, and was last heard of at {}: its lock is removed",
            dead.last_seen()
        ))
        .await;
    }
    Ok(None)
}

/// Who met must not meet again.
async fn step_back() {
    let pause = STEP_BACK.mul_f64(rand::random::<f64>());
    sleep(pause).await;
}

/// The lock that a run has. However it ends, its entry is removed.
pub(super) struct Held {
    ledger: Arc<Ledger>,
    run: String,
    is_written: bool,
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

impl Held {
    fn new(ledger: Arc<Ledger>, run: String) -> Self {
        Self {
            ledger,
            run,
            is_written: false,
            renewing: None,
            ended: Arc::default(),
        }
    }

    /// Renews the entry from now on; `cancel` stops the run when that is no longer possible.
    fn keep(&mut self, lease: Duration, cancel: CancellationToken) {
        let ledger = self.ledger.clone();
        let run = self.run.clone();
        let ended = self.ended.clone();
        let task = tokio::spawn(async move {
            // Each is set once, by this task alone.
            tokio::select! {
                why = ledger.renew(&run, lease) => {
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
    pub(super) async fn release(mut self) -> Option<String> {
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

impl Drop for Held {
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
    async fn read(&self) -> Result<Read, Error> {
        let opened = self.server.open_doc(&self.database, DOCUMENT).await?;
        let (rev, holders) = match opened.document {
            None => (None, Holders::default()),
            Some((rev, text)) => (
                Some(rev),
                Holders::parse(&text).map_err(|e| self.strange(&e))?,
            ),
        };
        let read = Read {
            rev,
            holders,
            at: opened.at,
        };
        *self.known() = Some(read.clone());
        Ok(read)
    }

    /// Whether the document of version 0.1 is there, and its entry that excludes this run: nodes
    /// are not upgraded all at once.
    async fn former(&self, me: &Holder) -> Result<(bool, Option<Holder>), Error> {
        let opened = match self.server.open_doc(&self.former, FORMER_DOCUMENT).await {
            Ok(opened) => opened,
            Err(error) if is_not_allowed(&error) => return Ok((false, None)),
            Err(error) => return Err(error),
        };
        let Some((_, text)) = opened.document else {
            return Ok((false, None));
        };
        // One that does not parse was not written by that version.
        let holders = Holders::parse(&text).unwrap_or_default();
        Ok((true, holders.excluding(me, opened.at).cloned()))
    }

    fn known(&self) -> MutexGuard<'_, Option<Read>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False: somebody else was faster, or there was no database, which there is now.
    async fn write(&self, rev: Option<Revision>, holders: &Holders) -> Result<bool, Error> {
        let write = Write {
            id: DOCUMENT.to_owned(),
            rev,
            body: Some(holders.document().to_string().into()),
            losers: Vec::new(),
        };
        let landed = self.server.bulk_docs(&self.database, &[write], 1).await;
        match landed.into_iter().next() {
            Some(Landed::Written(rev)) => {
                if let Some(known) = &mut *self.known() {
                    known.rev = Some(rev);
                    known.holders = holders.clone();
                }
                Ok(true)
            }
            Some(Landed::Conflict) => Ok(false),
            Some(Landed::Failed(error)) if error.kind() == Kind::DatabaseNotFound => {
                self.server.create_database(&self.database).await?;
                Ok(false)
            }
            Some(Landed::Failed(error)) => Err(error),
            None => Err(Error::new(
                Kind::BadAnswer,
                Operation::SAVE_DOCS,
                "a document without an answer",
            )
            .in_database(&self.database)),
        }
    }

    /// Reads and writes until the change is done (true), or there is nothing to change (false).
    async fn change(
        &self,
        change: impl Fn(&Holders, SystemTime) -> Option<Holders>,
    ) -> Result<bool, Error> {
        for _ in 0..CONFLICTS {
            let read = self.read().await?;
            let Some(changed) = change(&read.holders, read.at) else {
                return Ok(false);
            };
            if self.write(read.rev, &changed).await? {
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
            && self.write(known.rev, &left).await.unwrap_or(false)
        {
            return Ok(());
        }
        self.change(|holders, _| holders.without(run)).await?;
        Ok(())
    }

    /// Renews a run's entry for as long as that can be done; says why it no longer can.
    async fn renew(&self, run: &str, lease: Duration) -> String {
        let mut renewed = Instant::now();
        let mut pause = lease / 3;
        loop {
            sleep(pause).await;
            let began = Instant::now();
            let renewing = self.change(|holders, now| holders.renewed(run, now));
            match timeout(lease / 6, renewing).await {
                Ok(Ok(true)) => {
                    renewed = began;
                    pause = lease / 3;
                }
                Ok(Ok(false)) => {
                    return "stopped: could not renew the lock, another run removed it".to_owned();
                }
                // From now on others may take it, and this run cannot see it.
                _ if renewed.elapsed() >= lease => {
                    return format!(
                        "stopped: could not renew the lock for {} s",
                        lease.as_secs().max(1)
                    );
                }
                _ => pause = lease / 12,
            }
        }
    }

    fn strange(&self, error: &serde_json::Error) -> Error {
        Error::new(
            Kind::Config,
            Operation::OPEN_DOCS,
            format!("the document \"{DOCUMENT}\" is none that this version writes: {error}"),
        )
        .in_database(&self.database)
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
