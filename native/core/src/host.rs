//! Where the library runs: inside Kazoo, or standing alone. What it needs from there is this
//! trait, and nothing else.

use std::sync::Arc;

use async_trait::async_trait;

use crate::kazoo::{AccountId, DatabaseName};
use couchdb::Error;
use couchdb::{Revision, ServerUrl};

/// A document that was written, as whoever caches documents must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// Its id.
    pub id: String,
    /// The revision that was replaced; None when it was created.
    pub old_rev: Option<Revision>,
    /// The new revision.
    pub rev: Revision,
    /// Whether it was deleted.
    pub deleted: bool,
    /// `pvt_type`, `pvt_account_id`, `pvt_created`, `pvt_modified`, `pvt_deleted` where the
    /// document (before its deletion) has them: name and JSON text.
    pub fields: Vec<(&'static str, String)>,
}

/// The fields of a document that a notice of its change carries.
pub const NOTICE_FIELDS: [&str; 5] = [
    "pvt_type",
    "pvt_account_id",
    "pvt_created",
    "pvt_modified",
    "pvt_deleted",
];

/// The features that the system config allows, as the host knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemFeatures {
    /// Those that count now: the configured list, or the default one.
    pub allowed: Vec<String>,
    /// Those that count where nothing is configured.
    pub defaults: Vec<String>,
}

/// The rows of one call that could not be announced, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unannounced {
    /// The ids of their documents.
    pub ids: Vec<String>,
    /// The reason of the last one; empty where every row was announced.
    pub reason: String,
}

/// What a host makes of the document of an unassigned number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// It is as it should be.
    Unchanged,
    /// The document as the host would save it, without fields that it knows nothing of.
    Document(Box<str>),
    /// The host cannot read the document, for the reason in this line.
    Failed(String),
}

/// What the library needs from where it runs. What a host does not do itself it says with
/// `false` or `None`, and the library does it on the documents, or says that it can't.
#[async_trait]
pub trait Host: Send + Sync {
    /// The server of a database; without one, the server that holds Kazoo's system databases.
    async fn server(&self, database: Option<&DatabaseName>) -> Result<ServerUrl, Error>;

    /// All databases whose plain names start so, on every server that the host uses; None: the
    /// server without a database lists them all. A list that is not whole is an error.
    async fn databases(&self, prefix: &str) -> Result<Option<Vec<DatabaseName>>, Error> {
        let _ = prefix;
        Ok(None)
    }

    /// Announces rows that were written, and returns when that is done: writes do not outrun it.
    /// An error means that no row was announced.
    async fn changed(
        &self,
        database: &DatabaseName,
        rows: Vec<ChangedRow>,
    ) -> Result<Unannounced, Error> {
        let _ = (database, rows);
        Ok(Unannounced::default())
    }

    /// Creates a database with its design documents; false: the host leaves that to us.
    async fn create_database(&self, database: &DatabaseName) -> Result<bool, Error> {
        let _ = database;
        Ok(false)
    }

    /// Reconciles an account's services; false: nobody here can.
    async fn services(&self, account: AccountId) -> Result<bool, Error> {
        let _ = account;
        Ok(false)
    }

    /// Sets a list of strings in the system config of numbers; false: the host leaves that to us.
    async fn set_config(&self, path: &[&str], values: &[String]) -> Result<bool, Error> {
        let _ = (path, values);
        Ok(false)
    }

    /// The features that the system config allows; None: the host leaves that to us.
    async fn system_features(&self) -> Result<Option<SystemFeatures>, Error> {
        Ok(None)
    }

    /// What becomes of these documents of unassigned numbers, one answer for each and in their
    /// order: without what used them, and without the features that they may not have. None: the
    /// host leaves that to us. Nothing is saved.
    async fn migrate_unassigned(&self, documents: &[&str]) -> Result<Option<Vec<Migrated>>, Error> {
        let _ = documents;
        Ok(None)
    }

    /// The carrier modules that there are; None: the host does not know.
    fn carriers(&self) -> Option<Vec<String>> {
        None
    }
}

/// Standing alone: one server, nobody to tell.
#[derive(Clone, Debug)]
pub struct Standalone {
    url: ServerUrl,
}

impl Standalone {
    /// On this server.
    pub fn new(url: ServerUrl) -> Arc<Self> {
        Arc::new(Self { url })
    }
}

#[async_trait]
impl Host for Standalone {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        Ok(self.url.clone())
    }
}
