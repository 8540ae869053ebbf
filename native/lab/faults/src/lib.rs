//! An HTTP proxy between a client and CouchDB that injects reproducible faults.
//!
//! Networks lose answers, servers stall, load balancers answer in HTML. The reaction of the client
//! decides whether documents are lost. A [`Proxy`] forwards requests to a real server, and a
//! [`Schedule`] decides which [`Fault`] each request gets, with a probability and a maximum count.
//! The decision depends on a seed and on the content of the request, not on the order of arrival,
//! so a failing case fails again.
//!
//! The proxy also makes a [`Recording`]: which revisions were delivered to the client, and so
//! whether a write replaces a revision that the client never read. An [`Interceptor`] runs between
//! the server's answer and its delivery, which is the critical moment for another writer.
//!
//! `arbitrary` has strategies for schedules, `request` classifies requests, `distort` changes
//! bodies, `port` can be closed for some time, `upstream` is the client of the server.

mod answer;
pub mod arbitrary;
mod distort;
mod disturber;
mod fault;
mod layer;
mod port;
mod proxy;
mod recording;
mod request;
mod schedule;
mod upstream;

pub use disturber::{Exchange, Interceptor};
pub use fault::{Fault, RetryAfter};
pub use layer::FaultLayer;
pub use proxy::Proxy;
pub use recording::{Delivered, Recording, Written, rows};
pub use request::{ParsedRequest, RequestKind};
pub use schedule::{Hits, RequestFilter, Rule, Schedule};
pub use upstream::{ProxyError, Upstream, UpstreamAnswer};
