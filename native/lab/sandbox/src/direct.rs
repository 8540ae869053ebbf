//! All data of a [`LocalServer`] at once, without a request for each database. Tests with thousands of
//! small clusters spend most of their time on these requests otherwise.

use crate::auth::User;
use crate::http::{bulk, databases};
use crate::json::Json;
use crate::local::LocalServer;
use crate::render::{self, DocOptions};
use crate::request_error::RequestError;
use crate::store::{DocRow, Reader, StoreError};
use std::ops::Bound;

/// The content of a new database.
#[derive(Clone, Debug, Default)]
pub struct NewDatabase {
    /// Its plain name.
    pub name: String,
    /// The JSON array of its documents, as in `docs` of `_bulk_docs`.
    pub documents: String,
    /// The JSON array of leaves with the revisions that they get (`new_edits: false`).
    pub leaves: String,
}

/// The content of a database.
#[derive(Clone, Debug, Default)]
pub struct StoredDatabase {
    /// Its plain name.
    pub name: String,
    /// Its documents and tombstones, sorted by id.
    pub documents: Vec<StoredDocument>,
}

/// A document or a tombstone.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Its id.
    pub id: String,
    /// The winning revision.
    pub rev: String,
    /// The winner with inline attachments. None for a tombstone.
    pub winner: Option<String>,
    /// The losing live leaves with inline attachments, in CouchDB's order.
    pub losers: Vec<String>,
}

/// The data cannot be replaced or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DirectError(String);

impl From<RequestError> for DirectError {
    fn from(error: RequestError) -> Self {
        let (error, reason) = error.texts();
        Self(format!("{error}: {reason}"))
    }
}

impl From<StoreError> for DirectError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

fn array(text: &str) -> Result<Vec<Json>, RequestError> {
    match crate::json::parse(text.as_bytes())? {
        Json::Array(documents) => Ok(documents),
        _ => Err(RequestError::bad_request("not a JSON array")),
    }
}

impl LocalServer {
    /// Deletes all databases but those of the system, and creates these.
    ///
    /// # Errors
    /// A document is not valid. Then nothing has changed.
    pub fn replace(&self, wanted: &[NewDatabase]) -> Result<(), DirectError> {
        let app = self.app();
        let user = User::admin(None);
        let (old, new) = app.store.write::<_, RequestError>(|writer| {
            let mut old = Vec::new();
            for name in writer.database_names()? {
                if databases::SYSTEM.contains(&name.as_str()) {
                    continue;
                }
                if let Some(db) = writer.database(&name)? {
                    writer.delete_database(&db)?;
                    old.push(db.number);
                }
            }
            let mut new = Vec::new();
            for NewDatabase {
                name,
                documents,
                leaves,
            } in wanted
            {
                let db = writer.create_database(name, databases::now(), 1)?;
                let (documents, leaves) = (array(documents)?, array(leaves)?);
                if !(documents.is_empty() && leaves.is_empty()) {
                    new.push(db.number);
                }
                bulk::fill(writer, &db, &user, documents, true)?;
                bulk::fill(writer, &db, &user, leaves, false)?;
            }
            Ok((old, new))
        })?;
        for number in old {
            app.indexes.forget_database(number);
        }
        for number in new {
            app.note_written(number);
        }
        Ok(())
    }

    /// Reads all databases but those of the system, sorted by name.
    ///
    /// # Errors
    /// The store is damaged.
    pub fn read(&self) -> Result<Vec<StoredDatabase>, DirectError> {
        let reader = self.app().store.reader()?;
        let mut all = Vec::new();
        for name in reader.database_names()? {
            if databases::SYSTEM.contains(&name.as_str()) {
                continue;
            }
            let Some(db) = reader.database(&name)? else {
                continue;
            };
            let rows = reader.docs(db.number, (Bound::Unbounded, Bound::Unbounded))?;
            let documents = rows
                .map(|row| stored(&reader, db.number, &row.map_err(StoreError::from)?))
                .collect::<Result<_, StoreError>>()?;
            all.push(StoredDatabase { name, documents });
        }
        Ok(all)
    }
}

fn stored(reader: &Reader, db: u64, row: &DocRow) -> Result<StoredDocument, StoreError> {
    const OPTIONS: DocOptions = DocOptions {
        revs: false,
        revs_info: false,
        conflicts: false,
        deleted_conflicts: false,
        local_seq: false,
        attachments: true,
    };
    let id = row.id();
    let record = row.view()?.to_record()?;
    let mut document = StoredDocument {
        id: id.to_owned(),
        rev: record.rev.to_string(),
        winner: None,
        losers: Vec::new(),
    };
    if record.deleted {
        return Ok(document);
    }
    let mut winner = String::new();
    render::write_winner(&mut winner, reader, (db, id), &record, OPTIONS)?;
    document.winner = Some(winner);
    let leaves = record.tree.leaves();
    for leaf in leaves
        .iter()
        .filter(|leaf| !leaf.deleted && leaf.rev != record.rev)
    {
        let text = render::stored_revision(reader, (db, id), &record, &leaf.rev, OPTIONS)?;
        document.losers.push(text.ok_or(StoreError::Damaged)?);
    }
    Ok(document)
}
