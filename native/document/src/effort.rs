//! How often a thread parsed documents, and how many bytes of their text it copied. The tests hold both to a limit.

use std::cell::Cell;

thread_local! {
    static PARSES: Cell<u64> = const { Cell::new(0) };
    static COPIED: Cell<u64> = const { Cell::new(0) };
}

/// What a thread has done with documents since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Documents that were parsed, each time counted. Values inside a document do not count.
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

/// Counts a document that is parsed.
pub(crate) fn parsed() {
    PARSES.set(PARSES.get().wrapping_add(1));
}

/// Counts text of a document that is copied. Code outside this crate calls it where it copies a text into a request or a file.
pub fn copied(bytes: usize) {
    COPIED.set(COPIED.get().wrapping_add(bytes as u64));
}
