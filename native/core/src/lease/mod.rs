//! The cluster lock: a lease that a cluster-wide run holds while it writes.

mod holders;
mod taking;

pub use holders::*;
pub(crate) use taking::{Taken, take, unlock};
