//! Writes a cluster to a CouchDB, reads it back, and takes it away.
//!
//! It says on the server which databases it made ([`MARKER`]), so that a run that was broken off
//! can be cleaned up after, and databases of somebody else are never taken for ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use couchdb::{
    Attachments, DatabaseName, HttpSettings, IdRange, Kind, Landed, Method, Operation, Pages,
    Request, Server, ServerUrl, Write, in_query,
};
use exact_json::{Value, json};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::documents::{Cluster, Database, Document};
use crate::plan::Plan;

/// The database that says that the others were made by this crate.
pub const MARKER: &str = "kazoo_numbers_cluster";

/// Where the commands say which of them write, now and in version 0.1. They belong to no cluster,
/// and go with it.
const LOCKS: [&str; 2] = ["tasks", "kazoo_numbers_maintenance"];

/// Databases beside `account/` and `numbers/` that a cluster can have.
const OTHERS: [&str; 5] = [
    "accounts",
    "numbers_backup",
    "port_requests",
    "system_config",
    "system_data",
];

/// Documents in a request.
const BATCH: usize = 500;
const DATABASES_AT_ONCE: usize = 8;

/// How often, and after how long, CouchDB is asked again while its nodes have not yet learned of a deletion or a creation.
const SETTLE_TRIES: usize = 50;
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// The largest answer that is taken, in bytes: the changes of a whole database are one.
const LARGEST: usize = 1 << 30;

/// The winning revision of every document, tombstones included: database, id, revision.
pub type Revisions = BTreeMap<String, BTreeMap<String, String>>;

/// Why a cluster could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The URL, the connection, or an answer of the server.
    #[error(transparent)]
    CouchDb(#[from] couchdb::Error),
    /// A database of a name that CouchDB refuses.
    #[error("{0} is not the name of a database")]
    Name(String),
    /// Some documents were not written.
    #[error("{database}: {id} was not written: {error}")]
    Row {
        /// The database.
        database: String,
        /// The document's id.
        id: String,
        /// What CouchDB says.
        error: String,
    },
    /// JSON that cannot be read or written.
    #[error("{what}: {error}")]
    Json {
        /// What it is.
        what: String,
        /// What the parser says.
        error: exact_json::Error,
    },
    /// Somebody else's databases are there.
    #[error(
        "the server already holds databases of a Kazoo cluster ({0}, …) that were not made here"
    )]
    Occupied(String),
    /// A cluster that was made here is there.
    #[error("the server already holds a cluster that was made here ({0}, …); wipe takes it away")]
    Made(String),
}

/// Refuses a server that holds databases of a Kazoo cluster which this crate did not make.
///
/// # Errors
/// [`ServerError::Occupied`], or whatever kept the server from answering.
pub async fn refuse_if_occupied(url: &str) -> Result<(), ServerError> {
    ClusterServer::at(url)?.names_if_ours().await.map(drop)
}

/// Refuses a server that holds databases of a Kazoo cluster, this program's included.
///
/// # Errors
/// [`ServerError::Occupied`], [`ServerError::Made`], or whatever kept the server from answering.
pub async fn refuse_if_any(url: &str) -> Result<(), ServerError> {
    let names = ClusterServer::at(url)?.names_if_ours().await?;
    let mut clusters = names
        .into_iter()
        .filter(|name| is_ours(name) && name != MARKER);
    clusters
        .next()
        .map_or(Ok(()), |name| Err(ServerError::Made(name)))
}

/// Declares that whatever this server holds may be added to and wiped: for a server that
/// [`refuse_if_occupied`] would refuse, when whoever runs it has said so.
///
/// # Errors
/// Whatever kept the server from answering.
pub async fn claim(url: &str) -> Result<(), ServerError> {
    ClusterServer::at(url)?.create(MARKER).await
}

impl Cluster {
    /// Writes the whole cluster, as [`ClusterServer::load`] does.
    ///
    /// # Errors
    /// The first thing that went wrong; what was written stays.
    pub async fn load(&self, url: &str) -> Result<(), ServerError> {
        ClusterServer::at(url)?.load(self).await
    }

    /// Reads the whole cluster, as [`ClusterServer::read`] does.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub async fn read(url: &str) -> Result<(Self, Revisions), ServerError> {
        ClusterServer::at(url)?.read().await
    }

    /// Deletes the whole cluster, as [`ClusterServer::wipe`] does.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] where it was not made here; the first thing that went wrong.
    pub async fn wipe(url: &str) -> Result<(), ServerError> {
        ClusterServer::at(url)?.wipe().await
    }
}

impl Plan {
    /// Writes the plan's cluster without ever having all of it in memory.
    ///
    /// # Errors
    /// The first thing that went wrong; what was written stays.
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

fn is_ours(name: &str) -> bool {
    name.starts_with("account/") || name.starts_with("numbers/") || OTHERS.contains(&name)
}

/// A server that clusters are written to and read from.
#[derive(Debug)]
pub struct ClusterServer(Arc<Server>);

impl ClusterServer {
    /// The server at this URL. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL is not one of a CouchDB.
    pub fn at(url: &str) -> Result<Self, ServerError> {
        let server = Server::new(
            ServerUrl::parse(url)?,
            HttpSettings {
                // Nobody restarts a server that is being filled: one that does not answer is reported soon.
                longest_pause: Duration::from_secs(2),
                ..HttpSettings::default()
            },
            Arc::default(),
            CancellationToken::new(),
        )?;
        Ok(Self(Arc::new(server)))
    }

    /// Writes the whole cluster: databases, documents, tombstones. Databases that are there
    /// already are added to.
    ///
    /// # Errors
    /// The first thing that went wrong; what was written stays.
    pub async fn load(&self, cluster: &Cluster) -> Result<(), ServerError> {
        self.mark().await?;
        self.write_all(cluster).await
    }

    /// Makes the server hold this cluster and nothing else of a cluster.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] where the databases there were not made here; the first thing that went wrong.
    pub async fn replace(&self, cluster: &Cluster) -> Result<(), ServerError> {
        let names = self.names_if_ours().await?;
        self.delete_all(&names, &LOCKS).await?;
        if !names.iter().any(|name| name == MARKER) {
            self.create(MARKER).await?;
        }
        self.write_all(cluster).await
    }

    /// Reads every database of a Kazoo cluster with all that is in it, attachments and tombstones
    /// included, and the revisions.
    ///
    /// # Errors
    /// The first thing that went wrong.
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

    /// Deletes every database of a Kazoo cluster from a server on which this crate made them,
    /// those too that a command made since.
    ///
    /// # Errors
    /// [`ServerError::Occupied`] where they were not made here; the first thing that went wrong.
    pub async fn wipe(&self) -> Result<(), ServerError> {
        let names = self.names_if_ours().await?;
        self.delete_all(&names, &LOCKS).await?;
        // Last: what is left of a wipe that fails can be wiped again.
        self.delete_all(&names, &[MARKER]).await
    }

    async fn names(&self) -> Result<Vec<String>, ServerError> {
        let names = self.0.databases("").await?;
        Ok(names.iter().map(|name| name.plain().to_owned()).collect())
    }

    /// The databases of a server whose cluster, if it has one, was made here.
    async fn names_if_ours(&self) -> Result<Vec<String>, ServerError> {
        let names = self.names().await?;
        if names.iter().any(|name| name == MARKER) {
            return Ok(names);
        }
        match names.iter().find(|name| is_ours(name)) {
            Some(name) => Err(ServerError::Occupied(name.clone())),
            None => Ok(names),
        }
    }

    /// Notes that the databases of this server were made here, unless some were there before: what is
    /// added to somebody's cluster does not make it ours to wipe.
    async fn mark(&self) -> Result<(), ServerError> {
        match self.names_if_ours().await {
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

    /// Deletes those of these databases that belong to a cluster, and those of the other names that are there. Returns when the
    /// server no longer lists them: until then CouchDB answers the creation of one with 412, as if it still existed.
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
        Ok(self.0.create_database(&legal(name)?).await?)
    }

    async fn delete(&self, name: &str) -> Result<(), ServerError> {
        Ok(self.0.delete_database(&legal(name)?).await?)
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
        // A deletion without a revision, of an id that never was, leaves a tombstone.
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
        let leaves = leaves(database);
        let database = legal(name)?;
        let mut landed = self.0.bulk_docs(&database, &writes, BATCH).await;
        // A node can learn of the deletion of a database before it learns that the database was created again.
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

    /// Writes leaves with revisions of their own, as a replicator does, so that they conflict.
    async fn write_leaves(
        &self,
        database: &DatabaseName,
        leaves: Vec<Document>,
    ) -> Result<(), ServerError> {
        for batch in leaves.chunks(BATCH) {
            let body = json!({"new_edits": false, "docs": batch}).to_string();
            let request = Request::write(Operation::SAVE_DOCS, Method::POST, "/_bulk_docs");
            let rows: Vec<Value> = self.json(request.of(database).body(body), database).await?;
            // The answer lists those alone that were not written.
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
                let document = self.whole(&legal, read.id(), document).await?;
                let rev = read.rev().map(ToString::to_string).unwrap_or_default();
                revisions.insert(read.id().to_owned(), rev);
                database.insert(document);
            }
        }
        self.read_other_leaves(&legal, &mut database, &mut revisions)
            .await?;
        Ok((name, database, revisions))
    }

    /// The document without its revision, with the content of its attachments. A server that
    /// sends stubs in a listing is asked for the document alone.
    async fn whole(
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

    /// Reads what a listing of documents leaves out: tombstones, and leaves that lost.
    async fn read_other_leaves(
        &self,
        name: &DatabaseName,
        database: &mut Database,
        revisions: &mut BTreeMap<String, String>,
    ) -> Result<(), ServerError> {
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, "/_changes");
        let request = request.of(name).query("style=all_docs");
        let changes: Changes = self.json(request, name).await?;
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

    /// Reads the live leaves of a document that lost against the winner.
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

    /// Reads one leaf with its attachments. A GET would answer as multipart where there are some.
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

/// The document without its revision and those of other leaves, each attachment being its type and its content.
fn without_bookkeeping(mut document: Document) -> Document {
    document.shift_remove("_rev");
    document.shift_remove("_conflicts");
    let attachments = document
        .get_mut("_attachments")
        .and_then(Value::as_object_mut);
    for attachment in attachments.into_iter().flat_map(|all| all.values_mut()) {
        if let Some(members) = attachment.as_object_mut() {
            members.retain(|key, _| key == "content_type" || key == "data");
        }
    }
    document
}

/// All leaves of the documents that have conflicts, with revisions by which the winner wins and
/// the others follow in their order.
fn leaves(database: &Database) -> Vec<Document> {
    let mut leaves = Vec::new();
    for id in database.conflicts.keys() {
        for (place, leaf) in database.leaves(id).enumerate() {
            let hash = u128::MAX - place as u128;
            let mut leaf = leaf.clone();
            leaf.insert("_rev".to_owned(), Value::from(format!("1-{hash:032x}")));
            leaves.push(leaf);
        }
    }
    leaves
}

fn is_lost(landed: &Landed) -> bool {
    let lost = |kind| matches!(kind, Kind::DatabaseNotFound | Kind::ServerError);
    matches!(landed, Landed::Failed(error) if lost(error.kind()))
}

fn legal(name: &str) -> Result<DatabaseName, ServerError> {
    DatabaseName::new(name).ok_or_else(|| ServerError::Name(name.to_owned()))
}

fn parsed<T: DeserializeOwned>(what: &str, text: &[u8]) -> Result<T, ServerError> {
    exact_json::from_slice(text).map_err(|error| ServerError::Json {
        what: what.to_owned(),
        error,
    })
}

#[derive(Deserialize)]
struct Rev {
    rev: String,
}

#[derive(Deserialize)]
struct Changes {
    results: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    id: String,
    changes: Vec<Rev>,
    #[serde(default)]
    deleted: bool,
}
