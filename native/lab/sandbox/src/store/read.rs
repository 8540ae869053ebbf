//! Reads a snapshot of the store.

use super::{
    ATTACHMENTS, BODIES, Body, CHANGES, COUNTERS, Counters, DATABASES, DOCS, Database, DocRecord,
    DocView, LOCALS, StoreError, UPDATES, write::ALL_DATABASES,
};
use crate::revision::Rev;
use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable};
use std::ops::Bound;

type DocKey = (u64, &'static str);
type BodyKey = (u64, &'static str, &'static str);

/// Bounds of ids.
pub(crate) type IdRange<'a> = (Bound<&'a str>, Bound<&'a str>);

pub(crate) struct Reader {
    databases: ReadOnlyTable<&'static str, &'static [u8]>,
    counters: ReadOnlyTable<u64, (u64, u64, u64, u64)>,
    docs: ReadOnlyTable<DocKey, &'static [u8]>,
    bodies: ReadOnlyTable<BodyKey, &'static [u8]>,
    changes: ReadOnlyTable<(u64, u64), &'static str>,
    locals: ReadOnlyTable<DocKey, (u64, &'static str)>,
    attachments: ReadOnlyTable<DocKey, &'static [u8]>,
    updates: ReadOnlyTable<u64, u64>,
}

impl Reader {
    pub(super) fn new(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            databases: transaction.open_table(DATABASES)?,
            counters: transaction.open_table(COUNTERS)?,
            docs: transaction.open_table(DOCS)?,
            bodies: transaction.open_table(BODIES)?,
            changes: transaction.open_table(CHANGES)?,
            locals: transaction.open_table(LOCALS)?,
            attachments: transaction.open_table(ATTACHMENTS)?,
            updates: transaction.open_table(UPDATES)?,
        })
    }

    pub(crate) fn database(&self, name: &str) -> Result<Option<Database>, StoreError> {
        database(&self.databases, name)
    }

    /// All names, sorted by bytes.
    pub(crate) fn database_names(&self) -> Result<Vec<String>, StoreError> {
        self.databases
            .iter()?
            .map(|row| Ok(row?.0.value().to_owned()))
            .collect()
    }

    pub(crate) fn counters(&self, db: u64) -> Result<Counters, StoreError> {
        counters(&self.counters, db)
    }

    /// The last update of any database.
    pub(crate) fn last_update(&self) -> Result<u64, StoreError> {
        let last = self.updates.get(ALL_DATABASES)?;
        Ok(last.map_or(0, |last| last.value()))
    }

    /// The databases that were updated after an update, each with its last one, oldest first.
    pub(crate) fn updated_after(&self, update: u64) -> Result<Vec<(u64, String)>, StoreError> {
        let mut updated = Vec::new();
        for row in self.databases.iter()? {
            let (name, bytes) = row?;
            let number = Database::decode(name.value(), bytes.value())?.number;
            let last = self.updates.get(number)?.map_or(0, |last| last.value());
            if last > update {
                updated.push((last, name.value().to_owned()));
            }
        }
        updated.sort_unstable();
        Ok(updated)
    }

    pub(crate) fn doc(&self, db: u64, id: &str) -> Result<Option<DocRecord>, StoreError> {
        doc(&self.docs, db, id)
    }

    /// Calls a function with a document in place, without a copy.
    pub(crate) fn inspect<T>(
        &self,
        db: u64,
        id: &str,
        look: impl FnOnce(DocView<'_>) -> T,
    ) -> Result<Option<T>, StoreError> {
        match self.docs.get((db, id))? {
            Some(value) => Ok(Some(look(DocView::new(value.value())?))),
            None => Ok(None),
        }
    }

    /// The content of a revision, if it is still stored.
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
        body(&self.bodies, db, id, rev)
    }

    /// Documents and tombstones, sorted by id.
    pub(crate) fn docs(
        &self,
        db: u64,
        range: IdRange<'_>,
    ) -> Result<
        impl DoubleEndedIterator<Item = Result<DocRow, redb::StorageError>> + use<>,
        StoreError,
    > {
        Ok(self
            .docs
            .range::<(u64, &str)>(keys(db, range))?
            .map(|row| row.map(|(key, value)| DocRow { key, value })))
    }

    /// The number of documents in a range, without tombstones.
    pub(crate) fn count(&self, db: u64, range: IdRange<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        for row in self.docs.range::<(u64, &str)>(keys(db, range))? {
            count += u64::from(!DocView::is_deleted(row?.1.value()));
        }
        Ok(count)
    }

    /// Changes after `since`: sequence and id, oldest first.
    pub(crate) fn changes(
        &self,
        db: u64,
        since: u64,
    ) -> Result<
        impl DoubleEndedIterator<Item = Result<(u64, String), StoreError>> + use<>,
        StoreError,
    > {
        let range = (
            Bound::Excluded((db, since)),
            Bound::Included((db, u64::MAX)),
        );
        Ok(self.changes.range::<(u64, u64)>(range)?.map(|row| {
            let (key, id) = row?;
            Ok((key.value().1, id.value().to_owned()))
        }))
    }

    pub(crate) fn local(&self, db: u64, id: &str) -> Result<Option<(u64, String)>, StoreError> {
        Ok(self.locals.get((db, id))?.map(|guard| {
            let (rev, fields) = guard.value();
            (rev, fields.to_owned())
        }))
    }

    /// All local documents: id, revision, fields.
    pub(crate) fn locals(&self, db: u64) -> Result<Vec<(String, u64, String)>, StoreError> {
        let all = keys(db, (Bound::Unbounded, Bound::Unbounded));
        self.locals
            .range::<(u64, &str)>(all)?
            .map(|row| {
                let (key, value) = row?;
                let (rev, fields) = value.value();
                Ok((key.value().1.to_owned(), rev, fields.to_owned()))
            })
            .collect()
    }

    pub(crate) fn attachment(&self, db: u64, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .attachments
            .get((db, digest))?
            .map(|content| content.value().to_vec()))
    }
}

/// A row of the documents table.
pub(crate) struct DocRow {
    key: AccessGuard<'static, DocKey>,
    value: AccessGuard<'static, &'static [u8]>,
}

impl DocRow {
    pub(crate) fn id(&self) -> &str {
        self.key.value().1
    }

    pub(crate) fn view(&self) -> Result<DocView<'_>, StoreError> {
        DocView::new(self.value.value())
    }
}

/// [`IdRange`] with the number of the database.
type DocKeyRange<'a> = (Bound<(u64, &'a str)>, Bound<(u64, &'a str)>);

pub(super) fn keys<'a>(db: u64, (start, end): IdRange<'a>) -> DocKeyRange<'a> {
    let start = match start {
        Bound::Included(id) => Bound::Included((db, id)),
        Bound::Excluded(id) => Bound::Excluded((db, id)),
        Bound::Unbounded => Bound::Included((db, "")),
    };
    let end = match end {
        Bound::Included(id) => Bound::Included((db, id)),
        Bound::Excluded(id) => Bound::Excluded((db, id)),
        Bound::Unbounded => Bound::Excluded((db + 1, "")),
    };
    // A reversed range is empty. redb does not accept one.
    let (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) =
        (start, end)
    else {
        return (start, end);
    };
    if from > to {
        return (Bound::Included((db, "")), Bound::Excluded((db, "")));
    }
    (start, end)
}

pub(super) fn database(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<Option<Database>, StoreError> {
    match table.get(name)? {
        Some(record) => Database::decode(name, record.value()).map(Some),
        None => Ok(None),
    }
}

pub(super) fn counters(
    table: &impl ReadableTable<u64, (u64, u64, u64, u64)>,
    db: u64,
) -> Result<Counters, StoreError> {
    Ok(table
        .get(db)?
        .map(|counters| counters.value().into())
        .unwrap_or_default())
}

pub(super) fn doc(
    table: &impl ReadableTable<DocKey, &'static [u8]>,
    db: u64,
    id: &str,
) -> Result<Option<DocRecord>, StoreError> {
    match table.get((db, id))? {
        Some(value) => DocView::new(value.value())?.to_record().map(Some),
        None => Ok(None),
    }
}

pub(super) fn body(
    table: &impl ReadableTable<BodyKey, &'static [u8]>,
    db: u64,
    id: &str,
    rev: &Rev,
) -> Result<Option<Body>, StoreError> {
    match table.get((db, id, rev.to_string().as_str()))? {
        Some(value) => Body::decode(value.value()).map(Some),
        None => Ok(None),
    }
}
