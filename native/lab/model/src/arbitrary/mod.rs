//! Random clusters and commands for property tests.
//!
//! [`cluster`] makes small clusters from few accounts and few numbers, so that collisions are
//! common and shrunk cases are readable. [`call`] makes commands for a cluster, and [`call_of`]
//! calls of one function. Arguments come in all accepted forms; some do not exist or are invalid.

mod calls;
mod clusters;

pub use calls::{call, call_of};
pub use clusters::cluster;
