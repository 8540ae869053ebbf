//! Announces changes that were made, or that a dry run plans.

use document::{Change, Revision};
use tracing::{Instrument, debug_span};

use super::run::Run;
use crate::host::{ChangedRow, NOTICE_FIELDS};
use crate::journal::{Record, Reserved};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase};
use crate::report::{Event, NumberWarningKind, Outcome, PlannedChange, Reason, field_changes};
use couchdb::{Error, Found};

impl Run {
    /// Announces written rows. If that fails, the number fails: nodes that cached the document keep the old one.
    pub(super) async fn announce(&self, database: &DatabaseName, rows: Vec<ChangedRow>) {
        if rows.is_empty() {
            return;
        }
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let span = debug_span!("announce", database = %database, rows = rows.len());
        let changed = self.cluster.host().changed(database, rows);
        let (ids, why) = match changed.instrument(span).await {
            Ok(unannounced) => (unannounced.ids, unannounced.reason),
            Err(error) => (ids, error.to_string()),
        };
        for id in &ids {
            self.unannounced(database, id, &why).await;
        }
    }

    /// Reports a change that was made and not announced.
    async fn unannounced(&self, database: &DatabaseName, id: &str, why: &str) {
        self.reporter
            .failed(&database.encoded(), Reason::NotAnnounced, id);
        let (kind, why) = (NumberWarningKind::NotAnnounced, Some(why.to_owned()));
        self.reporter.warn_of_number(kind, database, id, why).await;
    }

    /// Announces writes whose answer was lost and that landed, each with the revision that it made. That of a deletion is read.
    pub(super) async fn announce_lost(
        &self,
        database: &DatabaseName,
        landed: Vec<(Change, Option<Revision>)>,
    ) -> Result<(), Error> {
        let mut known = Vec::new();
        let mut deletions = Vec::new();
        for (change, rev) in landed {
            match rev {
                Some(rev) => known.push((change, rev)),
                None => deletions.push(change),
            }
        }
        known.extend(self.with_tombstones(database, deletions).await?);
        let mut rows = Vec::new();
        let mut noted = Vec::new();
        for (change, rev) in known {
            noted.push(Record::landed(database, change.id(), &rev));
            rows.push(self.changed_row(database, &change, rev));
        }
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(journal) = self.journal().await? {
            journal.note(&noted, Reserved::default())?;
        }
        self.announce(database, rows).await;
        Ok(())
    }

    /// Deletions with the revisions of their tombstones. A document that another writer has created since is left out: the
    /// revision that is there now is not of this run.
    async fn with_tombstones(
        &self,
        database: &DatabaseName,
        deletions: Vec<Change>,
    ) -> Result<Vec<(Change, Revision)>, Error> {
        if deletions.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = deletions.iter().map(Change::id).collect();
        let found = match self.revisions(database, &ids).await {
            Ok(found) => found,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                for change in &deletions {
                    self.touch(database, change);
                    self.unannounced(database, change.id(), &error.to_string())
                        .await;
                }
                return Ok(Vec::new());
            }
        };
        let tombstones = deletions.into_iter().zip(found);
        Ok(tombstones
            .filter_map(|(change, found)| match found {
                Found::Deleted(rev) => Some((change, rev)),
                Found::Present(_) | Found::Missing => None,
            })
            .collect())
    }

    /// Records the account whose numbers a change affects.
    fn touch(&self, database: &DatabaseName, change: &Change) {
        let assigned_to = || {
            let assigned_to = change.document().string("pvt_assigned_to");
            assigned_to.as_deref().and_then(AccountId::parse)
        };
        if let Some(account) = database.account().or_else(assigned_to) {
            self.services.touch(account);
        }
    }

    /// The notice of a change.
    pub(super) fn changed_row(
        &self,
        database: &DatabaseName,
        change: &Change,
        rev: Revision,
    ) -> ChangedRow {
        self.touch(database, change);
        let document = change.document();
        let fields = NOTICE_FIELDS
            .iter()
            .filter_map(|name| Some((*name, document.get(name)?.to_owned())))
            .collect();
        ChangedRow {
            id: change.id().to_owned(),
            old_rev: change.rev().cloned(),
            rev,
            deleted: matches!(change, Change::Delete { .. }),
            fields,
        }
    }

    /// Lists a planned change of a dry run.
    pub(super) async fn announce_plan(&self, database: &DatabaseName, change: &Change) {
        let fields = match change {
            Change::Update { before, after } => field_changes(before, after),
            Change::Create { .. } | Change::Delete { .. } => Vec::new(),
        };
        self.reporter
            .send(Event::Planned(PlannedChange {
                database: database.encoded(),
                id: change.id().to_owned(),
                outcome: Outcome::of(change).name(),
                fields,
            }))
            .await;
    }
}
