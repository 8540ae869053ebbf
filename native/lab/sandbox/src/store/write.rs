//! Writes the tables in one transaction.

use super::{
    ATTACHMENTS, BODIES, Body, CHANGES, COUNTERS, Counters, DATABASES, DOCS, Database, DocRecord,
    LOCALS, SERVER, StoreError, UPDATES, read,
};
use crate::revision::Rev;
use crate::revtree::RevTree;
use redb::{ReadableTable, Table, WriteTransaction};
use std::ops::Bound;

const NEXT_DATABASE: &str = "next_database";
/// The key of the last update of any database. The numbers of databases begin at 1.
pub(super) const ALL_DATABASES: u64 = 0;

pub(crate) struct Writer<'t> {
    databases: Table<'t, &'static str, &'static [u8]>,
    counters: Table<'t, u64, (u64, u64, u64, u64)>,
    docs: Table<'t, (u64, &'static str), &'static [u8]>,
    bodies: Table<'t, (u64, &'static str, &'static str), &'static [u8]>,
    changes: Table<'t, (u64, u64), &'static str>,
    locals: Table<'t, (u64, &'static str), (u64, &'static str)>,
    attachments: Table<'t, (u64, &'static str), &'static [u8]>,
    updates: Table<'t, u64, u64>,
    server: Table<'t, &'static str, &'static str>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            databases: transaction.open_table(DATABASES)?,
            counters: transaction.open_table(COUNTERS)?,
            docs: transaction.open_table(DOCS)?,
            bodies: transaction.open_table(BODIES)?,
            changes: transaction.open_table(CHANGES)?,
            locals: transaction.open_table(LOCALS)?,
            attachments: transaction.open_table(ATTACHMENTS)?,
            updates: transaction.open_table(UPDATES)?,
            server: transaction.open_table(SERVER)?,
        })
    }

    pub(crate) fn server(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.server.get(name)?.map(|value| value.value().to_owned()))
    }

    pub(crate) fn set_server(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.server.insert(name, value)?;
        Ok(())
    }

    pub(crate) fn database(&self, name: &str) -> Result<Option<Database>, StoreError> {
        read::database(&self.databases, name)
    }

    pub(crate) fn database_names(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.databases.iter()?;
        rows.map(|row| Ok(row?.0.value().to_owned())).collect()
    }

    pub(crate) fn create_database(
        &mut self,
        name: &str,
        created: u64,
        shards: u64,
    ) -> Result<Database, StoreError> {
        let number = self
            .server(NEXT_DATABASE)?
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        self.set_server(NEXT_DATABASE, &(number + 1u64).to_string())?;
        let database = Database::new(number, name, created, shards);
        self.put_database(&database)?;
        self.note_update(number)?;
        Ok(database)
    }

    /// Counts an update of a database.
    fn note_update(&mut self, db: u64) -> Result<(), StoreError> {
        let last = self.updates.get(ALL_DATABASES)?;
        let next = last.map_or(0, |last| last.value()) + 1;
        self.updates.insert(ALL_DATABASES, next)?;
        self.updates.insert(db, next)?;
        Ok(())
    }

    pub(crate) fn put_database(&mut self, database: &Database) -> Result<(), StoreError> {
        self.databases
            .insert(database.name.as_str(), database.encode().as_bytes())?;
        Ok(())
    }

    pub(crate) fn delete_database(&mut self, database: &Database) -> Result<(), StoreError> {
        let db = database.number;
        self.databases.remove(database.name.as_str())?;
        self.counters.remove(db)?;
        self.updates.remove(db)?;
        let ids = || read::keys(db, (Bound::Unbounded, Bound::Unbounded));
        self.docs.retain_in::<(u64, &str), _>(ids(), |_, _| false)?;
        self.locals
            .retain_in::<(u64, &str), _>(ids(), |_, _| false)?;
        self.attachments
            .retain_in::<(u64, &str), _>(ids(), |_, _| false)?;
        self.bodies
            .retain_in::<(u64, &str, &str), _>((db, "", "")..(db + 1, "", ""), |_, _| false)?;
        self.changes.retain_in((db, 0)..(db + 1, 0), |_, _| false)?;
        Ok(())
    }

    pub(crate) fn counters(&self, db: u64) -> Result<Counters, StoreError> {
        read::counters(&self.counters, db)
    }

    pub(crate) fn set_counters(&mut self, db: u64, counters: Counters) -> Result<(), StoreError> {
        let counters: (u64, u64, u64, u64) = counters.into();
        self.counters.insert(db, counters)?;
        self.note_update(db)
    }

    pub(crate) fn doc(&self, db: u64, id: &str) -> Result<Option<DocRecord>, StoreError> {
        read::doc(&self.docs, db, id)
    }

    pub(crate) fn body(
        &self,
        db: u64,
        id: &str,
        record: &DocRecord,
        rev: &Rev,
    ) -> Result<Option<Body>, StoreError> {
        if record.rev == *rev {
            return Ok(Some(record.body.clone()));
        }
        read::body(&self.bodies, db, id, rev)
    }

    /// The live documents of a range, with their fields.
    pub(crate) fn live_fields(
        &self,
        db: u64,
        range: read::IdRange<'_>,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let mut found = Vec::new();
        for row in self.docs.range::<(u64, &str)>(read::keys(db, range))? {
            let (key, value) = row?;
            let view = super::DocView::new(value.value())?;
            if !view.deleted {
                found.push((key.value().1.to_owned(), view.fields.to_owned()));
            }
        }
        Ok(found)
    }

    /// Stores a document after `rev` with `body` was added to its tree. No body that the tree marks
    /// as available is lost, whatever revision wins.
    pub(crate) fn put_doc(
        &mut self,
        db: u64,
        id: &str,
        before: Option<&DocRecord>,
        mut tree: RevTree,
        (rev, body): (&Rev, Body),
        revs_limit: u64,
    ) -> Result<(), StoreError> {
        for gone in tree.stem(usize::try_from(revs_limit).unwrap_or(usize::MAX)) {
            self.bodies.remove((db, id, gone.to_string().as_str()))?;
        }
        let Some(winner) = tree.winner() else {
            return Err(StoreError::Damaged);
        };
        let (winning, deleted) = (winner.rev.clone(), winner.deleted);
        let body = if winning == *rev {
            if let Some(old) = before.filter(|old| tree.find(&old.rev).is_some()) {
                self.keep_body(db, id, &old.rev, &old.body)?;
            }
            body
        } else {
            self.keep_body(db, id, rev, &body)?;
            match before {
                Some(old) if old.rev == winning => old.body.clone(),
                _ => {
                    if let Some(old) = before {
                        self.keep_body(db, id, &old.rev, &old.body)?;
                    }
                    self.take_body(db, id, &winning)?
                }
            }
        };
        self.store_doc(db, id, before, tree, winning, deleted, body)
    }

    fn keep_body(&mut self, db: u64, id: &str, rev: &Rev, body: &Body) -> Result<(), StoreError> {
        self.bodies
            .insert((db, id, rev.to_string().as_str()), body.encode().as_slice())?;
        Ok(())
    }

    fn take_body(&mut self, db: u64, id: &str, rev: &Rev) -> Result<Body, StoreError> {
        match self.bodies.remove((db, id, rev.to_string().as_str()))? {
            Some(value) => Body::decode(value.value()),
            None => Ok(Body::default()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row, field by field")]
    fn store_doc(
        &mut self,
        db: u64,
        id: &str,
        before: Option<&DocRecord>,
        tree: RevTree,
        rev: Rev,
        deleted: bool,
        body: Body,
    ) -> Result<(), StoreError> {
        let mut counters = self.counters(db)?;
        counters.update_seq += 1;
        if let Some(old) = before {
            self.changes.remove((db, old.seq))?;
            uncount(&mut counters, old.deleted);
        }
        if deleted {
            counters.deleted += 1;
        } else {
            counters.documents += 1;
        }
        let record = DocRecord {
            seq: counters.update_seq,
            rev,
            deleted,
            tree,
            body,
        };
        self.changes.insert((db, record.seq), id)?;
        self.docs.insert((db, id), record.encode().as_slice())?;
        self.set_counters(db, counters)
    }

    /// Purges revisions. Returns those that existed.
    pub(crate) fn purge(
        &mut self,
        db: u64,
        id: &str,
        revs: &[Rev],
    ) -> Result<Vec<Rev>, StoreError> {
        let Some(mut record) = self.doc(db, id)? else {
            return Ok(Vec::new());
        };
        let (purged, gone) = record.tree.purge(revs);
        if purged.is_empty() {
            return Ok(purged);
        }
        for rev in &gone {
            self.bodies.remove((db, id, rev.to_string().as_str()))?;
        }
        let mut counters = self.counters(db)?;
        counters.purge_seq += 1;
        if record.tree.is_empty() {
            uncount(&mut counters, record.deleted);
            counters.update_seq += 1;
            self.set_counters(db, counters)?;
            self.changes.remove((db, record.seq))?;
            self.docs.remove((db, id))?;
            return Ok(purged);
        }
        self.set_counters(db, counters)?;
        let Some(winner) = record.tree.winner() else {
            return Err(StoreError::Damaged);
        };
        let (rev, deleted) = (winner.rev.clone(), winner.deleted);
        let body = if rev == record.rev {
            record.body.clone()
        } else {
            self.take_body(db, id, &rev)?
        };
        let tree = record.tree.clone();
        self.store_doc(db, id, Some(&record), tree, rev, deleted, body)?;
        Ok(purged)
    }

    /// Removes the bodies of all revisions that are not leaves.
    pub(crate) fn compact(&mut self, db: u64) -> Result<(), StoreError> {
        let mut changed = Vec::new();
        let all = read::keys(db, (Bound::Unbounded, Bound::Unbounded));
        for row in self.docs.range::<(u64, &str)>(all)? {
            let (key, value) = row?;
            let mut record = super::DocView::new(value.value())?.to_record()?;
            let dropped = record.tree.compact();
            if !dropped.is_empty() {
                changed.push((key.value().1.to_owned(), record, dropped));
            }
        }
        for (id, record, dropped) in changed {
            self.docs
                .insert((db, id.as_str()), record.encode().as_slice())?;
            for rev in dropped {
                self.bodies
                    .remove((db, id.as_str(), rev.to_string().as_str()))?;
            }
        }
        Ok(())
    }

    pub(crate) fn put_local(
        &mut self,
        db: u64,
        id: &str,
        rev: u64,
        fields: &str,
    ) -> Result<(), StoreError> {
        self.locals.insert((db, id), (rev, fields))?;
        Ok(())
    }

    pub(crate) fn delete_local(&mut self, db: u64, id: &str) -> Result<bool, StoreError> {
        Ok(self.locals.remove((db, id))?.is_some())
    }

    pub(crate) fn put_attachment(
        &mut self,
        db: u64,
        digest: &str,
        content: &[u8],
    ) -> Result<(), StoreError> {
        if self.attachments.get((db, digest))?.is_none() {
            self.attachments.insert((db, digest), content)?;
        }
        Ok(())
    }
}

fn uncount(counters: &mut Counters, deleted: bool) {
    if deleted {
        counters.deleted = counters.deleted.saturating_sub(1);
    } else {
        counters.documents = counters.documents.saturating_sub(1);
    }
}
