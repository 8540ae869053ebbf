//! Writes a journal. One thread per run writes all waiting lines with one sync.
//!
//! For each intent the thread reserves the disk space of its outcome. When a disk fills up, the next intent is refused, and the
//! outcomes of the batches in flight can still be written.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::{Intent, Record};
use crate::operation;
use couchdb::{Error, Kind};

/// The size of an outcome without the names of document and database, in bytes: revision, checksum and field names.
const OUTCOME: u64 = 160;

/// The size of the line that ends a run, in bytes.
const END: u64 = 512;

/// Disk space that intents reserve for their outcomes, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reserved(u64);

impl Reserved {
    /// The space for the outcomes of these intents. A control character in a name takes six bytes.
    fn for_outcomes(intents: &[Intent<'_>]) -> Self {
        let bytes = intents
            .iter()
            .map(|intent| OUTCOME + 6 * (intent.database.len() + intent.change.id().len()) as u64);
        Self(bytes.sum())
    }
}

/// Whether lines are on disk, or the error.
type Written = Result<(), String>;

/// Lines in the writer's queue.
struct QueuedLines {
    lines: Vec<u8>,
    kind: Lines,
}

enum Lines {
    /// Intents: the reserved space for their outcomes, and the channel that reports when they are on disk.
    Intents(Reserved, oneshot::Sender<Written>),
    /// Outcomes of intents: the reserved space becomes free.
    Outcomes(Reserved),
    /// The end of the run, and the channel that reports when it is on disk.
    End(oneshot::Sender<Written>),
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    run: String,
    path: PathBuf,
    queue: mpsc::Sender<QueuedLines>,
}

impl Journal {
    /// Appends to a file of this length in bytes.
    pub(super) fn new(run: String, path: PathBuf, file: File, length: u64) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        let disk = Disk {
            file,
            length,
            reserved: END,
            failure: None,
        };
        std::thread::Builder::new()
            .name("kazoo-numbers-journal".into())
            .spawn(move || disk.write(&waiting))?;
        Ok(Self { run, path, queue })
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The journal's file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Appends intents and returns when they are on disk. Pass the outcomes to [`Journal::note`] with the returned reservation.
    pub async fn append(&self, intents: &[Intent<'_>]) -> Result<Reserved, Error> {
        let reserved = Reserved::for_outcomes(intents);
        let (done, written) = oneshot::channel();
        let mut lines = Vec::new();
        for intent in intents {
            intent.push_line(&mut lines);
        }
        self.send(lines, Lines::Intents(reserved, done))?;
        self.wait(written).await.map_err(|error| {
            error.hint(format!(
                "what this run changed before can be undone: undo {} (its journal is {})",
                self.run,
                self.path.display()
            ))
        })?;
        Ok(reserved)
    }

    /// Appends outcomes. Returns before they are on disk.
    pub fn note(&self, outcomes: &[Record], reserved: Reserved) -> Result<(), Error> {
        self.send(self.lines(outcomes)?, Lines::Outcomes(reserved))
    }

    /// Appends the end of the run and returns when it is on disk.
    pub async fn end(&self, end: Record) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        self.send(self.lines(&[end])?, Lines::End(done))?;
        self.wait(written).await
    }

    async fn wait(&self, written: oneshot::Receiver<Written>) -> Result<(), Error> {
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.failed("its thread is gone")),
        }
    }

    fn lines(&self, records: &[Record]) -> Result<Vec<u8>, Error> {
        let mut lines = Vec::new();
        for record in records {
            record
                .push_line(&mut lines)
                .map_err(|error| self.failed(&error.to_string()))?;
        }
        Ok(lines)
    }

    fn send(&self, lines: Vec<u8>, kind: Lines) -> Result<(), Error> {
        self.queue
            .send(QueuedLines { lines, kind })
            .map_err(|_| self.failed("its thread is gone"))
    }

    /// A run must stop writing when its journal fails: writes without a journal could not be undone.
    fn failed(&self, detail: &str) -> Error {
        Error::new(
            Kind::File,
            operation::JOURNAL,
            format!("{}: {detail}", self.path.display()),
        )
    }
}

/// Whether the process may have a file of this size. The system ends a process that exceeds its limit.
pub(crate) fn is_allowed(bytes: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    match limit.current {
        Some(most) if bytes > most => Err(ErrorKind::FileTooLarge.into()),
        _ => Ok(()),
    }
}

/// The file, owned by the writer thread.
struct Disk {
    file: File,
    /// The length of complete lines, in bytes.
    length: u64,
    /// Bytes after them, reserved for outcomes and the end.
    reserved: u64,
    /// The error after which intents are refused.
    failure: Option<String>,
}

impl Disk {
    fn write(mut self, queue: &mpsc::Receiver<QueuedLines>) {
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            let mut next = Some(first);
            while let Some(QueuedLines { lines, kind }) = next {
                match kind {
                    Lines::Intents(reserved, done) => {
                        waiting.push((done, self.intents(&lines, reserved)))
                    }
                    Lines::Outcomes(reserved) => {
                        // If this fails, `runs` reports the number of unknown outcomes.
                        let _ = self.append(&lines);
                        self.reserved = self.reserved.saturating_sub(reserved.0);
                    }
                    Lines::End(done) => {
                        let written = self.append(&lines).map_err(|error| error.to_string());
                        waiting.push((done, written));
                    }
                }
                next = queue.try_recv().ok();
            }
            self.synced(waiting);
        }
        let _ = self.file.sync_data();
        // Frees unused reserved space.
        let _ = self.file.set_len(self.length);
    }

    /// Syncs the file and answers the waiting channels.
    fn synced(&mut self, waiting: Vec<(oneshot::Sender<Written>, Written)>) {
        let failure = if waiting.iter().any(|(_, written)| written.is_ok()) {
            self.file.sync_data().err().map(|error| error.to_string())
        } else {
            None
        };
        for (done, written) in waiting {
            let written = match &failure {
                Some(error) => Err(error.clone()),
                None => written,
            };
            // The receiver is gone if its task was cancelled.
            let _ = done.send(written);
        }
        if failure.is_some() {
            self.failure = failure;
        }
    }

    fn intents(&mut self, lines: &[u8], reserved: Reserved) -> Written {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let written = self
            .reserve(lines.len() as u64 + self.reserved + reserved.0)
            .and_then(|()| self.append(lines));
        match written {
            Ok(()) => {
                self.reserved += reserved.0;
                Ok(())
            }
            Err(error) => {
                let failure = error.to_string();
                self.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.file.write_all(lines) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // An incomplete line would hide the lines after it.
                self.file.set_len(self.length)?;
                self.reserve(self.reserved)?;
                Err(error)
            }
        }
    }

    /// Reserves disk space for this many more bytes. If the file system cannot reserve space, does nothing.
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        is_allowed(self.length + bytes)?;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            use rustix::io::Errno;
            let reserved = fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.length, bytes);
            if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::IO)) = reserved {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use document::{Change, Document};

    #[test]
    fn outcome_fits_into_reserved_space() {
        let id = "\u{1}\"+14155550100";
        let change = Change::create(Document::new(id, "{}".to_owned()).unwrap());
        let intent = Intent {
            database: "numbers/+1415",
            change: &change,
            cause: crate::plan::Cause::Features,
            whole: None,
        };
        let outcome = Record::Landed {
            database: "numbers/+1415".into(),
            id: id.into(),
            rev: format!("{}-{}", u32::MAX, "f".repeat(32)),
        };
        let end = Record::End {
            at: "2026-11-26T00:12:09Z".into(),
            created: u64::MAX,
            updated: u64::MAX,
            deleted: u64::MAX,
            failed: u64::MAX,
        };
        let reserved = Reserved::for_outcomes(&[intent]);
        let length = |record: Record| {
            let mut line = Vec::new();
            record.push_line(&mut line).unwrap();
            line.len() as u64
        };
        assert!(length(outcome) <= reserved.0);
        assert!(length(end) <= END);
    }
}
