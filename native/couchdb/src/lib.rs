//! A CouchDB client for reading and writing many documents: requests with a limit and retries,
//! pages of documents, bulk writes, and documents kept as the text that CouchDB sent.
//!
//! This crate knows nothing about Kazoo.

mod access;
mod answer;
mod backoff;
mod body;
mod bulk;
mod cancel;
mod changes;
mod client;
mod client_errors;
mod counts;
mod database_states;
mod databases;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod identity;
mod include;
mod keys;
mod kind;
mod layers;
mod milliseconds;
mod open;
mod page_size;
mod pages;
mod probe;
mod request;
mod retry;
mod rows;
mod server;
mod settings;
mod tls;
mod transport;
mod url;
mod view;

pub use backoff::Backoff;
pub use body::AnswerBudget;
pub use bulk::{Landed, Write};
pub use cancel::Cancel;
pub use changes::{ChangesPage, DocumentChange, LastChanges};
pub use client::Client;
pub use database_states::{DATABASES_AT_ONCE, DatabaseState, DatabaseUpdates};
pub use document::{DatabaseName, Document, IdRange, Revision, encoded, quoted};
pub use error::{Error, Operation};
pub use health::{Index, Nodes, Product, UserContext};
pub use identity::ClusterIdentity;
pub use include::Attachments;
pub use kind::{Kind, Severity};
pub use layers::{Limiter, Pace, Rate};
pub use milliseconds::milliseconds;
pub use open::OpenedDocument;
pub use pages::{Pages, in_query};
pub use request::{Request, Response};
pub use reqwest::header::HeaderMap;
pub use reqwest::{Method, StatusCode};
pub use rows::{Found, FromRow, Revised};
pub use server::Server;
pub use settings::{HttpSettings, OnOutage};
pub use transport::{
    BodyStream, NetworkTransport, Traffic, Transport, TransportError, TransportRequest,
    TransportResponse,
};
pub use url::ServerUrl;
pub use view::{Keyed, Keys, ViewRows};
