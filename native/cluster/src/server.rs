//! Writes a cluster to a CouchDB, reads it back, and takes it away.
//!
//! It says on the server which databases it made ([`MARKER`]), so that a run that was broken off
//! can be cleaned up after, and databases of somebody else are never taken for ours.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::documents::{Cluster, Database, Document, object};
use crate::names::encoded;
use crate::plan::Plan;

/// The database that says that the others were made by this crate.
pub const MARKER: &str = "kazoo_numbers_cluster";

/// Where the commands say which of them write. It belongs to no cluster, and goes with it.
const LOCK: &str = "kazoo_numbers_maintenance";

/// Databases beside `account/` and `numbers/` that a cluster can have.
const OTHERS: [&str; 5] = [
    "accounts",
    "numbers_backup",
    "port_requests",
    "system_config",
    "system_data",
];

const BATCH_DOCUMENTS: usize = 500;
const BATCH_BYTES: usize = 4 << 20;
const DATABASES_AT_ONCE: usize = 8;

/// The winning revision of every document, tombstones included: database, id, revision.
pub type Revisions = BTreeMap<String, BTreeMap<String, String>>;

/// Why a cluster could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The URL is none, or not one of HTTP.
    #[error("not the URL of a CouchDB")]
    Url,
    /// No answer, or a broken one.
    #[error("{what}: {error}")]
    Transport {
        /// What was asked.
        what: String,
        /// What the client says (without the URL, which holds a password).
        error: reqwest::Error,
    },
    /// An answer that was not hoped for.
    #[error("{what}: {status} {body}")]
    Status {
        /// What was asked.
        what: String,
        /// The status of the answer.
        status: u16,
        /// The start of the answer.
        body: String,
    },
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
    /// The answer is no JSON, or of another form than CouchDB's.
    #[error("{what}: {error}")]
    Json {
        /// What was asked.
        what: String,
        /// What the parser says.
        error: serde_json::Error,
    },
    /// Somebody else's databases are there.
    #[error(
        "the server already holds databases of a Kazoo cluster ({0}, …) that were not made here"
    )]
    Occupied(String),
}

/// Refuses a server that holds databases of a Kazoo cluster which this crate did not make.
///
/// # Errors
/// [`ServerError::Occupied`], or whatever kept the server from answering.
pub async fn refuse_if_occupied(url: &str) -> Result<(), ServerError> {
    let server = Server::at(url)?;
    let names = server.all_databases().await?;
    if names.iter().any(|name| name == MARKER) {
        return Ok(());
    }
    match names.into_iter().find(|name| is_ours(name)) {
        Some(name) => Err(ServerError::Occupied(name)),
        None => Ok(()),
    }
}

/// Declares that whatever this server holds may be added to and wiped: for a server that
/// [`refuse_if_occupied`] would refuse, when whoever runs it has said so.
///
/// # Errors
/// Whatever kept the server from answering.
pub async fn claim(url: &str) -> Result<(), ServerError> {
    Server::at(url)?.create(MARKER).await
}

/// Notes that the databases of this server were made here, unless some were there before: what is
/// added to somebody's cluster does not make it ours to wipe.
async fn mark(url: &str, server: &Server) -> Result<(), ServerError> {
    match refuse_if_occupied(url).await {
        Ok(()) => server.create(MARKER).await,
        Err(ServerError::Occupied(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Cluster {
    /// Writes the whole cluster: databases, documents, tombstones. Databases that are there
    /// already are added to.
    ///
    /// # Errors
    /// The first thing that went wrong; what was written stays.
    pub async fn load(&self, url: &str) -> Result<(), ServerError> {
        let server = Server::at(url)?;
        mark(url, &server).await?;
        stream::iter(&self.databases)
            .map(|(name, database)| server.write(name, database))
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// Reads every database of a Kazoo cluster with all that is in it, attachments and tombstones
    /// included, and the revisions.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub async fn read(url: &str) -> Result<(Self, Revisions), ServerError> {
        let server = Server::at(url)?;
        let names = server.all_databases().await?;
        let read: Vec<(String, Database, BTreeMap<String, String>)> =
            stream::iter(names.into_iter().filter(|name| is_ours(name)))
                .map(|name| server.read(name))
                .buffer_unordered(DATABASES_AT_ONCE)
                .try_collect()
                .await?;
        let mut cluster = Self::default();
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
    pub async fn wipe(url: &str) -> Result<(), ServerError> {
        refuse_if_occupied(url).await?;
        let server = Server::at(url)?;
        let names = server.all_databases().await?;
        stream::iter(names.iter().filter(|name| is_ours(name)))
            .map(|name| server.delete(name))
            .buffer_unordered(DATABASES_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        server.delete(LOCK).await?;
        server.delete(MARKER).await
    }
}

impl Plan {
    /// Writes the plan's cluster without ever having all of it in memory.
    ///
    /// # Errors
    /// The first thing that went wrong; what was written stays.
    pub async fn load(&self, url: &str) -> Result<(), ServerError> {
        let server = Server::at(url)?;
        mark(url, &server).await?;
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

struct Server {
    client: Client,
    root: String,
    user: Option<(String, Option<String>)>,
}

impl Server {
    fn at(url: &str) -> Result<Self, ServerError> {
        let mut url = Url::parse(url).map_err(|_| ServerError::Url)?;
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let user = (!url.username().is_empty())
            .then(|| (decoded(url.username()), url.password().map(decoded)));
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(ServerError::Url);
        }
        // The system's certificates take longer to read than a small cluster does.
        let client = Client::builder()
            .tls_built_in_root_certs(url.scheme() == "https")
            .build()
            .map_err(|error| ServerError::Transport {
                what: String::from("the HTTP client"),
                error,
            })?;
        Ok(Self {
            client,
            root: String::from(url.as_str().trim_end_matches('/')),
            user,
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        fine: &[StatusCode],
    ) -> Result<Vec<u8>, ServerError> {
        let what = format!("{method} /{path}");
        let mut request = self.client.request(method, format!("{}/{path}", self.root));
        if let Some((user, password)) = &self.user {
            request = request.basic_auth(user, password.as_ref());
        }
        request = request.header("accept", "application/json");
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let transport = |error: reqwest::Error| ServerError::Transport {
            what: what.clone(),
            error: error.without_url(),
        };
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        let body = response.bytes().await.map_err(transport)?;
        if status.is_success() || fine.contains(&status) {
            return Ok(body.to_vec());
        }
        let body = String::from_utf8_lossy(&body);
        Err(ServerError::Status {
            what,
            status: status.as_u16(),
            body: body.trim_end().chars().take(300).collect(),
        })
    }

    async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, ServerError> {
        let what = format!("{method} /{path}");
        let answer = self.ask(method, path, body, &[]).await?;
        serde_json::from_slice(&answer).map_err(|error| ServerError::Json { what, error })
    }

    async fn all_databases(&self) -> Result<Vec<String>, ServerError> {
        self.json(Method::GET, "_all_dbs", None).await
    }

    async fn create(&self, name: &str) -> Result<(), ServerError> {
        let there = [StatusCode::PRECONDITION_FAILED];
        let path = encoded(name);
        self.ask(Method::PUT, &path, None, &there).await.map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), ServerError> {
        let gone = [StatusCode::NOT_FOUND];
        let path = encoded(name);
        self.ask(Method::DELETE, &path, None, &gone).await.map(drop)
    }

    async fn write(&self, name: &str, database: &Database) -> Result<(), ServerError> {
        self.create(name).await?;
        let mut batch = Batch::default();
        for document in database.documents.values() {
            batch.push(name, document)?;
            if batch.is_full() {
                self.write_batch(name, std::mem::take(&mut batch)).await?;
            }
        }
        // A deletion without a revision, of an id that never was, leaves a tombstone.
        for id in &database.deleted {
            batch.push(name, &object(json!({"_id": id, "_deleted": true})))?;
            if batch.is_full() {
                self.write_batch(name, std::mem::take(&mut batch)).await?;
            }
        }
        self.write_batch(name, batch).await
    }

    async fn write_batch(&self, name: &str, batch: Batch) -> Result<(), ServerError> {
        if batch.rows == 0 {
            return Ok(());
        }
        let path = format!("{}/_bulk_docs", encoded(name));
        let rows: Vec<WrittenRow> = self.json(Method::POST, &path, Some(batch.body())).await?;
        match rows.into_iter().find(|row| row.error.is_some()) {
            Some(row) => Err(ServerError::Row {
                database: String::from(name),
                id: row.id.unwrap_or_default(),
                error: format!(
                    "{} {}",
                    row.error.unwrap_or_default(),
                    row.reason.unwrap_or_default()
                ),
            }),
            None => Ok(()),
        }
    }

    async fn read(
        &self,
        name: String,
    ) -> Result<(String, Database, BTreeMap<String, String>), ServerError> {
        let base = encoded(&name);
        let mut database = Database::default();
        let mut revisions = BTreeMap::new();
        let mut start: Option<String> = None;
        loop {
            let mut path = format!(
                "{base}/_all_docs?include_docs=true&attachments=true&limit={}",
                BATCH_DOCUMENTS + 1
            );
            if let Some(start) = &start {
                path.push_str("&startkey=");
                path.push_str(&encoded(&json!(start).to_string()));
            }
            let mut page: Page = self.json(Method::GET, &path, None).await?;
            let next = if page.rows.len() > BATCH_DOCUMENTS {
                page.rows.pop().map(|row| row.id)
            } else {
                None
            };
            for row in page.rows {
                let document = self.whole(&base, row.doc.unwrap_or_default()).await?;
                revisions.insert(row.id, row.value.rev);
                database.insert(document);
            }
            if next.is_none() {
                break;
            }
            start = next;
        }
        self.read_tombstones(&base, &mut database, &mut revisions)
            .await?;
        Ok((name, database, revisions))
    }

    /// The document without its revision, with the content of its attachments. A server that
    /// sends stubs in a listing is asked for the document alone.
    async fn whole(&self, base: &str, mut document: Document) -> Result<Document, ServerError> {
        let is_stub = |attachment: &Value| attachment.get("data").is_none();
        let stubs = document
            .get("_attachments")
            .and_then(Value::as_object)
            .is_some_and(|all| all.values().any(is_stub));
        if stubs {
            let id = document.get("_id").and_then(Value::as_str).unwrap_or("");
            let path = format!("{base}/{}?attachments=true", encoded(id));
            document = self.json(Method::GET, &path, None).await?;
        }
        document.shift_remove("_rev");
        let attachments = document
            .get_mut("_attachments")
            .and_then(Value::as_object_mut);
        for attachment in attachments.into_iter().flat_map(|all| all.values_mut()) {
            if let Some(members) = attachment.as_object_mut() {
                members.retain(|key, _| key == "content_type" || key == "data");
            }
        }
        Ok(document)
    }

    async fn read_tombstones(
        &self,
        base: &str,
        database: &mut Database,
        revisions: &mut BTreeMap<String, String>,
    ) -> Result<(), ServerError> {
        let path = format!("{base}/_changes");
        let changes: Changes = self.json(Method::GET, &path, None).await?;
        let mut seen = BTreeSet::new();
        for change in changes.results {
            if change.deleted && seen.insert(change.id.clone()) {
                let revision = change.changes.into_iter().next();
                revisions.insert(
                    change.id.clone(),
                    revision.map_or_else(String::new, |r| r.rev),
                );
                database.deleted.insert(change.id);
            }
        }
        Ok(())
    }
}

/// Documents on their way, as text already, so that their size is known.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    rows: usize,
}

impl Batch {
    fn push(&mut self, database: &str, document: &Document) -> Result<(), ServerError> {
        self.text.push(if self.rows == 0 { b' ' } else { b',' });
        self.rows += 1;
        let mut serializer = serde_json::Serializer::new(&mut self.text);
        document
            .serialize(&mut serializer)
            .map_err(|error| ServerError::Json {
                what: String::from(database),
                error,
            })
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_DOCUMENTS || self.text.len() >= BATCH_BYTES
    }

    fn body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.text.len() + 12);
        body.extend_from_slice(b"{\"docs\":[");
        body.extend_from_slice(&self.text);
        body.extend_from_slice(b"]}");
        body
    }
}

#[derive(Deserialize)]
struct WrittenRow {
    id: Option<String>,
    error: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    value: Rev,
    doc: Option<Document>,
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
