//! The states of databases: their sequences (`_dbs_info`), and which of them changed (`_db_updates`).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use futures::future::try_join_all;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use document::DatabaseName;

use super::answer::{parsed, rows, sequence, unexpected};
use super::body::LARGEST_LIST;
use super::error::{Error, Operation};
use super::kind::Kind;
use super::pages::in_query;
use super::request::Request;
use super::server::Server;

/// The most databases in one request; CouchDB's own limit (`max_db_number_for_dbs_info_req`).
pub const DATABASES_AT_ONCE: usize = 100;

/// The database in which CouchDB keeps its feed of updates. Without it there is no feed.
const FEED: &str = "_global_changes";

/// The state of a database (`POST /_dbs_info`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// The sequence of the last change. Opaque; it changes with each change, and can change without one.
    pub update_seq: String,
    /// The sequence of the last purge.
    pub purge_seq: String,
    /// The time at which the database was created, in the form of the server. `"0"` before CouchDB 3.3.
    pub instance_start_time: String,
    /// The number of documents, design documents included.
    pub documents: u64,
    /// The size of all documents in bytes, without compression. The same on each node, and before and after a compaction.
    pub external_size: u64,
}

/// The databases that changed after a sequence of the feed (`GET /_db_updates`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUpdates {
    /// The databases that were created, changed or deleted.
    pub databases: BTreeSet<DatabaseName>,
    /// The sequence after them.
    pub last_seq: String,
    /// The time at which the feed's own database was created. After that, earlier updates are not in it.
    pub feed_created: String,
}

#[derive(Deserialize)]
struct InfoRow<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(deserialize_with = "sequence")]
    update_seq: String,
    #[serde(deserialize_with = "sequence", default)]
    purge_seq: String,
    #[serde(default)]
    instance_start_time: String,
    doc_count: u64,
    #[serde(default)]
    sizes: Sizes,
}

#[derive(Deserialize, Default)]
struct Sizes {
    #[serde(default)]
    external: u64,
}

#[derive(Deserialize)]
struct Updates<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    results: Vec<Updated<'a>>,
    #[serde(deserialize_with = "sequence")]
    last_seq: String,
}

#[derive(Deserialize)]
struct Updated<'a> {
    #[serde(borrow)]
    db_name: Cow<'a, str>,
}

impl Server {
    /// The states of databases. A database that does not exist is left out.
    ///
    /// # Errors
    /// The request failed, or this user may not ask, or the version of CouchDB has no such request.
    pub async fn database_states(
        &self,
        databases: &[DatabaseName],
    ) -> Result<HashMap<DatabaseName, DatabaseState>, Error> {
        let some = databases.chunks(DATABASES_AT_ONCE);
        let states = try_join_all(some.map(|some| self.some_states(some))).await?;
        Ok(states.into_iter().flatten().collect())
    }

    async fn some_states(
        &self,
        databases: &[DatabaseName],
    ) -> Result<Vec<(DatabaseName, DatabaseState)>, Error> {
        let names: Vec<&str> = databases.iter().map(DatabaseName::plain).collect();
        let request = Request::read(Operation::LIST_DATABASES, Method::POST, "/_dbs_info")
            .body(json!({ "keys": names }).to_string())
            .at_most(LARGEST_LIST);
        self.send_repeatedly(request, |response| {
            if !response.status.is_success() {
                let operation = Operation::LIST_DATABASES;
                return Err(unexpected(operation, &response, "_dbs_info", None));
            }
            let rows: Vec<InfoRow<'_>> = parsed(Operation::LIST_DATABASES, &response, "_dbs_info")?;
            let state_of = |row: InfoRow<'_>| {
                let info = row.info?;
                let state = DatabaseState {
                    update_seq: info.update_seq,
                    purge_seq: info.purge_seq,
                    instance_start_time: info.instance_start_time,
                    documents: info.doc_count,
                    external_size: info.sizes.external,
                };
                Some((DatabaseName::new(&row.key)?, state))
            };
            Ok(rows.into_iter().filter_map(state_of).collect())
        })
        .await
    }

    /// The databases that changed after a sequence of the feed. `since`: `None` for the sequence of now, without databases.
    ///
    /// CouchDB writes the feed about half a second after a change, and loses what it has not written when a node stops.
    ///
    /// # Errors
    /// The request failed, or there is no feed, or this user may not read it.
    pub async fn database_updates(&self, since: Option<&str>) -> Result<DatabaseUpdates, Error> {
        let operation = Operation::LIST_DATABASES;
        // Asked first: a feed that is made again in between has another time the next time.
        let feed = DatabaseName::new(FEED).into_iter().collect::<Vec<_>>();
        let Some((_, feed)) = self.some_states(&feed).await?.pop() else {
            let line = format!("there is no database {FEED}");
            return Err(Error::new(Kind::NotFound, operation, line));
        };
        let query = format!("since={}", in_query(since.unwrap_or("now")));
        let request = Request::read(operation, Method::GET, "/_db_updates")
            .query(&query)
            .at_most(LARGEST_LIST);
        self.send_repeatedly(request, |response| {
            if !response.status.is_success() {
                return Err(unexpected(operation, &response, "_db_updates", None));
            }
            let updates: Updates<'_> = parsed(operation, &response, "_db_updates")?;
            let names = updates.results.iter();
            Ok(DatabaseUpdates {
                databases: names
                    .filter_map(|row| DatabaseName::new(&row.db_name))
                    .collect(),
                last_seq: updates.last_seq,
                feed_created: feed.instance_start_time.clone(),
            })
        })
        .await
    }
}
