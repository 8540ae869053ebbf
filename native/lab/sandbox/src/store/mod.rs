//! The store: one redb database, in a file or in memory.
//!
//! Each writing request is one transaction, which is complete or absent. Confirmed writes are on
//! disk, so the process may be killed at any time. Readers see a snapshot and never wait for a
//! writer.

mod database;
mod read;
mod record;
mod write;

pub(crate) use database::{Counters, Database};
pub(crate) use read::{DocRow, Reader};
pub(crate) use record::{Body, DocRecord, DocView};
pub(crate) use write::Writer;

use redb::{ReadableDatabase as _, TableDefinition};
use std::path::Path;
use tokio::sync::watch;

/// name → properties of the database
const DATABASES: TableDefinition<&str, &[u8]> = TableDefinition::new("databases");
/// database → its counters
const COUNTERS: TableDefinition<u64, (u64, u64, u64, u64)> = TableDefinition::new("counters");
/// (database, document) → revisions, and the winner's body
const DOCS: TableDefinition<(u64, &str), &[u8]> = TableDefinition::new("docs");
/// (database, document, revision) → the body of a revision that is not the winner
const BODIES: TableDefinition<(u64, &str, &str), &[u8]> = TableDefinition::new("bodies");
/// (database, sequence) → document
const CHANGES: TableDefinition<(u64, u64), &str> = TableDefinition::new("changes");
/// (database, `_local/…`) → revision and body
const LOCALS: TableDefinition<(u64, &str), (u64, &str)> = TableDefinition::new("locals");
/// (database, digest) → content of attachments
const ATTACHMENTS: TableDefinition<(u64, &str), &[u8]> = TableDefinition::new("attachments");
/// database → its last update, counted over all databases; those of no database at 0
const UPDATES: TableDefinition<u64, u64> = TableDefinition::new("updates");
/// properties of the server
const SERVER: TableDefinition<&str, &str> = TableDefinition::new("server");

/// The file in the data directory.
const FILE: &str = "sandbox.redb";

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the data directory: {0}")]
    Directory(#[from] std::io::Error),
    #[error("the data file: {0}")]
    File(#[from] redb::DatabaseError),
    #[error("a transaction: {0}")]
    Transaction(Box<redb::TransactionError>),
    #[error("a table: {0}")]
    Table(#[from] redb::TableError),
    #[error("the storage: {0}")]
    Storage(#[from] redb::StorageError),
    #[error("a commit: {0}")]
    Commit(#[from] redb::CommitError),
    #[error("a record in the data file is damaged")]
    Damaged,
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        StoreError::Transaction(Box::new(error))
    }
}

impl From<crate::revtree::Damaged> for StoreError {
    fn from(_: crate::revtree::Damaged) -> Self {
        StoreError::Damaged
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    redb: redb::Database,
    commits: watch::Sender<u64>,
}

impl Store {
    pub(crate) fn memory() -> Result<Self, StoreError> {
        let backend = redb::backends::InMemoryBackend::new();
        Self::new(redb::Database::builder().create_with_backend(backend)?)
    }

    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(FILE);
        // Only the owner may read the file: it holds documents and password hashes.
        let mut options = std::fs::File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(redb::StorageError::Io)?;
        #[cfg(unix)]
        {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            file.set_permissions(private)
                .map_err(redb::StorageError::Io)?;
        }
        drop(file);
        Self::new(redb::Database::create(path)?)
    }

    fn new(redb: redb::Database) -> Result<Self, StoreError> {
        let store = Self {
            redb,
            commits: watch::Sender::new(0),
        };
        // Opening a table for writing creates it, so readers can rely on it.
        store.write::<_, StoreError>(|_| Ok(()))?;
        Ok(store)
    }

    pub(crate) fn reader(&self) -> Result<Reader, StoreError> {
        Reader::new(&self.redb.begin_read()?)
    }

    /// Runs one transaction. It is committed only if the function returns `Ok`.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.redb.begin_write().map_err(StoreError::from)?;
        let result = {
            let mut writer = Writer::new(&transaction)?;
            work(&mut writer)?
        };
        transaction.commit().map_err(StoreError::from)?;
        self.commits.send_modify(|count| *count += 1);
        Ok(result)
    }

    /// A value that changes at every commit.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}
