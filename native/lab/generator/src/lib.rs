//! Generates deterministic Kazoo clusters: databases and documents, with drift of every kind.
//!
//! Tests, the demo and the command line need clusters like those in production: number documents on
//! both sides, the callflows and trunkstore documents that use them, design documents, and the
//! leftovers of years of imports. This crate generates them from a seed.
//!
//! A [`Plan`] decides for every number, in a few bytes, its account, its usage and its drift.
//! Databases are then built one by one from the plan, each document with a separate random stream.
//! So half a million numbers need not be in memory at once, and two databases agree on a document
//! that both hold. [`generate`] builds all of them as one [`Cluster`]. Intended errors are listed
//! as [`Drift`], which an audit must find.
//!
//! A [`Cluster`] is plain data. It can be written to a CouchDB ([`Cluster::load`]), read back
//! ([`Cluster::read`]) and compared ([`Cluster::differences`]).

mod account_documents;
#[cfg(feature = "proptest")]
pub mod arbitrary;
mod design_documents;
mod difference;
mod documents;
mod drift;
pub mod names;
mod number_documents;
mod options;
mod overlay;
mod plan;
mod prefixes;
mod random;
mod server;
mod statistics;
mod system_config;
mod texts;
mod ugly;

pub use design_documents::number_database_design;
pub use documents::{Cluster, Database, Document};
pub use drift::{Drift, DriftKind};
pub use options::Options;
pub use plan::{Generated, Plan, generate};
pub use server::{
    ClusterServer, MARKER, Revisions, ServerError, claim, is_ours, refuse_if_any,
    refuse_if_occupied,
};
pub use statistics::Statistics;
pub use texts::DatabaseTexts;
pub use ugly::UglyKind;
