//! Tests of the program as a user starts it.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

mod brake;
mod commands;
mod connecting;
mod control;
mod docs;
mod doctor;
mod exit_statuses;
mod help;
mod index;
mod interrupts;
mod journals;
mod killed;
mod logs;
mod memory;
mod output;
mod plans;
mod questions;
mod refusals;
mod relay;
mod schema;
mod support;
mod tools;
mod watch;
