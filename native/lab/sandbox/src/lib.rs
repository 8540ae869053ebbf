//! A server with the part of CouchDB's HTTP API that a bulk client needs.
//!
//! Operators can try a command on it before they run it in production, and tests need no CouchDB.
//! The data are in memory, or in a directory that can hold a copy of production. It answers as
//! Apache CouchDB 3.4 does, exactly where details matter: revisions and conflicts, tombstones,
//! failures of a whole request and of one row, the spelling of numbers, the order of ids and of
//! view keys. `tests/conformance` compares it with recorded answers of a real CouchDB.
//!
//! ```no_run
//! use kazoo_numbers_sandbox::{Endpoint, SandboxConfig, SandboxError, Server};
//!
//! # async fn example() -> Result<(), SandboxError> {
//! let server = Server::start(SandboxConfig::default()).await?;
//! let url = server.url(); // http://admin:secret@127.0.0.1:…
//! // … a client works …
//! assert_eq!(server.stats().requests("POST", Endpoint::BulkDocs), 1);
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Structure, from the bottom: `json` preserves the text of numbers; `revtree` implements branches
//! and winners; `store` keeps both in one redb file, where each writing request is one transaction
//! and bodies are stored serialised, so that reading copies bytes without parsing; `update` assigns
//! revisions; `views` runs map and reduce functions in QuickJS, the engine of CouchDB, over keys in
//! the order of `collate`; `http` has one file for each endpoint.
//!
//! [`LocalServer`] answers calls in the same process, without sockets.
//!
//! Not implemented: clusters and shards (it reports one node with one shard), replication,
//! continuous feeds, `multipart` bodies, partitions, `_show` and `_list` functions, configuration
//! over HTTP, TLS. View indexes are built on request, and again after a restart.

mod access;
mod attachment;
mod auth;
mod collate;
mod direct;
mod document;
mod find;
mod http;
mod json;
mod local;
mod random_id;
mod ranks;
mod render;
mod request_error;
mod revision;
mod revtree;
mod server;
mod stats;
mod store;
mod update;
mod validation;
mod views;

pub use direct::{DirectError, NewDatabase, StoredDatabase, StoredDocument};
pub use local::LocalServer;
pub use server::{Sandbox, SandboxConfig, SandboxError, Server, random_password};
pub use stats::{Endpoint, Stats, StatsKey, TrafficCounts};
