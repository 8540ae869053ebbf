//! Shared by the command lines of the workspace: the address of CouchDB, hiding of passwords,
//! output, and the start and end of a program.

pub mod address;
pub mod exit_status;
pub mod program;
pub mod signals;
pub mod terminal;
