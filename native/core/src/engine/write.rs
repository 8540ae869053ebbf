//! Writing: batches of changes with the revisions that were read, until each has landed or failed for good.

use std::collections::HashMap;
use std::time::Instant;

use tracing::{Instrument, debug, debug_span};

use super::apply::{Applying, Written};
use super::attempts::{Unsettled, with_leaves};
use super::rounds::{NextRound, Rounds};
use super::steps::milliseconds_since;
use crate::journal::{Intent, Record, Reserved};
use crate::kazoo::has_attachment_stubs;
use crate::report::{Outcome, Reason};
use couchdb::{Attachments, Backoff, Error, Found, Landed, Operation, Write};
use document::{Change, Document, Leaf};

impl Applying<'_> {
    /// Completes changes of documents with losing leaves: a deletion takes all live leaves, or the document is left alone.
    async fn with_leaves(&mut self, changes: Vec<Change>) -> Result<Vec<Change>, Error> {
        let mut complete = Vec::with_capacity(changes.len());
        for change in changes {
            let lost = match change.before() {
                Some(before) if self.decide.asks_leaves(&change) => before.losing_revisions(),
                _ => Vec::new(),
            };
            if lost.is_empty() {
                complete.push(change);
                continue;
            }
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
            let permits = |change: &Change, leaf: &Leaf| self.decide.permits(change, leaf);
            match with_leaves(change, losing, permits) {
                Some(change) => complete.push(change),
                None => self.failed(&self.database.encoded(), Reason::Conflicted, &id),
            }
        }
        Ok(complete)
    }

    /// Writes changes until each has landed, or failed for good.
    pub(super) async fn write(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let changes = self.with_leaves(changes).await?;
        let mut changes = self.withhold(changes).await?;
        let mut backoff = Backoff::new(&self.run.settings.http);
        let mut rounds = Rounds::default();
        while !changes.is_empty() {
            let round = rounds.number();
            let span = debug_span!(
                "batch",
                database = %self.database,
                documents = changes.len(),
                round
            );
            let unsettled = self.write_once(changes).instrument(span).await?;
            let (again, trouble) = match rounds.next(unsettled, &self.attempts) {
                None => return Ok(()),
                Some(NextRound::Again { ids, trouble }) => (ids, trouble),
                Some(NextRound::LookOnce { ids, reason }) => {
                    let left = self.decided_again(&ids).await?;
                    self.give_up(left.iter().map(Change::id), reason);
                    return Ok(());
                }
                Some(NextRound::GiveUp { ids, reason }) => {
                    self.give_up(ids.iter().map(String::as_str), reason);
                    return Ok(());
                }
            };
            if let Some(error) = trouble {
                let pause = backoff.after(&error);
                let span = debug_span!("pause", database = %self.database, round, %error);
                debug!(parent: &span, documents = again.len(), "batch failed: read again");
                tokio::select! {
                    () = tokio::time::sleep(pause).instrument(span) => {}
                    () = self.run.cancel.cancelled() => {
                        return Err(Error::cancelled(Operation::SAVE_DOCS));
                    }
                }
            }
            let decided = self.decided_again(&again).await?;
            let decided = self.with_leaves(decided).await?;
            changes = self.withhold(decided).await?;
        }
        Ok(())
    }

    /// These were written as often as they may be.
    fn give_up<'i>(&mut self, ids: impl Iterator<Item = &'i str>, reason: Reason) {
        for id in ids {
            self.failed(&self.database.encoded(), reason, id);
        }
    }

    /// Sends changes once. Returns the documents that must be decided again.
    async fn write_once(&mut self, changes: Vec<Change>) -> Result<Unsettled, Error> {
        self.run.steps.apply();
        let reserved = self
            .write_down(&changes)
            .instrument(debug_span!("journal"))
            .await?;
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
        let began = Instant::now();
        let landed = server
            .bulk_docs(self.database, &writes, self.run.settings.max_bulk_insert)
            .await;
        drop(writes);
        let milliseconds = milliseconds_since(began);
        let mut rows = Vec::new();
        let mut noted = Vec::new();
        let is_conflict = |landed: &&Landed| matches!(landed, Landed::Conflict);
        let conflicts = landed.iter().filter(is_conflict).count();
        let mut restored = Vec::new();
        let answers = self.attempts.answered_all(changes, landed);
        for (change, rev) in answers.written {
            let id = change.id().to_owned();
            noted.push(Record::landed(self.database, &id, &rev));
            rows.push(self.run.changed_row(self.database, &change, rev));
            let outcome = Outcome::of(&change);
            let (written, leaves) = parts(change);
            restored.extend(leaves);
            self.done(&id, outcome, written);
        }
        for (id, error) in answers.failed {
            self.failed(&self.database.encoded(), (&error).into(), &id);
        }
        debug!(
            written = rows.len(),
            conflicts,
            read_again = answers.unsettled.ids.len(),
            milliseconds,
            "batch written"
        );
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
        match answers.fatal {
            Some(error) => Err(error),
            None => Ok(answers.unsettled),
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
                cause: self.decide.cause(change),
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
pub(super) fn after(change: Change) -> Written {
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
