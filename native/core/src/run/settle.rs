//! Settling: from decisions about documents of one database to what became of them.
//!
//! A batch is written with the revisions that were read. Rows that were refused because somebody
//! was faster, and rows of a batch whose answer was lost, are decided again from fresh reads, up
//! to a limit. A row that turns out to be as we wanted it after a lost answer is ours.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::context::Run;
use super::read::parsed;
use crate::host::{ChangedRow, NOTICE_FIELDS};
use crate::journal::{Entry, LeafEntry, Record, Reserved};
use crate::kazoo::{DatabaseName, KazooDatabase, NumberFacts};
use crate::plan::{Change, Leaf};
use crate::report::{Event, FieldChange, Outcome, PlannedChange};
use couchdb::{Error, Kind, Operation};
use couchdb::{Found, Include, Landed, Object, Revision, Write, is_about_revisions};

/// How often a document is decided anew because it keeps changing, or keeps failing.
const ROUNDS: u32 = 6;

/// The reason for a document that has leaves which a command would treat differently.
pub(super) const CONFLICTED: &str = "conflicted";

/// The reason for a number that was written and could not be announced.
const NOTICE: &str = "notice";

/// What is decided about one document.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// It is as it should be.
    Unchanged,
    /// It must change.
    Change(Change),
    /// It cannot be done: the encoded name of the database in which it failed, and the reason.
    Failed(String, String),
    /// It is no longer something to decide about.
    Skip,
}

/// Decides about documents of one database, from fresh reads.
#[async_trait]
pub(super) trait Decide: Send + Sync {
    /// One decision for each id, in the same order.
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error>;

    /// Whether a losing leaf of a document that is to be deleted (`before`) may go with it, by the rule that the document goes
    /// by. Where one may not, nothing of the document is deleted.
    fn may_delete(&self, id: &str, before: &str, leaf: &Leaf) -> Result<bool, Error> {
        let _ = (id, before, leaf);
        Ok(false)
    }
}

/// What became of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It ended so; `as_planned`: with the very change that was handed in.
    Done { outcome: Outcome, as_planned: bool },
    /// It failed, and the report says why.
    Failed,
    /// There was nothing to decide after all.
    Skipped,
}

impl End {
    /// Whether the document is as it was decided to be.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// What became of each document.
pub(super) type Ends = HashMap<String, End>;

/// Makes these changes to a database, and decides about the undecided ids first. Failures are
/// noted in the tally; an error is one that ends the run.
pub(super) async fn settle(
    run: &Run,
    database: &DatabaseName,
    planned: Vec<(String, Change)>,
    undecided: &[String],
    decider: &dyn Decide,
) -> Result<Ends, Error> {
    let mut settling = Settling {
        run,
        database,
        decider,
        ends: Ends::with_capacity(planned.len() + undecided.len()),
        attempted: HashMap::new(),
    };
    let batch = run.settings.max_bulk_insert.max(1);
    let mut planned = planned.into_iter();
    loop {
        let some: Vec<_> = planned.by_ref().take(batch).collect();
        if some.is_empty() {
            break;
        }
        settling.write(some, true).await?;
    }
    for ids in undecided.chunks(batch) {
        let decided = settling.decide(ids).await?;
        settling.write(decided, false).await?;
    }
    Ok(settling.ends)
}

struct Settling<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    decider: &'a dyn Decide,
    ends: Ends,
    /// Writes whose answer was lost: what they would have done.
    attempted: HashMap<String, Change>,
}

fn outcome_of(change: &Change) -> Outcome {
    match change {
        Change::Create { .. } => Outcome::Created,
        Change::Update { .. } => Outcome::Updated,
        Change::Delete { .. } => Outcome::Deleted,
    }
}

impl Settling<'_> {
    fn done(&mut self, id: &str, outcome: Outcome, as_planned: bool) {
        self.run.tally.decided(self.database, outcome, 1);
        self.ends.insert(
            id.to_owned(),
            End::Done {
                outcome,
                as_planned,
            },
        );
    }

    fn failed(&mut self, database: &str, reason: &str, id: &str) {
        self.run.tally.failed(database, reason, id);
        self.ends.insert(id.to_owned(), End::Failed);
    }

    /// Asks for decisions, and returns the changes among them.
    async fn decide(&mut self, ids: &[String]) -> Result<Vec<(String, Change)>, Error> {
        let borrowed: Vec<&str> = ids.iter().map(String::as_str).collect();
        let decisions = match self.decider.decide(&borrowed).await {
            Ok(decisions) => decisions,
            Err(error) if Run::is_fatal(&error) => return Err(error),
            Err(error) => {
                let database = error.database().unwrap_or(self.database).encoded();
                for id in ids {
                    self.failed(&database, &error.reason(), id);
                }
                return Ok(Vec::new());
            }
        };
        let mut changes = Vec::new();
        let mut ours = Vec::new();
        for (id, decision) in ids.iter().zip(decisions) {
            let attempted = self.attempted.remove(id);
            match (decision, attempted) {
                (Decision::Change(change), attempted) => {
                    if let Some(attempted) = attempted {
                        self.attempted.insert(id.clone(), attempted);
                    }
                    changes.push((id.clone(), change));
                }
                (Decision::Unchanged, Some(attempted))
                | (Decision::Skip, Some(attempted @ Change::Delete { .. })) => {
                    self.done(id, outcome_of(&attempted), false);
                    ours.push((id.as_str(), attempted));
                }
                (Decision::Unchanged, None) => self.done(id, Outcome::Unchanged, false),
                (Decision::Failed(database, reason), _) => self.failed(&database, &reason, id),
                (Decision::Skip, _) => {
                    self.ends.insert(id.clone(), End::Skipped);
                }
            }
        }
        if !ours.is_empty() {
            self.recognise(ours).await?;
        }
        Ok(changes)
    }

    /// Tells of writes whose answer was lost and which landed: the revisions that they made are
    /// asked for.
    async fn recognise(&self, ours: Vec<(&str, Change)>) -> Result<(), Error> {
        let ids: Vec<&str> = ours.iter().map(|(id, _)| *id).collect();
        let found = match self.run.keys(self.database, &ids, Include::Ids).await {
            Ok(found) => found,
            Err(error) if Run::is_fatal(&error) => return Err(error),
            Err(error) => {
                for (id, change) in &ours {
                    self.touch(change);
                    self.run.tally.failed(&self.database.encoded(), NOTICE, id);
                }
                self.run.warn(self.untold(&error)).await;
                return Ok(());
            }
        };
        let mut rows = Vec::new();
        let mut noted = Vec::new();
        for ((id, change), found) in ours.into_iter().zip(found) {
            let rev = match found {
                Found::Present { rev, .. } | Found::Deleted { rev } => rev,
                Found::Missing => continue,
            };
            noted.push(self.landed(id, &rev));
            rows.push(self.changed_row(id, &change, rev));
        }
        if let Some(journal) = self.run.journal().await? {
            journal.note(&noted, Reserved::default())?;
        }
        self.announce(rows).await;
        Ok(())
    }

    fn landed(&self, id: &str, rev: &Revision) -> Record {
        Record::Landed {
            database: self.database.plain().to_owned(),
            id: id.to_owned(),
            rev: rev.to_string(),
        }
    }

    fn untold(&self, error: &Error) -> String {
        format!("cannot announce changes in {}: {error}", self.database)
    }

    /// Announces rows that were written. One that cannot be announced is a failure of its
    /// number: nodes that cached the document do not learn of the change.
    async fn announce(&self, rows: Vec<ChangedRow>) {
        if rows.is_empty() {
            return;
        }
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let (ids, line) = match self.run.host.changed(self.database, rows).await {
            Ok(unannounced) if unannounced.ids.is_empty() => return,
            Ok(unannounced) => {
                let line = format!(
                    "cannot announce {} changes in {}: {}",
                    unannounced.ids.len(),
                    self.database,
                    unannounced.reason
                );
                (unannounced.ids, line)
            }
            Err(error) => (ids, self.untold(&error)),
        };
        for id in &ids {
            self.run.tally.failed(&self.database.encoded(), NOTICE, id);
        }
        self.run.warn(line).await;
    }

    /// Completes deletions: all live leaves of a document go with it, or nothing of it goes (contract section 10.3).
    async fn with_leaves(
        &mut self,
        changes: Vec<(String, Change)>,
    ) -> Result<Vec<(String, Change)>, Error> {
        let mut complete = Vec::with_capacity(changes.len());
        for (id, mut change) in changes {
            if let Change::Delete { before, leaves, .. } = &mut change {
                match self.run.losing_leaves(self.database, &id, before).await {
                    Ok(losing) => *leaves = losing,
                    Err(error) if Run::is_fatal(&error) => return Err(error),
                    Err(error) => {
                        self.failed(&self.database.encoded(), &error.reason(), &id);
                        continue;
                    }
                }
                let mut may_go = true;
                for leaf in leaves.iter() {
                    may_go &= self.decider.may_delete(&id, before, leaf)?;
                }
                if !may_go {
                    self.failed(&self.database.encoded(), CONFLICTED, &id);
                    continue;
                }
            }
            complete.push((id, change));
        }
        Ok(complete)
    }

    /// Puts losing leaves back that were deleted with their documents. `restored`: id and leaf.
    async fn put_leaves_back(&mut self, restored: Vec<(String, Leaf)>) -> Result<(), Error> {
        let mut bodies = Vec::with_capacity(restored.len());
        for (id, leaf) in &restored {
            let body = parsed(self.database, &leaf.text)?.with(&[]);
            bodies.push((id.as_str(), leaf.rev.generation().unwrap_or(1), body));
        }
        let leaves: Vec<(&str, u32, &str)> = bodies
            .iter()
            .map(|(id, generation, body)| (*id, *generation, body.as_str()))
            .collect();
        let server = self.run.server(Some(self.database)).await?;
        if let Err(error) = server.add_leaves(self.database, &leaves).await {
            let ids = restored.iter().map(|(id, _)| id.as_str());
            self.run
                .numbers_failed(self.database, &error, &error.reason(), ids)?;
        }
        Ok(())
    }

    /// Writes changes until each has landed, or failed for good.
    async fn write(
        &mut self,
        changes: Vec<(String, Change)>,
        mut as_planned: bool,
    ) -> Result<(), Error> {
        let mut changes = self.with_leaves(changes).await?;
        if self.run.settings.dry_run {
            for (id, change) in changes {
                self.announce_plan(&id, &change).await;
                self.done(&id, outcome_of(&change), as_planned);
            }
            return Ok(());
        }
        for round in 1..=ROUNDS {
            if changes.is_empty() {
                return Ok(());
            }
            let (again, trouble) = self.write_once(changes, as_planned).await?;
            if again.is_empty() {
                return Ok(());
            }
            if round == ROUNDS {
                let reason = match &trouble {
                    Some(error) => error.reason(),
                    None => format!("{}-{}", Operation::SAVE_DOCS.name(), Kind::Conflict.name()),
                };
                // The last answer may have been lost as well as those before.
                let left = match trouble {
                    Some(_) => {
                        let left = self.decide(&again).await?;
                        left.into_iter().map(|(id, _)| id).collect()
                    }
                    None => again,
                };
                for id in left {
                    self.failed(&self.database.encoded(), &reason, &id);
                }
                return Ok(());
            }
            if let Some(error) = trouble {
                self.pause(round, &error).await?;
            }
            let decided = self.decide(&again).await?;
            changes = self.with_leaves(decided).await?;
            as_planned = false;
        }
        Ok(())
    }

    /// Writes once. Returns the ids that must be decided again, and the error among them that
    /// may pass, if there was one.
    async fn write_once(
        &mut self,
        changes: Vec<(String, Change)>,
        as_planned: bool,
    ) -> Result<(Vec<String>, Option<Error>), Error> {
        let writes: Vec<Write> = changes
            .iter()
            .map(|(id, change)| Write {
                id: id.clone(),
                rev: change.rev().cloned(),
                body: change.body().map(Into::into),
                losers: match change {
                    Change::Delete { leaves, .. } => {
                        leaves.iter().map(|leaf| leaf.rev.clone()).collect()
                    }
                    _ => Vec::new(),
                },
            })
            .collect();
        let reserved = self.write_down(&changes).await?;
        let server = self.run.server(Some(self.database)).await?;
        let landed = server
            .bulk_docs(self.database, &writes, self.run.settings.max_bulk_insert)
            .await;
        drop(writes);
        let mut rows = Vec::new();
        let mut noted = Vec::new();
        let mut again = Vec::new();
        let mut trouble = None;
        let mut fatal = None;
        let mut restored = Vec::new();
        for ((id, change), landed) in changes.into_iter().zip(landed) {
            match landed {
                Landed::Written(rev) => {
                    self.attempted.remove(&id);
                    noted.push(self.landed(&id, &rev));
                    self.done(&id, outcome_of(&change), as_planned);
                    rows.push(self.changed_row(&id, &change, rev));
                    if let Change::Create { leaves, .. } = change {
                        restored.extend(leaves.into_iter().map(|leaf| (id.clone(), leaf)));
                    }
                }
                Landed::Conflict => again.push(id),
                Landed::Failed(error) if error.is_temporary() => {
                    self.attempted.insert(id.clone(), change);
                    again.push(id);
                    trouble = Some(error);
                }
                Landed::Failed(error) if Run::is_fatal(&error) => fatal = Some(error),
                Landed::Failed(error) => {
                    self.failed(&self.database.encoded(), &error.reason(), &id);
                }
            }
        }
        if let Some(journal) = self.run.journal().await? {
            journal.note(&noted, reserved)?;
        }
        // What landed is told even if the run ends here: caches must not serve what is gone.
        self.announce(rows).await;
        if !restored.is_empty() {
            self.put_leaves_back(restored).await?;
        }
        match fatal {
            Some(error) => Err(error),
            None => Ok((again, trouble)),
        }
    }

    /// Has the journal on the disk before anything is sent.
    async fn write_down(&self, changes: &[(String, Change)]) -> Result<Reserved, Error> {
        let Some(journal) = self.run.journal().await? else {
            return Ok(Reserved::default());
        };
        let mut intents = Vec::with_capacity(changes.len());
        for (id, change) in changes {
            let before = match (change.before(), change.rev()) {
                (Some(before), Some(rev)) => Some(self.whole(id, rev, before).await?),
                _ => None,
            };
            intents.push(Record::Intent(Entry {
                database: self.database.plain().to_owned(),
                id: id.clone(),
                before: before.and_then(|text| RawValue::from_string(text).ok()),
                after: change
                    .body()
                    .and_then(|text| RawValue::from_string(text.to_owned()).ok()),
                leaves: change.leaves().iter().filter_map(leaf_entry).collect(),
            }));
        }
        journal.append(&intents).await
    }

    /// A document with its attachments. One that has changed meanwhile is taken as it was read:
    /// its write will be in conflict.
    async fn whole(&self, id: &str, rev: &Revision, before: &str) -> Result<String, Error> {
        let stubs =
            Object::parse(before).is_ok_and(|document| NumberFacts::of(&document).has_attachments);
        if stubs {
            let found = self
                .run
                .keys(self.database, &[id], Include::Attachments)
                .await?;
            if let Some((found, text)) = found.first().and_then(|found| found.document())
                && found == rev
            {
                return Ok(text.to_owned());
            }
        }
        Ok(before.to_owned())
    }

    fn touch(&self, change: &Change) {
        let text = change.body().or(change.before()).unwrap_or("{}");
        if let Ok(document) = Object::parse(text) {
            let facts = NumberFacts::of(&document);
            if let Some(account) = self.database.account().or(facts.assigned_to) {
                self.run.touch(account);
            }
        }
    }

    fn changed_row(&self, id: &str, change: &Change, rev: Revision) -> ChangedRow {
        self.touch(change);
        let text = change.body().or(change.before()).unwrap_or("{}");
        let mut fields = Vec::new();
        if let Ok(document) = Object::parse(text) {
            for name in NOTICE_FIELDS {
                if let Some(json) = document.get(name) {
                    fields.push((name, json.to_owned()));
                }
            }
        }
        ChangedRow {
            id: id.to_owned(),
            old_rev: change.rev().cloned(),
            rev,
            deleted: matches!(change, Change::Delete { .. }),
            fields,
        }
    }

    async fn pause(&self, round: u32, error: &Error) -> Result<(), Error> {
        let http = &self.run.settings.http;
        let most = http
            .first_pause
            .saturating_mul(1 << (round - 1))
            .min(http.longest_pause);
        let pause = match error.pause() {
            Some(asked) => asked.min(http.longest_pause),
            None => most.mul_f64(rand::random::<f64>()),
        };
        tokio::select! {
            () = tokio::time::sleep(pause.max(Duration::from_millis(1))) => Ok(()),
            () = self.run.cancel.cancelled() => Err(Error::cancelled(Operation::SAVE_DOCS)),
        }
    }

    async fn announce_plan(&self, id: &str, change: &Change) {
        let fields = match (change.before(), change.body()) {
            (Some(before), Some(body)) => field_changes(before, body),
            _ => Vec::new(),
        };
        self.run
            .tell(Event::Planned(PlannedChange {
                database: self.database.encoded(),
                id: id.to_owned(),
                outcome: outcome_of(change).name(),
                fields,
            }))
            .await;
    }
}

/// A losing leaf as the journal has it.
fn leaf_entry(leaf: &Leaf) -> Option<LeafEntry> {
    Some(LeafEntry {
        rev: leaf.rev.to_string(),
        text: RawValue::from_string(leaf.text.to_string()).ok()?,
    })
}

/// The fields that are not about revisions.
fn content<'b, 'a>(document: &'b Object<'a>) -> impl Iterator<Item = (&'b str, &'a str)> {
    document
        .fields()
        .filter(|(field, _)| !is_about_revisions(field))
}

/// The fields in which two versions of a document differ.
pub(super) fn field_changes(before: &str, after: &str) -> Vec<FieldChange> {
    let (Ok(before), Ok(after)) = (Object::parse(before), Object::parse(after)) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    for (field, old) in content(&before) {
        let new = after.get(field);
        if new != Some(old) {
            changes.push(FieldChange {
                field: field.to_owned(),
                old: Some(old.to_owned()),
                new: new.map(str::to_owned),
            });
        }
    }
    for (field, new) in content(&after) {
        if before.get(field).is_none() {
            changes.push(FieldChange {
                field: field.to_owned(),
                old: None,
                new: Some(new.to_owned()),
            });
        }
    }
    changes
}

/// Decides about documents where they are: nothing but the document itself counts.
pub(super) struct InPlace<'a, F> {
    pub(super) run: &'a Run,
    pub(super) database: &'a DatabaseName,
    /// What is to become of a document, given its id, revision and text.
    pub(super) plan: F,
}

#[async_trait]
impl<F> Decide for InPlace<'_, F>
where
    F: Fn(&str, &Revision, &str) -> Result<Decision, Error> + Send + Sync,
{
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Documents)
            .await?;
        ids.iter()
            .zip(&found)
            .map(|(id, found)| match found.document() {
                Some((rev, text)) => (self.plan)(id, rev, text),
                None => Ok(Decision::Skip),
            })
            .collect()
    }

    fn may_delete(&self, id: &str, _: &str, leaf: &Leaf) -> Result<bool, Error> {
        let decision = (self.plan)(id, &leaf.rev, &leaf.text)?;
        Ok(matches!(decision, Decision::Change(Change::Delete { .. })))
    }
}
