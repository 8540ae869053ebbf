//! CouchDB over HTTP, for a client that reads and writes many documents: one request with its limit
//! and retries, pages of documents, bulk writes, and documents as the text that they came in.
//!
//! Nothing here knows Kazoo.

mod answer;
mod backoff;
mod body;
mod bulk;
mod client;
mod counts;
mod databases;
mod error;
mod identity;
mod keys;
mod limiter;
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
mod turns;
mod url;
mod view;

pub use backoff::Backoff;
pub use body::AnswerBudget;
pub use bulk::{Landed, Write};
pub use client::{Client, Traffic};
pub use counts::DocumentCounts;
pub use document::{DatabaseName, Document, IdRange, Revision, encoded, quoted};
pub use error::{Error, Kind, Operation, Severity};
pub use identity::ClusterIdentity;
pub use limiter::Limiter;
pub use open::Opened;
pub use pages::{Pages, in_query};
pub use request::{Request, Response};
pub use reqwest::Method;
#[cfg(fuzzing)]
pub use rows::fuzzing;
pub use rows::{Attachments, Found, FromRow, Revised};
pub use server::Server;
pub use settings::{HttpSettings, OnOutage};
pub use url::ServerUrl;
pub use view::{InRange, Keyed, Keys};
