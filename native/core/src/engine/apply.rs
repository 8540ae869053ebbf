//! Applying: documents are decided about, written in batches with the revisions that were read, and decided again where that did not
//! settle them.

use std::collections::HashMap;

use document::{Change, Document};

use super::attempts::{AfterAnswer, AfterDecision, Attempts};
use super::reconcile::{Decide, MissingDatabase, Read, Reconciler, Target};
use super::run::Run;
use crate::journal::{Intent, Record, Reserved};
use crate::kazoo::{DatabaseName, has_attachment_stubs};
use crate::report::{Outcome, Reason};
use couchdb::{Attachments, Backoff, Error, Found, Kind, Operation, Write};

/// How often a document is written at most because it keeps changing, or keeps failing.
const ROUNDS: u32 = 6;

/// A document as it is after a run has dealt with it.
pub(crate) type Written = Option<Document>;

/// What became of one document.
#[derive(Debug)]
pub(crate) enum End {
    /// It is as it should be. `written`: the document, unless it was deleted, or its write turned out to have landed.
    Done { written: Written },
    /// It failed, and the report says why.
    Failed,
    /// There was nothing to do.
    Skipped,
}

impl End {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// What became of each document, by id.
pub(crate) type Ends = HashMap<String, End>;

impl Run {
    /// Decides about documents that were read, and makes the changes. Failures are counted; an error ends the run.
    pub(crate) async fn reconcile<R: Reconciler>(
        &self,
        database: &DatabaseName,
        reconciler: &R,
        targets: Vec<Target>,
    ) -> Result<Ends, Error> {
        let mut applying = Applying::new(self, database, reconciler);
        Box::pin(applying.all(targets, Read::FIRST)).await?;
        Ok(applying.ends)
    }

    /// Reads documents of a database by their ids, a batch at a time, decides about them and makes the changes.
    pub(crate) async fn reconcile_ids<R: Reconciler>(
        &self,
        database: &DatabaseName,
        reconciler: &R,
        ids: &[String],
    ) -> Result<Ends, Error> {
        let mut applying = Applying::new(self, database, reconciler);
        for ids in ids.chunks(self.settings.max_bulk_insert.max(1)) {
            Box::pin(applying.by_ids(ids)).await?;
        }
        Ok(applying.ends)
    }

    /// Makes changes that were decided before by this reconciler.
    pub(crate) async fn apply<R: Reconciler>(
        &self,
        database: &DatabaseName,
        reconciler: &R,
        changes: Vec<Change>,
    ) -> Result<Ends, Error> {
        let mut applying = Applying::new(self, database, reconciler);
        Box::pin(applying.batches(changes)).await?;
        Ok(applying.ends)
    }
}

struct Applying<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    decide: &'a dyn Decide,
    attempts: Attempts,
    ends: Ends,
}

/// What decisions come to: changes, and the ids of those that depend on the content of attachments.
#[derive(Default)]
struct Decisions {
    changes: Vec<Change>,
    need_attachments: Vec<String>,
}

impl<'a> Applying<'a> {
    fn new(run: &'a Run, database: &'a DatabaseName, decide: &'a dyn Decide) -> Self {
        Self {
            run,
            database,
            decide,
            attempts: Attempts::default(),
            ends: Ends::new(),
        }
    }

    async fn all(&mut self, targets: Vec<Target>, read: Read) -> Result<(), Error> {
        let decisions = self.decided(targets, read).await?;
        self.batches(decisions.changes).await?;
        // Content of attachments is large: one document at a time.
        for id in decisions.need_attachments {
            let changes = self.decided_whole(&[id]).await?;
            self.write(changes).await?;
        }
        Ok(())
    }

    async fn by_ids(&mut self, ids: &[String]) -> Result<(), Error> {
        if let Some(targets) = self.targets(ids, self.decide.attachments()).await? {
            self.all(targets, Read::FIRST).await?;
        }
        Ok(())
    }

    async fn batches(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let batch = self.run.settings.max_bulk_insert.max(1);
        let mut changes = changes.into_iter();
        loop {
            let some: Vec<Change> = changes.by_ref().take(batch).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.write(some).await?;
        }
    }

    fn done(&mut self, id: &str, outcome: Outcome, written: Written) {
        self.run.reporter.decided(self.database, outcome, 1);
        self.ends.insert(id.to_owned(), End::Done { written });
    }

    fn failed(&mut self, database: &str, reason: Reason, id: &str) {
        self.run.reporter.failed(database, reason, id);
        self.ends.insert(id.to_owned(), End::Failed);
    }

    /// All of these failed, unless the error ends the run.
    fn all_failed<'i>(
        &mut self,
        error: &Error,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> Result<(), Error> {
        if error.is_fatal() {
            return Err(error.clone());
        }
        let database = error.database().unwrap_or(self.database).encoded();
        for id in ids {
            self.failed(&database, error.into(), id);
        }
        Ok(())
    }

    /// Reads the documents. `None`: they failed.
    async fn targets(
        &mut self,
        ids: &[String],
        attachments: Attachments,
    ) -> Result<Option<Vec<Target>>, Error> {
        let keys: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.run.documents(self.database, &keys, attachments).await;
        let found = match (found, self.decide.missing_database()) {
            (Ok(found), _) => found,
            (Err(error), missing) if error.kind() == Kind::DatabaseNotFound => match missing {
                MissingDatabase::IsCreated if self.run.settings.dry_run => {
                    ids.iter().map(|_| Found::Missing).collect()
                }
                MissingDatabase::FailsToWrite => {
                    let error = Error::new(error.kind(), Operation::SAVE_DOCS, "");
                    self.all_failed(&error.in_database(self.database), keys)?;
                    return Ok(None);
                }
                _ => {
                    self.all_failed(&error, keys)?;
                    return Ok(None);
                }
            },
            (Err(error), _) => {
                self.all_failed(&error, keys)?;
                return Ok(None);
            }
        };
        let targets = ids.iter().zip(found).map(|(id, found)| Target {
            id: id.clone(),
            document: found.present(),
        });
        Ok(Some(targets.collect()))
    }

    /// Asks for decisions.
    async fn decided(&mut self, targets: Vec<Target>, read: Read) -> Result<Decisions, Error> {
        let mut decisions = Decisions::default();
        if targets.is_empty() {
            return Ok(decisions);
        }
        let ids: Vec<String> = targets.iter().map(|target| target.id.clone()).collect();
        let decided = match self.decide.decide_all(self.database, targets, read).await {
            Ok(decided) => decided,
            Err(error) => {
                self.all_failed(&error, ids.iter().map(String::as_str))?;
                return Ok(decisions);
            }
        };
        let mut lost_and_landed = Vec::new();
        for one in decided {
            let id = one.id;
            let Some(decided) = one.decided else {
                decisions.need_attachments.push(id);
                continue;
            };
            match self.attempts.decided(&id, decided) {
                AfterDecision::Write(change) => decisions.changes.push(change),
                AfterDecision::Done { outcome, lost } => {
                    self.done(&id, outcome, one.unchanged);
                    lost_and_landed.extend(lost);
                }
                AfterDecision::Failed(database, reason) => self.failed(&database, reason, &id),
                AfterDecision::Skipped => {
                    self.ends.insert(id, End::Skipped);
                }
            }
        }
        self.run
            .announce_lost(self.database, &lost_and_landed)
            .await?;
        Ok(decisions)
    }

    /// Decides about documents from reads that include the content of attachments.
    async fn decided_whole(&mut self, ids: &[String]) -> Result<Vec<Change>, Error> {
        let Some(targets) = self.targets(ids, Attachments::Inline).await? else {
            return Ok(Vec::new());
        };
        Ok(self.decided(targets, Read::WHOLE).await?.changes)
    }

    /// Decides about documents again, from fresh reads.
    async fn decided_again(&mut self, ids: &[String]) -> Result<Vec<Change>, Error> {
        let Some(targets) = self.targets(ids, self.decide.attachments()).await? else {
            return Ok(Vec::new());
        };
        let decisions = self.decided(targets, Read::AGAIN).await?;
        let mut changes = decisions.changes;
        if !decisions.need_attachments.is_empty() {
            changes.extend(self.decided_whole(&decisions.need_attachments).await?);
        }
        Ok(changes)
    }

    /// Completes changes of documents with losing leaves: a deletion takes all live leaves, or the document is left alone.
    async fn with_leaves(&mut self, changes: Vec<Change>) -> Result<Vec<Change>, Error> {
        let mut complete = Vec::with_capacity(changes.len());
        for mut change in changes {
            let lost = match change.before() {
                Some(before) if self.decide.asks_leaves(&change) => before.losing_revisions(),
                _ => Vec::new(),
            };
            if !lost.is_empty() {
                let id = change.id().to_owned();
                let read = self.run.losing_leaves(self.database, &id, lost).await;
                let losing = match read {
                    Ok(losing) => losing,
                    Err(error) => {
                        if error.is_fatal() {
                            return Err(error);
                        }
                        self.failed(&self.database.encoded(), (&error).into(), &id);
                        continue;
                    }
                };
                if !losing.iter().all(|leaf| self.decide.permits(&change, leaf)) {
                    self.failed(&self.database.encoded(), Reason::Conflicted, &id);
                    continue;
                }
                if let Change::Delete { leaves, .. } = &mut change {
                    *leaves = losing;
                }
            }
            complete.push(change);
        }
        Ok(complete)
    }

    /// Writes changes until each has landed, or failed for good.
    async fn write(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let mut changes = self.with_leaves(changes).await?;
        if self.run.settings.dry_run {
            for change in changes {
                self.run.announce_plan(self.database, &change).await;
                let (id, outcome) = (change.id().to_owned(), Outcome::of(&change));
                self.done(&id, outcome, after(change));
            }
            return Ok(());
        }
        let mut backoff = Backoff::new(&self.run.settings.http);
        for round in 1..=ROUNDS {
            if changes.is_empty() {
                return Ok(());
            }
            let (again, trouble) = self.write_once(changes).await?;
            if again.is_empty() {
                return Ok(());
            }
            if round == ROUNDS {
                return self.give_up(again, trouble).await;
            }
            if let Some(error) = trouble {
                let pause = backoff.after(&error);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.run.cancel.cancelled() => {
                        return Err(Error::cancelled(Operation::SAVE_DOCS));
                    }
                }
            }
            let decided = self.decided_again(&again).await?;
            changes = self.with_leaves(decided).await?;
        }
        Ok(())
    }

    /// These were written as often as they may be.
    async fn give_up(&mut self, ids: Vec<String>, trouble: Option<Error>) -> Result<(), Error> {
        let reason = trouble.as_ref().map_or(Reason::CONFLICT, Reason::from);
        // The last answer may have been lost as well as those before.
        let left = match trouble {
            Some(_) => {
                let left = self.decided_again(&ids).await?;
                left.iter().map(|change| change.id().to_owned()).collect()
            }
            None => ids,
        };
        for id in left {
            self.failed(&self.database.encoded(), reason, &id);
        }
        Ok(())
    }

    /// Sends changes once. Returns the ids that must be decided again, and the temporary error among them, if there was one.
    async fn write_once(
        &mut self,
        changes: Vec<Change>,
    ) -> Result<(Vec<String>, Option<Error>), Error> {
        let reserved = self.write_down(&changes).await?;
        let writes: Vec<Write<'_>> = changes
            .iter()
            .map(|change| Write {
                id: change.id(),
                rev: change.rev(),
                body: change.after().map(Document::text),
                losers: match change {
                    Change::Delete { leaves, .. } => {
                        leaves.iter().filter_map(Document::rev).collect()
                    }
                    _ => Vec::new(),
                },
            })
            .collect();
        let server = self.run.cluster.server(Some(self.database)).await?;
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
        for (change, landed) in changes.into_iter().zip(landed) {
            let id = change.id().to_owned();
            match self.attempts.answered(change, landed) {
                AfterAnswer::Written(change, rev) => {
                    noted.push(Record::landed(self.database, &id, &rev));
                    rows.push(self.run.changed_row(self.database, &change, rev));
                    let outcome = Outcome::of(&change);
                    let (written, leaves) = parts(change);
                    restored.extend(leaves);
                    self.done(&id, outcome, written);
                }
                AfterAnswer::Again(error) => {
                    again.push(id);
                    trouble = error.or(trouble);
                }
                AfterAnswer::Failed(error) if error.is_fatal() => fatal = Some(error),
                AfterAnswer::Failed(error) => {
                    self.failed(&self.database.encoded(), (&error).into(), &id);
                }
            }
        }
        if let Some(journal) = self.run.journal().await? {
            journal.note(&noted, reserved)?;
        }
        // Announced even if the run ends here: caches must not serve what is gone.
        self.run.announce(self.database, rows).await;
        if !restored.is_empty()
            && let Err(error) = server.add_leaves(self.database, &restored).await
        {
            let ids = restored.iter().map(Document::id);
            self.run
                .numbers_failed(self.database, &error, (&error).into(), ids)?;
        }
        match fatal {
            Some(error) => Err(error),
            None => Ok((again, trouble)),
        }
    }

    /// Has the changes in the journal, on the disk, before anything is sent.
    async fn write_down(&self, changes: &[Change]) -> Result<Reserved, Error> {
        let Some(journal) = self.run.journal().await? else {
            return Ok(Reserved::default());
        };
        let mut whole = HashMap::new();
        for change in changes {
            if let Some(before) = change.before()
                && has_attachment_stubs(before)
                && let Some(read) = self.whole(before).await?
            {
                whole.insert(change.id(), read);
            }
        }
        let intents: Vec<Intent<'_>> = changes
            .iter()
            .map(|change| Intent {
                database: self.database.plain(),
                change,
                whole: whole.get(change.id()),
            })
            .collect();
        journal.append(&intents).await
    }

    /// A document with the content of its attachments. `None`: it has changed, so its write will be in conflict.
    async fn whole(&self, before: &Document) -> Result<Option<Document>, Error> {
        let ids = [before.id()];
        let found = self
            .run
            .documents(self.database, &ids, Attachments::Inline)
            .await?;
        let found = found.into_iter().next().and_then(Found::present);
        Ok(found.filter(|found| found.rev() == before.rev()))
    }
}

/// The document that a change leaves, if it leaves one.
fn after(change: Change) -> Written {
    parts(change).0
}

/// The document that a change leaves, and the losing leaves that are restored with it.
fn parts(change: Change) -> (Written, Vec<Document>) {
    match change {
        Change::Create { after, leaves } => (Some(after), leaves),
        Change::Update { after, .. } => (Some(after), Vec::new()),
        Change::Delete { .. } => (None, Vec::new()),
    }
}
