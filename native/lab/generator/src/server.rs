//! Writes a cluster to a CouchDB, reads it back, and deletes it.
//!
//! A marker database on the server ([`MARKER`]) records that this crate created the cluster. So an
//! interrupted run can be cleaned up, and foreign databases are never deleted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use couchdb::{
    Attachments, DatabaseName, HttpSettings, IdRange, Kind, Landed, Method, Operation, Pages,
    Request, Server, ServerUrl, Transport, Write, in_query,
};
use exact_json::{Value, json};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::documents::{Cluster, Database, Document};
use crate::plan::Plan;
use crate::texts::without_bookkeeping;

/// The database that marks a cluster of this crate.
pub const MARKER: &str = "kazoo_numbers_cluster";

/// Databases of the cluster lock, in this version and in 0.1. They are not part of a cluster and
/// are deleted with it.
const LOCKS: [&str; 2] = ["tasks", "kazoo_numbers_maintenance"];

/// Databases of a cluster other than `account/` and `numbers/`.
const OTHERS: [&str; 5] = [
    "accounts",
    "numbers_backup",
    "port_requests",
    "system_config",
    "system_data",
];

/// The number of documents in a request.
const BATCH: usize = 500;
const DATABASES_AT_ONCE: usize = 8;

/// Attempts, and the pause between them, while CouchDB's nodes do not yet agree on the deletion or
/// creation of a database.
const SETTLE_TRIES: usize = 50;
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// The largest answer in bytes: the changes of a whole database are one answer.
const LARGEST: usize = 1 << 30;

/// The winning revision of every document, including tombstones: database, id, revision.
pub type Revisions = BTreeMap<String, BTreeMap<String, String>>;

/// Errors of writing or reading a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An error of the URL, the connection or the server.
    #[error(transparent)]
    CouchDb(#[from] couchdb::Error),
    /// CouchDB refuses the name of a database.
    #[error("{0} is not the name of a database")]
    Name(String),
    /// A document was not written.
    #[error("{database}: {id} was not written: {error}")]
    Row {
        /// The database.
        database: String,
        /// The document's id.
        id: String,
        /// CouchDB's error.
        error: String,
    },
    /// JSON that cannot be read or written.
    #[error("{what}: {error}")]
    Json {
        /// The name of the JSON.
        what: String,
        /// The parser's error.
        error: exact_json::Error,
    },
    /// The server holds foreign databases.
    #[error(
        "the server already holds databases of a Kazoo cluster ({0}, …) that this tool did not create"
    )]
    Occupied(String),
    /// The server holds a cluster that this crate created.
    #[error(
        "the server already holds a cluster that this tool created ({0}, …); run wipe to delete it"
    )]
    Made(String),
}

/// Refuses a server with databases of a Kazoo cluster that this crate did not create.
///
/// # Errors
/// [`ServerError::Occupied`], or the server did not answer.
pub async fn refuse_if_occupied(url: &str) -> Result<(), ServerError> {
    ClusterServer::at(url)?.own_names().await.map(drop)
}

/// Refuses a server with databases of a Kazoo cluster, including those that this crate created.
///
/// # Errors
/// [`ServerError::Occupied`], [`ServerError::Made`], or the server did not answer.
pub async fn refuse_if_any(url: &str) -> Result<(), ServerError> {
    let names = ClusterServer::at(url)?.own_names().await?;
    let mut clusters = names
        .into_iter()
        .filter(|name| is_ours(name) && name != MARKER);
    clusters
        .next()
        .map_or(Ok(()), |name| Err(ServerError::Made(name)))
}

/// Marks the server's databases as created by this crate, so that the cluster can be extended and
/// wiped. For a server that [`refuse_if_occupied`] would refuse, with the operator's consent.
///
/// # Errors
/// The server did not answer.
pub async fn claim(url: &str) -> Result<(), ServerError> {
    ClusterServer::at(url)?.create(MARKER).await
}

impl Cluster {
    /// Writes the cluster, as [`ClusterServer::load`] does.
    ///
    /// # Errors
    /// The first error. Documents written before it stay.
    pub async fn load(&self, url: &str) -> Result<(), ServerError> {
        ClusterServer::at(url)?.load(self).await
    }

    /// Reads the cluster, as [`ClusterServer::read`] does.
    ///
    /// # Errors
    /// The first error.
    pub async fn read(url: &str) -> Result<(Self, Revisions), ServerError> {
        ClusterServer::at(url)?.read().await
    }

    /// Deletes the cluster, as [`ClusterServer::wipe`] does.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] if this crate did not create it, or the first error.
    pub async fn wipe(url: &str) -> Result<(), ServerError> {
        ClusterServer::at(url)?.wipe().await
    }
}

impl Plan {
    /// Writes the plan's cluster, one database at a time.
    ///
    /// # Errors
    /// The first error. Documents written before it stay.
    pub async fn load(&self, url: &str) -> Result<(), ServerError> {
        let server = ClusterServer::at(url)?;
        server.mark().await?;
        stream::iter(self.names())
            .map(|name| {
                let server = &server;
                async move {
                    let database = self.database(&name);
                    server.write(&name, &database).await
                }
            })
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

/// Whether a database belongs to a cluster.
pub fn is_ours(name: &str) -> bool {
    name.starts_with("account/") || name.starts_with("numbers/") || OTHERS.contains(&name)
}

/// A server for clusters.
#[derive(Debug)]
pub struct ClusterServer(Arc<Server>);

impl ClusterServer {
    /// Creates a client for this URL. It sends nothing yet.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn at(url: &str) -> Result<Self, ServerError> {
        Self::with(url, None)
    }

    /// Creates a client that sends its requests through this transport, with the credentials of the
    /// URL.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn over(url: &str, transport: Arc<dyn Transport>) -> Result<Self, ServerError> {
        Self::with(url, Some(transport))
    }

    fn with(url: &str, transport: Option<Arc<dyn Transport>>) -> Result<Self, ServerError> {
        let server = Server::new(
            ServerUrl::parse(url)?,
            HttpSettings {
                // A server does not restart during a load, so an outage is reported soon.
                longest_pause: Duration::from_secs(2),
                transport,
                ..HttpSettings::default()
            },
            Arc::default(),
            CancellationToken::new(),
        )?;
        Ok(Self(Arc::new(server)))
    }

    /// Writes the cluster: databases, documents, tombstones. Existing databases are extended.
    ///
    /// # Errors
    /// The first error. Documents written before it stay.
    pub async fn load(&self, cluster: &Cluster) -> Result<(), ServerError> {
        self.mark().await?;
        self.write_all(cluster).await
    }

    /// Replaces the cluster on the server with this one.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] if this crate did not create the databases, or the first error.
    pub async fn replace(&self, cluster: &Cluster) -> Result<(), ServerError> {
        let names = self.own_names().await?;
        self.delete_all(&names, &LOCKS).await?;
        if !names.iter().any(|name| name == MARKER) {
            self.create(MARKER).await?;
        }
        self.write_all(cluster).await
    }

    /// Reads all databases of the cluster, including attachments and tombstones, and the revisions.
    ///
    /// # Errors
    /// The first error.
    pub async fn read(&self) -> Result<(Cluster, Revisions), ServerError> {
        let mut names = self.0.databases("").await?;
        names.retain(|name| is_ours(name.plain()));
        let read: Vec<(String, Database, BTreeMap<String, String>)> = stream::iter(names)
            .map(|name| self.read_database(name))
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect()
            .await?;
        let mut cluster = Cluster::default();
        let mut revisions = Revisions::new();
        for (name, database, known) in read {
            revisions.insert(name.clone(), known);
            cluster.databases.insert(name, database);
        }
        Ok((cluster, revisions))
    }

    /// Deletes all databases of a cluster that this crate created, including those that a command
    /// created later.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] if this crate did not create them, or the first error.
    pub async fn wipe(&self) -> Result<(), ServerError> {
        let names = self.own_names().await?;
        self.delete_all(&names, &LOCKS).await?;
        // Last, so that a failed wipe can be repeated.
        self.delete_all(&names, &[MARKER]).await
    }

    async fn names(&self) -> Result<Vec<String>, ServerError> {
        let names = self.0.databases("").await?;
        Ok(names.iter().map(|name| name.plain().to_owned()).collect())
    }

    /// The databases of a server, if its cluster was created by this crate.
    async fn own_names(&self) -> Result<Vec<String>, ServerError> {
        let names = self.names().await?;
        if names.iter().any(|name| name == MARKER) {
            return Ok(names);
        }
        match names.iter().find(|name| is_ours(name)) {
            Some(name) => Err(ServerError::Occupied(name.clone())),
            None => Ok(names),
        }
    }

    /// Marks the databases as created by this crate, unless other databases existed before: an
    /// extended foreign cluster must not be wiped.
    async fn mark(&self) -> Result<(), ServerError> {
        match self.own_names().await {
            Ok(_) => self.create(MARKER).await,
            Err(ServerError::Occupied(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn write_all(&self, cluster: &Cluster) -> Result<(), ServerError> {
        stream::iter(&cluster.databases)
            .map(|(name, database)| self.write(name, database))
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Deletes those of `names` that belong to a cluster, and `others`. Returns when the server no
    /// longer lists them: until then CouchDB answers a new creation with 412.
    async fn delete_all(&self, names: &[String], others: &[&str]) -> Result<(), ServerError> {
        let deleted: Vec<&String> = names
            .iter()
            .filter(|name| is_ours(name) || others.contains(&name.as_str()))
            .collect();
        if deleted.is_empty() {
            return Ok(());
        }
        stream::iter(&deleted)
            .map(|name| self.delete(name))
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        for _ in 0..SETTLE_TRIES {
            let left = self.names().await?;
            if !deleted.iter().any(|name| left.contains(name)) {
                break;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
        Ok(())
    }

    async fn create(&self, name: &str) -> Result<(), ServerError> {
        Ok(self.0.create_database(&database_name(name)?).await?)
    }

    async fn delete(&self, name: &str) -> Result<(), ServerError> {
        Ok(self.0.delete_database(&database_name(name)?).await?)
    }

    async fn write(&self, name: &str, database: &Database) -> Result<(), ServerError> {
        self.create(name).await?;
        let is_single = |id: &str| !database.conflicts.contains_key(id);
        let documents = database.documents.iter();
        let documents = documents.filter(|(id, _)| is_single(id));
        let documents = documents.map(|(id, document)| {
            let text = exact_json::to_string(document).map_err(|error| ServerError::Json {
                what: format!("{name}: {id}"),
                error,
            })?;
            Ok::<_, ServerError>((id, Some(text)))
        });
        // The deletion of an unknown id without a revision creates a tombstone.
        let tombstones = database.deleted.iter().map(|id| Ok((id, None)));
        let rows: Vec<(&String, Option<String>)> = documents
            .chain(tombstones)
            .collect::<Result<_, ServerError>>()?;
        let writes: Vec<Write<'_>> = rows
            .iter()
            .map(|(id, body)| Write {
                id,
                rev: None,
                body: body.as_deref(),
                losers: Vec::new(),
            })
            .collect();
        let leaves = database.revised_leaves();
        let database = database_name(name)?;
        let mut landed = self.0.bulk_docs(&database, &writes, BATCH).await;
        // A node can receive the deletion of a database before it receives its re-creation.
        for _ in 0..SETTLE_TRIES {
            if landed.is_empty() || !landed.iter().all(is_lost) {
                break;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
            self.create(name).await?;
            landed = self.0.bulk_docs(&database, &writes, BATCH).await;
        }
        for (write, landed) in writes.iter().zip(landed) {
            let error = match landed {
                Landed::Written(_) => continue,
                Landed::Conflict => "conflict".to_owned(),
                Landed::Failed(error) => error.to_string(),
            };
            return Err(ServerError::Row {
                database: name.to_owned(),
                id: write.id.to_owned(),
                error,
            });
        }
        self.write_leaves(&database, leaves).await
    }

    /// Writes leaves with explicit revisions, as a replicator does, so that they conflict.
    async fn write_leaves(
        &self,
        database: &DatabaseName,
        leaves: Vec<Document>,
    ) -> Result<(), ServerError> {
        for batch in leaves.chunks(BATCH) {
            let body = json!({"new_edits": false, "docs": batch}).to_string();
            let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs");
            let rows: Vec<Value> = self.json(request.of(database).body(body), database).await?;
            // The answer lists only failures.
            if let Some(row) = rows.first() {
                let text = |key| row.get(key).and_then(Value::as_str).unwrap_or_default();
                return Err(ServerError::Row {
                    database: database.plain().to_owned(),
                    id: text("id").to_owned(),
                    error: text("error").to_owned(),
                });
            }
        }
        Ok(())
    }

    async fn read_database(
        &self,
        legal: DatabaseName,
    ) -> Result<(String, Database, BTreeMap<String, String>), ServerError> {
        let name = legal.plain().to_owned();
        let mut database = Database::default();
        let mut revisions = BTreeMap::new();
        let server = Arc::clone(&self.0);
        let (name_of, inline) = (legal.clone(), Attachments::Inline);
        let mut pages = Pages::of_documents(server, name_of, IdRange::all(), inline, BATCH);
        while let Some(page) = pages.next().await? {
            for read in page {
                let document = parsed(&name, read.text().as_bytes())?;
                let document = self.full_document(&legal, read.id(), document).await?;
                let rev = read.rev().map(ToString::to_string).unwrap_or_default();
                revisions.insert(read.id().to_owned(), rev);
                database.insert(document);
            }
        }
        self.read_other_leaves(&legal, &mut database, &mut revisions)
            .await?;
        Ok((name, database, revisions))
    }

    /// The document without revision and with the content of its attachments. If the listing has
    /// only stubs, the document is read alone.
    async fn full_document(
        &self,
        database: &DatabaseName,
        id: &str,
        mut document: Document,
    ) -> Result<Document, ServerError> {
        let is_stub = |attachment: &Value| attachment.get("data").is_none();
        let stubs = document
            .get("_attachments")
            .and_then(Value::as_object)
            .is_some_and(|all| all.values().any(is_stub));
        if stubs {
            let path = format!("/{}", in_query(id));
            let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path);
            document = self
                .json(request.of(database).query("attachments=true"), database)
                .await?;
        }
        Ok(without_bookkeeping(document))
    }

    /// Reads what `_all_docs` leaves out: tombstones and losing leaves.
    async fn read_other_leaves(
        &self,
        name: &DatabaseName,
        database: &mut Database,
        revisions: &mut BTreeMap<String, String>,
    ) -> Result<(), ServerError> {
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_changes");
        let request = request.of(name).query("style=all_docs");
        let changes: ChangesAnswer = self.json(request, name).await?;
        for change in changes.results {
            if change.deleted {
                let winner = change.changes.into_iter().next();
                let revision = winner.map_or_else(String::new, |leaf| leaf.rev);
                revisions.insert(change.id.clone(), revision);
                database.deleted.insert(change.id);
            } else if change.changes.len() > 1 {
                self.read_conflicts(name, &change.id, database).await?;
            }
        }
        Ok(())
    }

    /// Reads the losing live leaves of a document.
    async fn read_conflicts(
        &self,
        name: &DatabaseName,
        id: &str,
        database: &mut Database,
    ) -> Result<(), ServerError> {
        let path = format!("/{}", in_query(id));
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path).of(name);
        let with_conflicts = request.clone().query("conflicts=true");
        let winner: Document = self.json(with_conflicts, name).await?;
        let losers = winner.get("_conflicts").and_then(Value::as_array);
        for rev in losers.into_iter().flatten().filter_map(Value::as_str) {
            let leaf = self.read_leaf(name, id, rev).await?;
            database.insert_conflict(without_bookkeeping(leaf));
        }
        Ok(())
    }

    /// Reads one leaf with its attachments. A GET would answer multipart if there are attachments.
    async fn read_leaf(
        &self,
        name: &DatabaseName,
        id: &str,
        rev: &str,
    ) -> Result<Document, ServerError> {
        let body = json!({"docs": [{"id": id, "rev": rev}]}).to_string();
        let request = Request::read(Operation::OPEN_DOCS, Method::POST, "/_bulk_get");
        let request = request.of(name).query("attachments=true").body(body);
        let answer: Value = self.json(request, name).await?;
        let leaf = answer.pointer("/results/0/docs/0/ok");
        let leaf = leaf.and_then(Value::as_object).cloned();
        leaf.ok_or_else(|| ServerError::Row {
            database: name.plain().to_owned(),
            id: id.to_owned(),
            error: format!("the leaf {rev} cannot be read"),
        })
    }

    async fn json<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
        database: &DatabaseName,
    ) -> Result<T, ServerError> {
        let response = self.0.send(&request.at_most(LARGEST)).await?;
        parsed(database.plain(), &response.body)
    }
}

fn is_lost(landed: &Landed) -> bool {
    let lost = |kind| matches!(kind, Kind::DatabaseNotFound | Kind::ServerError);
    matches!(landed, Landed::Failed(error) if lost(error.kind()))
}

fn database_name(name: &str) -> Result<DatabaseName, ServerError> {
    DatabaseName::new(name).ok_or_else(|| ServerError::Name(name.to_owned()))
}

fn parsed<T: DeserializeOwned>(what: &str, text: &[u8]) -> Result<T, ServerError> {
    exact_json::from_slice(text).map_err(|error| ServerError::Json {
        what: what.to_owned(),
        error,
    })
}

#[derive(Deserialize)]
struct ChangeRev {
    rev: String,
}

#[derive(Deserialize)]
struct ChangesAnswer {
    results: Vec<ChangeRow>,
}

#[derive(Deserialize)]
struct ChangeRow {
    id: String,
    changes: Vec<ChangeRev>,
    #[serde(default)]
    deleted: bool,
}
