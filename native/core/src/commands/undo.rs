//! `undo/1`, `undo/2`: restore the documents of a run, except those that another writer changed since.
//!
//! Documents stay in the journal until they are restored, in batches, so memory does not grow with the journal.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::answer::{Answer, Returned};
use super::undo_target;
use crate::engine::{OtherSide, Read, Reconciler, Run, Target};
use crate::journal::{Journals, PlannedWrite, RunStart, Steps};
use crate::kazoo::{DatabaseName, KazooDatabase};
use crate::operation;
use crate::plan::{Decision, Step, put_back, was_restored_by};
use crate::selection::{Insistence, OnCluster};
use couchdb::{Attachments, Error, Kind};
use document::{Change, Leaf, Object};

/// The batch size: bytes of a journal per request. A batch has at least one document.
const AT_ONCE: u64 = 1 << 20;

/// The unit in which room for documents is counted, in bytes.
const UNIT: u64 = 1 << 10;

/// Refuses a run that cannot be undone here, and answers for one that need not be, before all other work, the lock included.
pub(crate) async fn check(
    run: &Run,
    given: &str,
    insistence: Insistence,
) -> Result<Option<Answer>, Error> {
    let journals = run.journals()?;
    let id = &undo_target::choose(run, &journals, given, insistence).await?;
    journals.prune(Some(id));
    let start = journals.start(id).map_err(|error| match error.kind() {
        Kind::NotFound => refused(format!(
            "cannot undo {id:?}: there is no such run; `runs` lists those that can be undone"
        )),
        _ => error,
    })?;
    let Some(start) = start else {
        return Ok(None);
    };
    let undone_here = undo_target::undone_here(run, &journals, id).await?;
    let may_be_elsewhere =
        insistence.on == OnCluster::Any || insistence.again && undone_here.is_some();
    if !may_be_elsewhere && !run.cluster.is_of(&start).await? {
        return Err(refused(format!(
            "run {id} was on another cluster ({}) than this one ({}): nothing is undone; to undo it here anyway: undo {id} {}",
            start.server,
            run.cluster.url().await?,
            OnCluster::ANY
        )));
    }
    if let Some(undone) = undone_here.filter(|_| !insistence.again) {
        let line = undo_target::already_undone(id, &undone);
        run.reporter.output(line).await;
        return Ok(Some(Answer::Only(Returned::Ok)));
    }
    undo_target::wait_for_end(&journals, id).await?;
    Ok(None)
}

pub(super) fn refused(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::ARGUMENTS, line)
}

/// `undo/1`, `undo/2`
pub(crate) async fn undo(run: &Arc<Run>) -> Result<(), Error> {
    let journals = run.journals()?;
    // `check` has set it.
    let Some(id) = run.undoing.get().map(|undone| undone.id.clone()) else {
        return Ok(());
    };
    let Some(start) = journals.start(&id)? else {
        run.reporter
            .output(format!(
                "run {id} changed nothing: there is nothing to undo"
            ))
            .await;
        return Ok(());
    };
    let steps = Arc::new(journals.steps(&id, |entry| is_ours(&start, entry))?);
    run.reporter
        .output(format!(
            "undoing run {id}: {}, by {} at {}",
            start.command, start.who, start.at
        ))
        .await;
    if let Some(line) = earlier(&journals, &id) {
        run.reporter.output(line).await;
    }
    let room = run.settings.memory as u64 / 4 / UNIT;
    let room = u32::try_from(room).unwrap_or(u32::MAX).max(1);
    let undoing = Arc::new(Undoing {
        id,
        steps,
        room,
        free: Semaphore::new(usize::try_from(room).unwrap_or(Semaphore::MAX_PERMITS)),
    });
    let databases: Vec<DatabaseName> = undoing
        .steps
        .databases()
        .filter_map(DatabaseName::new)
        .collect();
    run.each(databases, |run, database| {
        let undoing = undoing.clone();
        async move {
            undoing.database(&run, &database).await?;
            run.reporter.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    run.reporter
        .output(undo_target::NOT_UNDONE.to_owned())
        .await;
    Ok(())
}

/// A message about earlier attempts to undo a run.
fn earlier(journals: &Journals, id: &str) -> Option<String> {
    let (runs, _) = journals.runs_and_refused();
    let last_of = |id: &str| {
        let mut undoing = runs.iter().filter(|one| one.start.undoes() == Some(id));
        undoing.next_back().filter(|one| one.ended)
    };
    let undone = last_of(id)?;
    let back = &undone.start;
    Some(match last_of(&back.run) {
        Some(again) => format!(
            "run {id} was undone by run {}, and that was undone by run {}: to undo it again, undo {}",
            back.run, again.start.run, again.start.run
        ),
        None => format!(
            "run {id} was undone before, by run {} at {}",
            back.run, back.at
        ),
    })
}

/// Refuses a journal with a change that no run makes: it was not written by this library.
fn is_ours(start: &RunStart, entry: &PlannedWrite) -> Result<(), Error> {
    let database = DatabaseName::new(&entry.database);
    let before = entry.before.iter().map(|text| text.get());
    let mut texts = before.chain(entry.leaves.iter().map(|leaf| leaf.text.get()));
    let has_its_id = |text: &str| {
        let id = Object::parse(text)
            .ok()
            .and_then(|object| object.string("_id"));
        id.as_deref() == Some(&entry.id)
    };
    if database.is_some_and(|database| database.may_be_restored(&entry.id)) && texts.all(has_its_id)
    {
        return Ok(());
    }
    Err(refused(format!(
        "cannot undo {}: its journal has a change of {:?} in {:?}, which no run makes; nothing is undone",
        start.run, entry.id, entry.database
    )))
}

/// A run that is being undone.
struct Undoing {
    id: String,
    steps: Arc<Steps>,
    /// The memory limit for journal data, in units, and the free part of it.
    room: u32,
    free: Semaphore,
}

impl Undoing {
    async fn database(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        let reconciler = PutBack {
            database,
            undoing: self,
        };
        let mut ids = Vec::new();
        let mut bytes = 0;
        for (id, size) in self.steps.documents(database.plain()) {
            if !ids.is_empty()
                && (bytes + size > AT_ONCE || ids.len() >= run.settings.max_bulk_insert)
            {
                self.put_back_batch(run, &reconciler, &std::mem::take(&mut ids), bytes)
                    .await?;
                bytes = 0;
            }
            ids.push(id.to_owned());
            bytes += size;
        }
        self.put_back_batch(run, &reconciler, &ids, bytes).await
    }

    async fn put_back_batch(
        &self,
        run: &Run,
        reconciler: &PutBack<'_>,
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

struct PutBack<'a> {
    database: &'a DatabaseName,
    undoing: &'a Undoing,
}

impl PutBack<'_> {
    fn steps(&self, id: &str) -> Result<Vec<Step>, Error> {
        let read = self.undoing.steps.read(self.database.plain(), id);
        read.map_err(|error| Journals::failed_in(&self.undoing.id, &error))
    }
}

#[async_trait]
impl Reconciler for PutBack<'_> {
    /// The writes of the run to the document.
    type Other = Vec<Step>;

    fn attachments(&self) -> Attachments {
        Attachments::Inline
    }

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Vec<Step>>>, Error> {
        targets
            .iter()
            .map(|target| self.steps(&target.id).map(Ok))
            .collect()
    }

    fn decide(&self, target: &Target, steps: &Vec<Step>, _: Read) -> Decision {
        put_back(steps, target.document.as_ref())
    }

    /// A leaf is deleted if the run restored it.
    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        !matches!(change, Change::Delete { .. })
            || self
                .steps(change.id())
                .is_ok_and(|steps| was_restored_by(&steps, leaf))
    }
}
