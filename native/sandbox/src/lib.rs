//! The part of CouchDB's HTTP API that a bulk client needs, to rehearse on.

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

pub use server::{Sandbox, SandboxConfig, SandboxError, Server};
pub use stats::{Asked, Endpoint, Stats, Traffic};
