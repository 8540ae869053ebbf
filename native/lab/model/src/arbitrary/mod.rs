//! Random clusters and random commands, for property tests.
//!
//! [`cluster`] makes small clusters out of few accounts and few numbers, so that collisions of
//! every kind are common and shrunk cases are readable. [`call`] makes commands for any cluster,
//! and [`call_of`] those of one function; their arguments come in all the forms of contract
//! section 2, and are sometimes absent, sometimes no number, now and then bogus.

mod calls;
mod clusters;

pub use calls::{call, call_of};
pub use clusters::cluster;
