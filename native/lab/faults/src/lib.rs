//! An HTTP proxy between a client and its CouchDB that breaks things, the same way each time.
//!
//! Networks lose answers, servers stall, load balancers answer in HTML. What a client makes of
//! that decides whether documents are lost, so it is tested: a [`Proxy`] stands before a real
//! server, and a [`Schedule`] says which [`Fault`] strikes which requests, how likely and how
//! often. Chance comes from a seed and from what is asked, not from the order in which requests
//! happen to arrive: a case that failed fails again.
//!
//! The proxy is a [`Witness`] too. It knows which revisions of which documents were delivered,
//! and so whether a write replaces something that was never read. A [`Bystander`] gets to act
//! between the server's answer and its delivery, which is where another writer hurts most.
//!
//! `arbitrary` has strategies for schedules, `asked` sorts requests, `distort` breaks bodies,
//! `port` can be closed for a while, `upstream` is the way to the server.

pub mod arbitrary;
mod asked;
mod distort;
mod fault;
mod port;
mod proxy;
mod schedule;
mod upstream;
mod witness;

pub use asked::{Asked, Kind};
pub use fault::{Fault, RetryAfter};
pub use proxy::{Bystander, Passed, Proxy, ProxyError};
pub use schedule::{Hits, On, Rule, Schedule};
pub use upstream::{Answer, Upstream};
pub use witness::{Delivered, Witness, Written, rows};
