//! Tests of the library's public interface on a server: the embedded one, or the one at
//! `COUCHDB_URL`.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a panic fails the test"
)]

mod audit;
mod audit_options;
mod browser;
mod defects;
mod dry_run;
mod effort;
mod exclude;
mod field;
mod field_cases;
mod history;
mod host;
mod hostile_input;
mod index;
mod interrupted;
mod journal;
mod lock;
mod manual;
mod model;
mod plan;
mod repair;
mod reports;
mod requests;
mod show;
mod undo;
mod watch;
