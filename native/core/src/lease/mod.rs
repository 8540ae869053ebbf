//! The cluster lock, which a cluster-wide run holds while it writes and renews before its lease ends.

mod acquire;
mod claim;
mod control;
mod document;
mod entry;
mod held;
mod holder;
mod holders;
mod inbox;
#[cfg(test)]
mod interleavings;
mod operate;
mod renewal;
mod request;
mod scope;
mod status;
mod survey;
mod unlock;

pub use crate::engine::Lock;
pub(crate) use acquire::{Taken, take};
pub use entry::{Entry, Watch};
pub(crate) use held::Lease;
pub use holder::{Holder, RunReport, TakenRequest};
pub use holders::{DATABASE, DOCUMENT, FORMER_DATABASE, FORMER_DOCUMENT, Holders, Verdict};
pub(crate) use operate::{Controlled, ask};
pub use request::{ControlRequest, Order};
pub use scope::Scope;
pub(crate) use status::{entries, status};
pub(crate) use unlock::{Insist, unlock};
