//! A deterministic Kazoo cluster: its databases and documents, with drift of every kind.
//!
//! Tests, the demo and the command line need clusters that look like those that operators have:
//! number documents on both sides, the callflows and trunkstore documents that use them, design
//! documents, and all that years of imports leave behind. This crate makes them up from a seed.
//!
//! A [`Plan`] decides for every number in a few bytes what becomes of it: its account, what uses
//! it, what is wrong with it. Databases are then made from the plan one by one, each document
//! from a stream of chance of its own, so that half a million numbers need not be in memory at
//! once and two databases agree on a document that both of them hold. [`generate`] makes them
//! all into one [`Cluster`]. What was broken on purpose is listed as [`Drift`], which is what
//! an audit has to find.
//!
//! A [`Cluster`] is plain data. It can be written to a CouchDB ([`Cluster::load`]), read back
//! ([`Cluster::read`]), and compared ([`Cluster::differences`]).

mod account_documents;
#[cfg(feature = "proptest")]
pub mod arbitrary;
mod design_documents;
mod dice;
mod difference;
mod documents;
mod drift;
pub mod names;
mod number_documents;
mod options;
mod overlay;
mod plan;
mod prefixes;
mod server;
mod statistics;
mod system_config;
mod ugly;

pub use design_documents::number_database_design;
pub use documents::{Cluster, Database, Document};
pub use drift::{Drift, DriftKind};
pub use options::Options;
pub use plan::{Generated, Plan, generate};
pub use server::{
    ClusterServer, MARKER, Revisions, ServerError, claim, refuse_if_any, refuse_if_occupied,
};
pub use statistics::Statistics;
pub use ugly::UglyKind;
