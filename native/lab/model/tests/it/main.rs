//! Tests of the reference model: small clusters and general properties.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

mod apps;
mod arguments;
mod audit;
mod carriers;
mod copies;
mod features;
mod field;
mod fixes;
mod properties;
mod removals;
mod support;
