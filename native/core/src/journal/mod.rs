//! The journal of a run: its changes, written down so that they can be undone.
//!
//! Each run has one file, which only grows. Before a batch is sent, its intents (the documents before and after) are on disk; the
//! outcomes follow. Each line has a checksum, so an incomplete line after a crash is detected.
//!
//! `undo` writes the content of a journal to CouchDB, so a journal is used only if no other user can have written it
//! ([`folder`]).

pub(crate) mod audits;
mod files;
mod folder;
mod held;
mod history;
mod plans;
mod prune;
mod reader;
mod record;
mod spool;
mod writer;

pub(crate) use files::new_run_id;
pub use files::{Done, Journals, RunSummary};
pub(crate) use folder::private_folder;
pub use history::{History, RunState};
pub(crate) use plans::write_plan_file;
pub use plans::{Plan, PlanCounts};
pub use reader::Steps;
pub use record::{Intent, LosingLeaf, PlanStart, PlannedWrite, Record, RunStart};
pub(crate) use spool::Spool;
pub(crate) use writer::is_allowed;
pub use writer::{Journal, Reserved};
