//! Shared by the command lines of the workspace: where CouchDB is, how a password stays secret, what is printed, how a
//! program begins and ends.

pub mod address;
pub mod program;
pub mod signals;
pub mod terminal;
