//! What a run changed, written down before and after it is done, so that it can be undone.
//!
//! One file a run, appended to and never changed. What a batch is about to do is on the disk
//! before the batch is sent (what was there, what will be there), and what landed follows. Each
//! line carries a checksum: whatever a crash leaves at the end of a file is not taken for more
//! than it is.
//!
//! What `undo` finds in a journal is written to CouchDB, so a journal counts only where nobody else can have written it
//! ([`folder`]).

mod files;
mod folder;
mod prune;
mod reader;
mod record;
mod writer;

pub(crate) use files::new_run_id;
pub use files::{Done, Journals, RunSummary};
pub use reader::Steps;
pub use record::{Entry, Intent, LeafEntry, Record, Start};
pub use writer::{Journal, Reserved};
