//! Counts requests, so that tests can limit the requests of a command.

use axum::http::Method;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The kind of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/`, `/_up`, `/_uuids` and similar
    Server,
    /// `/_session`
    Session,
    /// `/_all_dbs`
    AllDbs,
    /// `/_dbs_info`
    DbsInfo,
    /// `/_db_updates`
    DbUpdates,
    /// `/db`
    Database,
    /// `/db/_security`
    Security,
    /// `/db/_all_docs`, and `_design_docs`
    AllDocs,
    /// `/db/_bulk_docs`
    BulkDocs,
    /// `/db/_bulk_get`
    BulkGet,
    /// `/db/_changes`
    Changes,
    /// `/db/_find`, and `_index`
    Find,
    /// `/db/_local/…`, and `_local_docs`
    Local,
    /// `/db/_design/ddoc`
    Design,
    /// `/db/_design/ddoc/_view/view`
    View,
    /// `/db/doc`
    Document,
    /// `/db/doc/attachment`
    Attachment,
    /// `/db/_compact`, `_revs_diff` and similar
    Maintenance,
    /// `/_sandbox/…`, which is not counted
    Sandbox,
}

impl Endpoint {
    /// The name in `GET /_sandbox/stats`.
    pub fn as_str(self) -> &'static str {
        match self {
            Endpoint::Server => "server",
            Endpoint::Session => "session",
            Endpoint::AllDbs => "all_dbs",
            Endpoint::DbsInfo => "dbs_info",
            Endpoint::DbUpdates => "db_updates",
            Endpoint::Database => "database",
            Endpoint::Security => "security",
            Endpoint::AllDocs => "all_docs",
            Endpoint::BulkDocs => "bulk_docs",
            Endpoint::BulkGet => "bulk_get",
            Endpoint::Changes => "changes",
            Endpoint::Find => "find",
            Endpoint::Local => "local",
            Endpoint::Design => "design",
            Endpoint::View => "view",
            Endpoint::Document => "document",
            Endpoint::Attachment => "attachment",
            Endpoint::Maintenance => "maintenance",
            Endpoint::Sandbox => "sandbox",
        }
    }

    /// The endpoint of a path.
    pub(crate) fn of(path: &[Option<String>]) -> Self {
        let part = |index: usize| path.get(index).and_then(Option::as_deref).unwrap_or("");
        match (part(0), path.len()) {
            ("_sandbox", _) => Endpoint::Sandbox,
            ("_session", _) => Endpoint::Session,
            ("_all_dbs", _) => Endpoint::AllDbs,
            ("_dbs_info", _) => Endpoint::DbsInfo,
            ("_db_updates", _) => Endpoint::DbUpdates,
            ("_up" | "_uuids" | "_active_tasks" | "_membership", _) | (_, 0) => Endpoint::Server,
            (_, 1) => Endpoint::Database,
            (_, depth) => Self::in_database(part(1), part(3), depth),
        }
    }

    fn in_database(first: &str, third: &str, depth: usize) -> Self {
        match first {
            "_security" => Endpoint::Security,
            "_all_docs" | "_design_docs" => Endpoint::AllDocs,
            "_bulk_docs" => Endpoint::BulkDocs,
            "_bulk_get" => Endpoint::BulkGet,
            "_changes" => Endpoint::Changes,
            "_find" | "_index" | "_explain" => Endpoint::Find,
            "_local" | "_local_docs" => Endpoint::Local,
            "_design" if third == "_view" => Endpoint::View,
            "_design" => Endpoint::Design,
            _ if first.starts_with("_local/") => Endpoint::Local,
            _ if first.starts_with("_design/") => Endpoint::Design,
            _ if first.starts_with('_') => Endpoint::Maintenance,
            _ if depth > 2 => Endpoint::Attachment,
            _ => Endpoint::Document,
        }
    }

    /// The database in a path.
    pub(crate) fn database(self, path: &[Option<String>]) -> Option<String> {
        match self {
            Endpoint::Server
            | Endpoint::Session
            | Endpoint::AllDbs
            | Endpoint::DbsInfo
            | Endpoint::DbUpdates
            | Endpoint::Sandbox => None,
            _ => path.first().cloned().flatten(),
        }
    }
}

/// The key that requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatsKey {
    /// The HTTP method.
    pub method: String,
    /// The kind of endpoint.
    pub endpoint: Endpoint,
    /// The database. None for requests to the server itself.
    pub database: Option<String>,
}

/// Counts of requests and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrafficCounts {
    /// Answered requests, successful or not.
    pub requests: u64,
    /// Bytes in the bodies of requests.
    pub bytes_in: u64,
    /// Bytes in the bodies of answers.
    pub bytes_out: u64,
}

impl TrafficCounts {
    fn add(&mut self, other: TrafficCounts) {
        self.requests += other.requests;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

/// All counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The total.
    pub total: TrafficCounts,
    /// One row for each method, endpoint and database.
    pub by_endpoint: BTreeMap<StatsKey, TrafficCounts>,
}

impl Stats {
    /// The number of requests with a method to an endpoint in all databases.
    pub fn requests(&self, method: &str, endpoint: Endpoint) -> u64 {
        self.sum(|key| key.method == method && key.endpoint == endpoint)
    }

    /// The number of requests with a method to an endpoint in one database.
    pub fn requests_in(&self, database: &str, method: &str, endpoint: Endpoint) -> u64 {
        self.sum(|key| {
            key.method == method
                && key.endpoint == endpoint
                && key.database.as_deref() == Some(database)
        })
    }

    fn sum(&self, wanted: impl Fn(&StatsKey) -> bool) -> u64 {
        self.by_endpoint
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|(_, traffic)| traffic.requests)
            .sum()
    }
}

/// Counts requests as they arrive.
#[derive(Debug, Default)]
pub(crate) struct StatsRecorder {
    stats: Mutex<Stats>,
}

impl StatsRecorder {
    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(
        &self,
        method: &Method,
        endpoint: Endpoint,
        database: Option<&str>,
        received: usize,
        sent: usize,
    ) {
        let traffic = TrafficCounts {
            requests: 1,
            bytes_in: received as u64,
            bytes_out: if method == Method::HEAD {
                0
            } else {
                sent as u64
            },
        };
        let key = StatsKey {
            method: method.to_string(),
            endpoint,
            database: database.map(str::to_owned),
        };
        let mut stats = self.lock();
        stats.total.add(traffic);
        stats.by_endpoint.entry(key).or_default().add(traffic);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().clone()
    }

    pub(crate) fn reset(&self) {
        *self.lock() = Stats::default();
    }
}
