//! Tests of generated clusters in memory and on a server.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

mod common;
mod determinism;
mod differences;
mod drift;
mod server;
mod size;
mod strategies;
mod ugliness;
mod views;
