//! Tests of the client against servers that answer as CouchDB and load balancers do in practice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod answers;
mod cancel;
mod limits;
mod outage;
mod proxies;
mod slow;
mod support;
mod tls;
mod trace;
