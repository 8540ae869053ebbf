//! The cluster lock: a lease that a cluster-wide run holds while it writes.

mod holders;
mod scope;
mod taking;

pub use holders::*;
pub use scope::Scope;
pub(crate) use taking::{Lease, Taken, take, unlock};
