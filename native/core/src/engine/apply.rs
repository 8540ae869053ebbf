//! Applying: documents are decided about, written in batches with the revisions that were read, and decided again where that did not
//! settle them.

use std::collections::HashMap;

use document::{Change, Document};

use tracing::{Instrument, debug_span, trace};

use super::attempts::{Attempts, Finished};
use super::reconcile::{Decide, MissingDatabase, Read, Reconciler, Target};
use super::run::Run;
use crate::kazoo::DatabaseName;
use crate::report::{Outcome, Reason};
use couchdb::{Attachments, Error, Found, Kind, Operation};

/// A document as it is after a run has dealt with it.
pub(crate) type Written = Option<Document>;

/// The result of the write of one document.
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

/// The result for each document, by id.
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

pub(super) struct Applying<'a> {
    pub(super) run: &'a Run,
    pub(super) database: &'a DatabaseName,
    pub(super) decide: &'a dyn Decide,
    pub(super) attempts: Attempts,
    pub(super) ends: Ends,
}

/// Changes to write, and the ids of documents that are decided again from reads with the content of attachments.
#[derive(Default)]
struct Planned {
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
        let planned = self.decided(targets, read).await?;
        self.batches(planned.changes).await?;
        // Content of attachments is large: one document at a time.
        for id in planned.need_attachments {
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

    pub(super) fn done(&mut self, id: &str, outcome: Outcome, written: Written) {
        trace!(id, outcome = outcome.name(), "document done");
        self.run.reporter.decided(self.database, outcome, 1);
        self.ends.insert(id.to_owned(), End::Done { written });
    }

    pub(super) fn failed(&mut self, database: &str, reason: Reason, id: &str) {
        trace!(id, reason = %reason.key(), "document failed");
        self.run.reporter.failed(database, reason, id);
        self.ends.insert(id.to_owned(), End::Failed);
    }

    /// All of these failed, unless the error ends the run.
    pub(super) fn all_failed<'i>(
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
                MissingDatabase::IsCreated if self.run.writes_nothing() => {
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
    async fn decided(&mut self, targets: Vec<Target>, read: Read) -> Result<Planned, Error> {
        if targets.is_empty() {
            return Ok(Planned::default());
        }
        let ids: Vec<String> = targets.iter().map(|target| target.id.clone()).collect();
        let span = debug_span!("plan", database = %self.database, documents = ids.len());
        let deciding = self.decide.decide_all(self.database, targets, read);
        let decided = match deciding.instrument(span).await {
            Ok(decided) => decided,
            Err(error) => {
                self.all_failed(&error, ids.iter().map(String::as_str))?;
                return Ok(Planned::default());
            }
        };
        let decisions = self.attempts.decided_all(decided);
        for (id, finished) in decisions.finished {
            match finished {
                Finished::Done(outcome, document) => self.done(&id, outcome, document),
                Finished::Failed(database, reason) => self.failed(&database, reason, &id),
                Finished::Skipped => {
                    self.ends.insert(id, End::Skipped);
                }
            }
        }
        self.run
            .announce_lost(self.database, decisions.landed)
            .await?;
        Ok(Planned {
            changes: decisions.changes,
            need_attachments: decisions.need_attachments,
        })
    }

    /// Decides about documents from reads that include the content of attachments.
    async fn decided_whole(&mut self, ids: &[String]) -> Result<Vec<Change>, Error> {
        let Some(targets) = self.targets(ids, Attachments::Inline).await? else {
            return Ok(Vec::new());
        };
        Ok(self.decided(targets, Read::WHOLE).await?.changes)
    }

    /// Decides about documents again, from fresh reads.
    pub(super) async fn decided_again(&mut self, ids: &[String]) -> Result<Vec<Change>, Error> {
        let Some(targets) = self.targets(ids, self.decide.attachments()).await? else {
            return Ok(Vec::new());
        };
        let planned = self.decided(targets, Read::AGAIN).await?;
        let mut changes = planned.changes;
        if !planned.need_attachments.is_empty() {
            changes.extend(self.decided_whole(&planned.need_attachments).await?);
        }
        Ok(changes)
    }
}
