//! The facts about a cluster from earlier runs: for each database, the sequence up to which it was read, and the facts about its
//! documents that rules need. Audits, and commands of the whole cluster, read only what changed since.
//!
//! The index says which documents to look at. A command decides its writes from documents that it reads in the same run
//! (docs/decisions/0017-index.md).

mod entry;
mod known_database;
mod last_states;
mod names;
mod store;
mod witnesses;

pub(crate) use entry::{DocumentFacts, IndexedNumber};
pub(crate) use known_database::{KnownDatabase, OtherDocuments, facts_of};
pub(crate) use last_states::LastStates;
pub(crate) use store::Store;
pub(crate) use witnesses::{LastSeen, Sought, WITNESSES, Witnesses};
