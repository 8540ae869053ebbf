//! Counts per thread how often documents are parsed and how much of their text is copied. Tests hold both to a limit.

use std::cell::Cell;

thread_local! {
    static PARSES: Cell<u64> = const { Cell::new(0) };
    static COPIED: Cell<u64> = const { Cell::new(0) };
}

/// The work of a thread since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Parsed documents. A document counts each time; values inside it do not count.
    pub parses: u64,
    /// Bytes of text of documents that were copied.
    pub copied: u64,
}

/// The effort of the calling thread.
pub fn of_this_thread() -> Effort {
    Effort {
        parses: PARSES.get(),
        copied: COPIED.get(),
    }
}

/// Counts a parsed document.
pub(crate) fn parsed() {
    PARSES.set(PARSES.get().wrapping_add(1));
}

/// Counts copied text of a document, in bytes. Other crates call it when they copy a text into a request or a file.
pub fn copied(bytes: usize) {
    COPIED.set(COPIED.get().wrapping_add(bytes as u64));
}
