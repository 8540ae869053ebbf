//! Makes or takes back changes from a file: of a journal, of a plan, or withheld ones.
//!
//! Documents stay in the file until they are written, in batches, so memory does not grow with the file.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::planning::unreadable;
use super::reconcile::{MissingDatabase, OtherSide, Read, Reconciler, Target};
use super::run::Run;
use crate::journal::Steps;
use crate::kazoo::DatabaseName;
use crate::plan::{Cause, Decision, LaterUndo, Step};
use couchdb::{Attachments, Error};
use document::{Change, Document, Leaf};

/// The batch size: bytes of the file per request. A batch has at least one document.
const AT_ONCE: u64 = 1 << 20;

/// The unit in which room for documents is counted, in bytes.
const UNIT: u64 = 1 << 10;

/// The use of the changes in a file.
pub(crate) struct Rule {
    /// Decides about a document from its changes, and the time of the run in gregorian seconds.
    pub(crate) decide: fn(&Changes, Option<&Document>, u64) -> Decision,
    /// Whether a losing leaf permits the deletion of its document.
    pub(crate) permits: fn(&[Step], &Leaf) -> bool,
    /// How the documents are read.
    pub(crate) attachments: Attachments,
    /// The reason for changes.
    pub(crate) cause: Cause,
}

/// The changes of one document.
pub(crate) struct Changes {
    /// Those of the file.
    pub(crate) steps: Vec<Step>,
    /// Those of undos since, oldest first.
    pub(crate) later: Vec<LaterUndo>,
}

/// The changes of an undo, and those of the run that it undid.
pub(crate) struct LaterUndoSteps {
    pub(crate) undone: Steps,
    pub(crate) made: Steps,
}

impl LaterUndoSteps {
    /// The changes of the undo to a document. `None`: it changed nothing there.
    fn read(&self, database: &DatabaseName, id: &str) -> Result<Option<LaterUndo>, Error> {
        if self.made.size(database.plain(), id) == 0 {
            return Ok(None);
        }
        Ok(Some(LaterUndo {
            undone: read(&self.undone, database, id)?,
            made: read(&self.made, database, id)?,
        }))
    }
}

fn read(steps: &Steps, database: &DatabaseName, id: &str) -> Result<Vec<Step>, Error> {
    let read = steps.read(database.plain(), id);
    read.map_err(|error| unreadable(&error))
}

/// Changes of a file, with their use.
pub(crate) struct Replay {
    steps: Arc<Steps>,
    /// The undos since, oldest first.
    later: Vec<LaterUndoSteps>,
    rule: Rule,
    /// The memory limit for data of the file, in units, and the free part of it.
    room: u32,
    free: Semaphore,
}

impl Run {
    /// Uses all changes of a file, each at most once. `later`: the undos since the file was written, oldest first.
    pub(crate) async fn replay(
        self: &Arc<Self>,
        steps: Arc<Steps>,
        later: Vec<LaterUndoSteps>,
        rule: Rule,
    ) -> Result<(), Error> {
        let room = self.settings.memory as u64 / 4 / UNIT;
        let room = u32::try_from(room).unwrap_or(u32::MAX).max(1);
        let databases: Vec<DatabaseName> =
            steps.databases().filter_map(DatabaseName::new).collect();
        let replay = Arc::new(Replay {
            steps,
            later,
            rule,
            room,
            free: Semaphore::new(usize::try_from(room).unwrap_or(Semaphore::MAX_PERMITS)),
        });
        self.each(databases, |run, database| {
            let replay = replay.clone();
            async move {
                replay.database(&run, &database).await?;
                run.finished(&database).await;
                Ok(())
            }
        })
        .await?;
        Ok(())
    }
}

impl Replay {
    async fn database(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        let reconciler = Replayed {
            database,
            now: run.now,
            replay: self,
        };
        let mut ids = Vec::new();
        let mut bytes = 0;
        for (id, size) in self.steps.documents(database.plain()) {
            let size = size + self.later_size(database, id);
            if !ids.is_empty()
                && (bytes + size > AT_ONCE || ids.len() >= run.settings.max_bulk_insert)
            {
                self.batch(run, &reconciler, &std::mem::take(&mut ids), bytes)
                    .await?;
                bytes = 0;
            }
            ids.push(id.to_owned());
            bytes += size;
        }
        self.batch(run, &reconciler, &ids, bytes).await
    }

    /// The size of the changes of later undos, in bytes.
    fn later_size(&self, database: &DatabaseName, id: &str) -> u64 {
        let both = self
            .later
            .iter()
            .flat_map(|undo| [&undo.undone, &undo.made]);
        both.map(|steps| steps.size(database.plain(), id)).sum()
    }

    async fn batch(
        &self,
        run: &Run,
        reconciler: &Replayed<'_>,
        ids: &[String],
        bytes: u64,
    ) -> Result<(), Error> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // The semaphore is never closed. Without a permit the work would still be correct.
        let _room = self.free.acquire_many(units.min(self.room)).await.ok();
        run.reconcile_ids(reconciler.database, reconciler, ids)
            .await?;
        Ok(())
    }
}

struct Replayed<'a> {
    database: &'a DatabaseName,
    now: u64,
    replay: &'a Replay,
}

impl Replayed<'_> {
    fn steps(&self, id: &str) -> Result<Vec<Step>, Error> {
        read(&self.replay.steps, self.database, id)
    }

    fn changes(&self, id: &str) -> Result<Changes, Error> {
        let later = self.replay.later.iter();
        let later = later.filter_map(|undo| undo.read(self.database, id).transpose());
        Ok(Changes {
            steps: self.steps(id)?,
            later: later.collect::<Result<_, _>>()?,
        })
    }
}

#[async_trait]
impl Reconciler for Replayed<'_> {
    type Other = Changes;

    fn attachments(&self) -> Attachments {
        self.replay.rule.attachments
    }

    fn missing_database(&self) -> MissingDatabase {
        let mut created = self.replay.steps.created();
        if created.any(|name| name == self.database.plain()) {
            MissingDatabase::IsCreated
        } else {
            MissingDatabase::FailsToRead
        }
    }

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Changes>>, Error> {
        targets
            .iter()
            .map(|target| self.changes(&target.id).map(Ok))
            .collect()
    }

    fn decide(&self, target: &Target, changes: &Changes, _: Read) -> Decision {
        (self.replay.rule.decide)(changes, target.document.as_ref(), self.now)
    }

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        !matches!(change, Change::Delete { .. })
            || self
                .steps(change.id())
                .is_ok_and(|steps| (self.replay.rule.permits)(&steps, leaf))
    }

    fn cause(&self, _: &Change) -> Cause {
        self.replay.rule.cause
    }
}
