//! The interface between the library and its environment: Kazoo, or standalone.

use std::sync::Arc;

use async_trait::async_trait;

use crate::kazoo::{AccountId, DatabaseName};
use couchdb::Error;
use couchdb::{Revision, ServerUrl};

/// A written document, as caches must learn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// The document's id.
    pub id: String,
    /// The replaced revision. `None`: the document was created.
    pub old_rev: Option<Revision>,
    /// The new revision.
    pub rev: Revision,
    /// Whether the document was deleted.
    pub deleted: bool,
    /// `pvt_type`, `pvt_account_id`, `pvt_created`, `pvt_modified`, `pvt_deleted`, if the document (before its deletion) has
    /// them: name and JSON text.
    pub fields: Vec<(&'static str, String)>,
}

/// The fields of a document that its notice carries.
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
    /// The features in effect: the configured list, or the default.
    pub allowed: Vec<String>,
    /// The default.
    pub defaults: Vec<String>,
}

/// The rows of one call that could not be announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unannounced {
    /// The ids of their documents.
    pub ids: Vec<String>,
    /// The reason for the last of them; empty if every row was announced.
    pub reason: String,
}

/// The host's decision for the document of an unassigned number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// The document is right.
    Unchanged,
    /// The document as the host would save it, without fields that the host does not know.
    Document(Box<str>),
    /// The host cannot read the document; the text has the reason.
    Failed(String),
}

/// The services that the library needs from its environment. `false` or `None` means that the host does not provide one. The
/// library then works on the documents, or reports that it cannot.
#[async_trait]
pub trait Host: Send + Sync {
    /// The server of a database. Without a database: the server of Kazoo's system databases.
    async fn server(&self, database: Option<&DatabaseName>) -> Result<ServerUrl, Error>;

    /// All databases with this prefix (plain names) on all servers of the host. `None`: the server without a database lists them
    /// all. An incomplete list is an error.
    async fn databases(&self, prefix: &str) -> Result<Option<Vec<DatabaseName>>, Error> {
        let _ = prefix;
        Ok(None)
    }

    /// Announces written rows and returns when that is done, so that writes do not overtake notices. An error means that no row
    /// was announced.
    async fn changed(
        &self,
        database: &DatabaseName,
        rows: Vec<ChangedRow>,
    ) -> Result<Unannounced, Error> {
        let _ = (database, rows);
        Ok(Unannounced::default())
    }

    /// Creates a database with its design documents. `false`: the library must create it.
    async fn create_database(&self, database: &DatabaseName) -> Result<bool, Error> {
        let _ = database;
        Ok(false)
    }

    /// Reconciles an account's services. `false`: the host cannot.
    async fn services(&self, account: AccountId) -> Result<bool, Error> {
        let _ = account;
        Ok(false)
    }

    /// Sets a list of strings in the system config of numbers. `false`: the library must write it.
    async fn set_config(&self, path: &[&str], values: &[String]) -> Result<bool, Error> {
        let _ = (path, values);
        Ok(false)
    }

    /// The features that the system config allows. `None`: the library must read it.
    async fn system_features(&self) -> Result<Option<SystemFeatures>, Error> {
        Ok(None)
    }

    /// Decides for the documents of unassigned numbers, one decision per document and in their order: without `pvt_used_by`, and
    /// without features that they may not have. `None`: the library decides. Nothing is saved.
    async fn migrate_unassigned(&self, documents: &[&str]) -> Result<Option<Vec<Migrated>>, Error> {
        let _ = documents;
        Ok(None)
    }

    /// The known carrier modules. `None`: the host does not know them.
    fn carriers(&self) -> Option<Vec<String>> {
        None
    }
}

/// A standalone host: one server, no caches to notify.
#[derive(Clone, Debug)]
pub struct Standalone {
    url: ServerUrl,
}

impl Standalone {
    /// Creates a host for this server.
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
