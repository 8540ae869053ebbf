//! The cluster lock, which a cluster-wide run holds while it writes and renews before its lease ends.

mod acquire;
mod claim;
mod document;
mod entry;
mod held;
mod holder;
mod holders;
#[cfg(test)]
mod interleavings;
mod renewal;
mod scope;
mod unlock;

pub use crate::engine::Lock;
pub(crate) use acquire::{Taken, take};
pub use entry::{Entry, Watch};
pub(crate) use held::Lease;
pub use holder::Holder;
pub use holders::{DATABASE, DOCUMENT, FORMER_DATABASE, FORMER_DOCUMENT, Holders, Verdict};
pub use scope::Scope;
pub(crate) use unlock::unlock;
