//! Keeps Kazoo's number databases and account databases in step.
//!
//! A [`command`] is read from a name and its arguments, or refused in one line. It *reads* the
//! documents that it is about (through [`couchdb`], the only place that knows HTTP), *plans* what
//! must change ([`plan`], pure functions from documents to changes), *applies* that in batches
//! with the revisions that were read, and *reports* what CouchDB answered. What Kazoo is, how its
//! databases are named and its documents look, stands in [`kazoo`] and nowhere else. Where the
//! library runs, inside Kazoo or alone, is behind [`host`].
//!
//! Nothing here prints, and nothing here knows Erlang.

pub mod command;
mod commands;
pub mod connection;
mod engine;
pub mod host;
pub mod journal;
pub mod kazoo;
pub mod lease;
pub mod operation;
pub mod plan;
mod repair;
pub mod report;
pub mod run;
mod selection;

pub use couchdb::{self, Error, Kind, Operation};
pub use document;
