//! Keeps Kazoo's number databases and account databases equal.
//!
//! A [`command`] is parsed from a name and arguments, or refused in one line. It *reads* documents through [`couchdb`], the only
//! crate that knows HTTP. It *plans* changes: [`plan`] has pure functions from documents to changes. It *applies* the changes in
//! batches with the revisions that were read, and *reports* CouchDB's answers. Only [`kazoo`] knows Kazoo's conventions. The
//! trait in [`host`] separates the library from its environment, which is Kazoo or a standalone program.
//!
//! This crate prints nothing and does not know Erlang.

pub mod command;
mod commands;
pub mod connection;
mod engine;
#[cfg(test)]
mod explore;
pub mod host;
mod index;
pub mod journal;
pub mod kazoo;
pub mod lease;
pub mod operation;
pub mod plan;
pub mod reason;
mod repair;
pub mod report;
pub mod run;
mod selection;
pub mod watch;

pub use couchdb::{self, Error, Kind, Operation};
pub use document;
