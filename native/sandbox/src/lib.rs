//! The part of CouchDB's HTTP API that a bulk client needs, to rehearse on.

#![expect(dead_code, reason = "views and selectors are still to come")]

mod access;
mod attachment;
mod auth;
mod document;
mod failure;
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

pub use server::{Sandbox, SandboxConfig, SandboxError, Server};
pub use stats::{Asked, Endpoint, Stats, Traffic};
