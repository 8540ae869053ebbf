//! A CouchDB client for reading and writing many documents: requests with a limit and retries,
//! pages of documents, bulk writes, and documents kept as the text that CouchDB sent.
//!
//! This crate knows nothing about Kazoo.

mod answer;
mod body;
mod bulk;
mod client;
mod counts;
mod databases;
mod document;
mod error;
mod identity;
mod limiter;
mod name;
mod open;
mod page_size;
mod pages;
mod probe;
mod queue;
mod request;
mod retry;
mod revision;
mod server;
mod settings;
mod tls;
mod url;
mod view;

pub use body::AnswerBudget;
pub use bulk::{Landed, Write};
pub use client::{Client, Traffic};
pub use counts::DocumentCounts;
pub use document::{Digest, Object, elements, is_about_revisions, quoted, string};
pub use error::{Error, Kind, Operation};
pub use identity::ClusterIdentity;
pub use limiter::Limiter;
pub use name::{DatabaseName, encoded};
pub use open::OpenedDocument;
#[cfg(fuzzing)]
pub use pages::fuzzing;
pub use pages::{Found, Include, Page, Pages, Range, Row, in_query};
pub use request::{Request, Response};
pub use reqwest::Method;
pub use revision::Revision;
pub use server::Server;
pub use settings::{HttpSettings, OnOutage};
pub use url::ServerUrl;
pub use view::{Keyed, Keys, ViewRows};
