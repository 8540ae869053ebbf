//! Tests of the proxy, and of the library through the proxy.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

mod faults;
mod hostile;
mod load;
mod lock;
mod matrix;
mod outside_writer;
mod proxy;
mod support;
