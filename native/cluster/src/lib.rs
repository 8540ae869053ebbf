//! A deterministic Kazoo cluster: its databases and documents, with drift of every kind.

mod documents;

pub use documents::{Cluster, Database, Document};
