//! The part of CouchDB's HTTP API that a bulk client needs, to rehearse on.
//!
//! A command that moves numbers between databases should be tried before it is let loose on
//! production, and CouchDB is not always at hand. This is a server to try it on: in memory for a
//! test, or in a directory, with a copy of production in it. It answers as Apache CouchDB 3.4
//! does, to the letter where letters matter: revisions and conflicts, tombstones, failures of a
//! whole request and of one row, the spelling of numbers, the order of ids and of view keys.
//! `tests/conformance` replays what a real one was asked and what it answered, and is the judge.
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
//! How it is built, from the bottom: `json` keeps text as it came; `revtree` knows branches
//! and winners; `store` keeps both in one redb file, where a request that writes is one
//! transaction, and a body lies serialised, so that reading copies and parses nothing; `update`
//! decides which revision follows which; `views` runs map and reduce functions in QuickJS, the
//! engine that CouchDB ships, over keys in the order of `collate`; `http` has one file an
//! endpoint.
//!
//! What it has not: clusters and shards (it calls itself one node with one), replication,
//! continuous feeds, `multipart` bodies, partitions, `_show` and `_list` functions, configuration
//! over HTTP, TLS. Indexes of views are built when they are asked for, and anew after a restart.

mod access;
mod attachment;
mod auth;
mod collate;
mod document;
mod failure;
mod find;
mod hex;
mod http;
mod json;
mod ranks;
mod render;
mod revision;
mod revtree;
mod server;
mod stats;
mod store;
mod update;
mod validation;
mod views;

pub use server::{Sandbox, SandboxConfig, SandboxError, Server, made_up_password};
pub use stats::{Asked, Endpoint, Stats, Traffic};
