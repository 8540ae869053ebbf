//! Tests of the library through its public interface, on a server: the workspace's own, or that of `COUCHDB_URL`.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expected"
)]

mod audit;
mod broken_off;
mod defects;
mod dry_run;
mod effort;
mod field;
mod field_cases;
mod host;
mod hostile_input;
mod journal;
mod lock;
mod manual;
mod model;
mod reports;
mod requests;
mod undo;
