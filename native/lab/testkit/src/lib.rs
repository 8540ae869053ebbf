//! Shared by the tests of the workspace: a server to work on, running a command or a program, arguments for every
//! command, and how random cases are counted, seeded and shrunk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "nothing but tests uses it; what it expects and does not find fails a test"
)]

pub mod cases;
pub mod command;
pub mod program;
pub mod server;
pub mod work;
