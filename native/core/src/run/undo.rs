//! Undoing a run: its documents are put back where nobody has changed them since.
//!
//! The documents stay in the journal until they are put back, some at a time: what is in memory does not grow with the journal.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::context::Run;
use super::read::parsed;
use super::settle::{Decide, Decision, settle};
use super::{Answer, FAILED, Returned};
use crate::command::{Command, OnCluster};
use crate::journal::{Entry, Journals, Start, Step, Steps};
use crate::kazoo::{DatabaseName, KazooDatabase, NumberFacts};
use crate::operation;
use crate::plan::{Change, Leaf};
use couchdb::{Digest, Found, Include, Object, string};
use couchdb::{Error, Kind};

/// Why a document is not put back.
const CHANGED_SINCE: &str = "changed_since";

/// Bytes of a journal that are put back with one request, if one document is not larger.
const AT_ONCE: u64 = 1 << 20;

/// The unit in which room for documents is counted, in bytes.
const UNIT: u64 = 1 << 10;

fn journals(run: &Run) -> Result<Journals, Error> {
    run.settings.journals.clone().ok_or_else(|| {
        Error::new(
            Kind::Config,
            operation::JOURNAL,
            "no journal is kept here, so there is nothing to undo",
        )
    })
}

/// `runs/0`: what can be undone, newest last.
pub(super) async fn runs(run: &Run) -> Result<Answer, Error> {
    let journals = journals(run)?;
    journals.prune(None);
    let (runs, refused) = journals.runs_and_refused();
    for one in runs {
        let mut line = format!(
            "{}  {}  {}: {} documents written",
            one.start.run, one.start.at, one.start.command, one.landed
        );
        if !one.ended {
            line.push_str(", broken off");
        }
        if one.unknown > 0 {
            line.push_str(&format!(", of {} more it is not known", one.unknown));
        }
        run.output(line).await;
    }
    if refused.is_empty() {
        return Ok(Answer::Only(Returned::Ok));
    }
    for error in refused {
        run.error(format!("error: {error}"), None).await;
    }
    Ok(Answer::Only(Returned::Code(FAILED)))
}

/// Refuses to undo what cannot be undone here, before anything else is done, the lock included.
pub(super) async fn check(run: &Run, command: &Command) -> Result<(), Error> {
    let Command::Undo(id, on) = command else {
        return Ok(());
    };
    let journals = journals(run)?;
    journals.prune(Some(id));
    let start = journals.start(id).map_err(|error| match error.kind() {
        Kind::NotFound => refused(format!(
            "cannot undo {id:?}: there is no such run; `runs` lists those that can be undone"
        )),
        _ => error,
    })?;
    let Some(start) = start else {
        return Ok(());
    };
    if *on == OnCluster::Same && !run.is_on_this_cluster(&start).await? {
        return Err(refused(format!(
            "run {id} was on another cluster ({}) than this one ({}): nothing is undone; to undo it here all the same: undo {id} {}",
            start.server,
            run.host.server(None).await?,
            OnCluster::ANY
        )));
    }
    Ok(())
}

fn refused(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::ARGUMENTS, line)
}

/// `undo/1`, `undo/2`
pub(super) async fn undo(run: &Arc<Run>, id: String) -> Result<(), Error> {
    let journals = journals(run)?;
    let Some(start) = journals.start(&id)? else {
        run.output(format!(
            "run {id} changed nothing: there is nothing to undo"
        ))
        .await;
        return Ok(());
    };
    let steps = Arc::new(journals.steps(&id, |entry| is_ours(&start, entry))?);
    if let Some(line) = earlier(&journals, &id) {
        run.output(line).await;
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
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// What is to be known of earlier attempts to undo a run.
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

/// Refuses a journal that says what no run of ours writes: it was not written by one.
fn is_ours(start: &Start, entry: &Entry) -> Result<(), Error> {
    let database = DatabaseName::new(&entry.database);
    let texts = entry.before.iter().map(|text| text.get());
    let texts = texts.chain(entry.leaves.iter().map(|leaf| leaf.text.get()));
    let has_its_id = |text: &str| {
        Object::parse(text)
            .ok()
            .and_then(|document| {
                document
                    .get("_id")
                    .and_then(string)
                    .map(|id| id == entry.id)
            })
            .unwrap_or_default()
    };
    if database.is_some_and(|database| database.may_be_restored(&entry.id))
        && texts.into_iter().all(has_its_id)
    {
        return Ok(());
    }
    Err(refused(format!(
        "cannot undo {}: its journal has a change of {:?} in {:?}, which no run makes; nothing is undone",
        start.run, entry.id, entry.database
    )))
}

/// A run that is undone.
struct Undoing {
    id: String,
    steps: Arc<Steps>,
    /// Bytes of the journal that may be in memory at the same time, in units; and how many of them are free.
    room: u32,
    free: Semaphore,
}

impl Undoing {
    async fn database(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        let decider = PutBack {
            run,
            database,
            undoing: self,
        };
        let mut ids = Vec::new();
        let mut bytes = 0;
        for (id, size) in self.steps.documents(database.plain()) {
            if !ids.is_empty()
                && (bytes + size > AT_ONCE || ids.len() >= run.settings.max_bulk_insert)
            {
                self.some(&decider, &std::mem::take(&mut ids), bytes)
                    .await?;
                bytes = 0;
            }
            ids.push(id.to_owned());
            bytes += size;
        }
        self.some(&decider, &ids, bytes).await
    }

    async fn some(&self, decider: &PutBack<'_>, ids: &[String], bytes: u64) -> Result<(), Error> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // Never closed; without room the work would still be right.
        let _held = self.free.acquire_many(units.min(self.room)).await.ok();
        settle(decider.run, decider.database, Vec::new(), ids, decider).await?;
        Ok(())
    }
}

struct PutBack<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    undoing: &'a Undoing,
}

#[async_trait]
impl Decide for PutBack<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Attachments)
            .await?;
        ids.iter()
            .zip(&found)
            .map(|(id, found)| self.one(&self.steps(id)?, found))
            .collect()
    }

    /// A leaf goes when the run wrote it.
    fn may_delete(&self, id: &str, _: &str, leaf: &Leaf) -> Result<bool, Error> {
        let written = self.steps(id)?;
        for text in written
            .iter()
            .filter(|step| step.after.is_some())
            .flat_map(|step| &step.leaves)
            .map(|leaf| &leaf.text)
        {
            if equal(self.database, text, &leaf.text)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl PutBack<'_> {
    fn steps(&self, id: &str) -> Result<Vec<Step>, Error> {
        let read = self.undoing.steps.read(self.database.plain(), id);
        read.map_err(|error| Journals::failed_in(&self.undoing.id, &error))
    }

    fn one(&self, steps: &[Step], found: &Found) -> Result<Decision, Error> {
        let now = found.document();
        let text = now.map(|(_, text)| text);
        let rev = now.map(|(rev, _)| rev.to_string());
        let Some(target) = unwound(self.database, steps, text, rev.as_deref())? else {
            return Ok(Decision::Failed(
                self.database.encoded(),
                CHANGED_SINCE.to_owned(),
            ));
        };
        Ok(match (target, now) {
            (None, None) => Decision::Unchanged,
            (Some(target), Some((_, text))) if equal(self.database, target, text)? => {
                Decision::Unchanged
            }
            (Some(target), None) => Decision::Change(Change::Create {
                body: without_rev(self.database, target)?,
                leaves: deleted_leaves(steps),
            }),
            (Some(target), Some((rev, text))) => Decision::Change(Change::update(
                rev,
                text,
                without_rev(self.database, target)?,
            )),
            (None, Some((rev, text))) => Decision::Change(Change::delete(rev, text)),
        })
    }
}

/// The losing leaves that a run deleted with a document. It may have tried more than once.
fn deleted_leaves(steps: &[Step]) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let deletions = steps.iter().filter(|step| step.after.is_none());
    for leaf in deletions.flat_map(|step| &step.leaves) {
        if leaves.iter().all(|known| known.rev != leaf.rev) {
            leaves.push(leaf.clone());
        }
    }
    leaves
}

/// Goes back from a document as it is, step by step, to what it was before the run. The outer
/// None: somebody else has changed it since.
///
/// A step that is known to have landed must be there as the revision that it landed as; of one
/// whose answer was lost the content tells. Steps that never landed are passed over.
fn unwound<'a>(
    database: &DatabaseName,
    steps: &'a [Step],
    now: Option<&'a str>,
    rev: Option<&str>,
) -> Result<Option<Option<&'a str>>, Error> {
    let mut state = now;
    let mut moved = false;
    for step in steps.iter().rev() {
        let content = match (step.after.as_deref(), state) {
            (None, None) => true,
            (Some(after), Some(state)) => same(database, after, state)?,
            _ => false,
        };
        let ours = match (&step.rev, state) {
            // Gone is gone, whatever revision the deletion has.
            (Some(known), Some(_)) if !moved => rev == Some(known.as_str()),
            _ => content,
        };
        if ours {
            state = step.before.as_deref();
            moved = true;
        }
    }
    let first = steps.first().and_then(|step| step.before.as_deref());
    let untouched = match (first, now) {
        (None, None) => true,
        (Some(first), Some(now)) => equal(database, first, now)?,
        _ => false,
    };
    Ok((moved || untouched).then_some(state))
}

/// Whether two whole documents are the same, to the bytes of their attachments.
fn equal(database: &DatabaseName, one: &str, other: &str) -> Result<bool, Error> {
    Ok(parsed(database, one)?.digest() == parsed(database, other)?.digest())
}

/// Whether a document is what a run wrote. It wrote attachments as stubs or whole, so of those
/// only the names count here.
fn same(database: &DatabaseName, one: &str, other: &str) -> Result<bool, Error> {
    let digest = |text: &str| -> Result<(Digest, Vec<String>), Error> {
        let document = parsed(database, text)?;
        let attachments = document
            .get("_attachments")
            .and_then(|json| Object::parse(json).ok())
            .map(|all| all.fields().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default();
        if !NumberFacts::of(&document).has_attachments {
            return Ok((document.digest(), attachments));
        }
        let bare = document.with(&[("_attachments", None)]);
        Ok((parsed(database, &bare)?.digest(), attachments))
    };
    let (one, mut names) = digest(one)?;
    let (other, mut others) = digest(other)?;
    names.sort_unstable();
    others.sort_unstable();
    Ok(one == other && names == others)
}

fn without_rev(database: &DatabaseName, text: &str) -> Result<Box<str>, Error> {
    Ok(parsed(database, text)?.with(&[]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(before: Option<&str>, after: Option<&str>, rev: Option<&str>) -> Step {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Step {
            before: own(before),
            after: own(after),
            rev: own(rev),
            leaves: Vec::new(),
        }
    }

    fn back<'a>(
        steps: &'a [Step],
        now: Option<&'a str>,
        rev: Option<&str>,
    ) -> Option<Option<&'a str>> {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        unwound(&database, steps, now, rev).unwrap()
    }

    const A: &str = r#"{"a":1}"#;
    const B: &str = r#"{"b":1}"#;
    const C: &str = r#"{"c":1}"#;

    #[test]
    fn what_landed_is_gone_back_on_and_what_others_wrote_is_not() {
        let steps = [step(Some(A), Some(B), Some("2-x"))];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(B), Some("3-y")), None);
        assert_eq!(back(&steps, Some(C), Some("3-y")), None);
        assert_eq!(back(&steps, None, None), None);
        assert_eq!(back(&steps, Some(A), Some("3-y")), Some(Some(A)));
    }

    #[test]
    fn a_lost_answer_is_told_by_the_content() {
        let steps = [step(Some(A), Some(B), None)];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(A), Some("1-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(C), Some("2-y")), None);
    }

    #[test]
    fn a_conflict_in_between_keeps_what_the_other_wrote() {
        let steps = [
            step(Some(A), Some(B), None),
            step(Some(C), Some(B), Some("3-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("3-x")), Some(Some(C)));
    }

    #[test]
    fn two_writes_are_gone_back_on_one_after_the_other() {
        let steps = [
            step(None, Some(A), Some("1-x")),
            step(Some(A), Some(B), Some("2-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(None));
        let deleted = [step(Some(A), None, Some("2-x"))];
        assert_eq!(back(&deleted, None, None), Some(Some(A)));
        assert_eq!(back(&deleted, Some(B), Some("4-x")), None);
    }
}
