//! Marks the journal of a run in progress: its process holds a lock on the file. The system releases the lock when the process ends.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Locks the journal of a new run. A file system without locks does not stop the run: it then counts as interrupted until it ends.
pub(super) fn hold(file: &File) {
    // Waits at most for a process that looks at the lock.
    let _ = flock(file, FlockOperation::LockExclusive);
}

/// Whether a process holds the journal.
pub(super) fn is_held(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = flock(file, FlockOperation::Unlock);
            false
        }
        Err(error) => error == Errno::WOULDBLOCK,
    }
}
