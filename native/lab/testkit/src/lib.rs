//! Test support for the workspace: a server to work on, running a command or a program, arguments
//! for every command, and the number, seed and shrinking of random cases.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "used by tests only; a panic fails the test"
)]

pub mod cases;
pub mod command;
pub mod local;
pub mod program;
pub mod server;
pub mod write_commands;
