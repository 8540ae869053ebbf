//! The document of the lock, as it is read and written.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::entry::Watch;
use super::holder::Holder;
use super::holders::{DATABASE, DOCUMENT, FORMER_DATABASE, FORMER_DOCUMENT, Holders, Verdict};
use crate::kazoo::DatabaseName;
use couchdb::{Error, Kind, Landed, Operation, Revision, Server, Write};

/// The longest pause after somebody else was faster to write.
const STEP_BACK: Duration = Duration::from_millis(50);

/// How often somebody else may be faster. Each time another run got on, so this is not reached
/// but by a server that answers so to everything.
pub(super) const CONFLICTS: usize = 500;

/// The document, as it is read and written.
pub(super) struct LockDocument {
    pub(super) server: Server,
    pub(super) database: DatabaseName,
    /// Where version 0.1 has the document.
    pub(super) former: DatabaseName,
    /// The document that was read last, for a write without a read before it.
    pub(super) known: Mutex<Option<LockRead>>,
}

/// The document that was read.
#[derive(Clone, Debug)]
pub(super) struct LockRead {
    pub(super) rev: Option<Revision>,
    pub(super) holders: Holders,
    pub(super) at: SystemTime,
}

impl LockDocument {
    pub(super) fn new(server: Server) -> Result<Self, Error> {
        Ok(Self {
            server,
            known: Mutex::default(),
            database: named(DATABASE)?,
            former: named(FORMER_DATABASE)?,
        })
    }

    pub(super) async fn read(&self) -> Result<LockRead, Error> {
        let read = self.read_in(&self.database, DOCUMENT).await?;
        *self.known() = Some(read.clone());
        Ok(read)
    }

    pub(super) async fn read_in(
        &self,
        database: &DatabaseName,
        document: &str,
    ) -> Result<LockRead, Error> {
        let opened = self.server.open_doc(database, document).await?;
        let (rev, holders) = match opened.document {
            None => (None, Holders::default()),
            Some(document) => (document.rev().cloned(), Holders::parse(document.text())),
        };
        Ok(LockRead {
            rev,
            holders,
            at: opened.at,
        })
    }

    /// The document, or that of version 0.1 where this user may read it.
    pub(super) async fn read_one(&self, former: bool) -> Result<Option<LockRead>, Error> {
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
    pub(super) async fn former(
        &self,
        me: &Holder,
        watch: &mut Watch,
    ) -> Result<Option<Verdict>, Error> {
        let Some(read) = self.read_one(true).await? else {
            return Ok(None);
        };
        if read.rev.is_none() {
            return Ok(None);
        }
        watch.see(read.holders.iter(), now());
        let verdict = read.holders.judge(me, read.at, watch, now());
        if let Verdict::Free { dead, .. } = &verdict
            && let Some(left) = read.holders.without_all(dead)
        {
            // Failing that, the next run does.
            let _ = self.write(true, read.rev, &left).await;
        }
        Ok(Some(verdict))
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Option<LockRead>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the document, or that of version 0.1. False: somebody else was faster, or there was no database, which there is
    /// now.
    pub(super) async fn write(
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
    pub(super) async fn change(
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
    pub(super) async fn leave(&self, run: &str) -> Result<(), Error> {
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

    pub(super) fn moves_too_fast(&self) -> Error {
        Error::new(
            Kind::Conflict,
            Operation::SAVE_DOCS,
            format!("the document \"{DOCUMENT}\" never keeps still"),
        )
        .in_database(&self.database)
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

/// Two runs that conflicted must not conflict again.
pub(super) async fn step_back() {
    let pause = STEP_BACK.mul_f64(rand::random::<f64>());
    sleep(pause).await;
}

/// The moment on this machine's monotonic clock.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// The credentials are right, and do not reach to the lock: CouchDB says so, and not a proxy in front of it. Where a database is
/// to be created CouchDB answers 401 to who is not an administrator; that they are known has shown before.
pub(super) fn is_not_allowed(error: &Error) -> bool {
    match error.kind() {
        Kind::Forbidden => error.couchdb_code().is_some(),
        Kind::Unauthorized => error.operation() == Operation::CREATE_DATABASE,
        _ => false,
    }
}
