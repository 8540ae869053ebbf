//! Writing a journal: one thread a run, which puts all that waits on the disk at once.
//!
//! With each intent the thread reserves the room that its outcome takes. On a disk that fills up the next intent is refused,
//! and what the batches in flight come to is still noted.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::{Intent, Record};
use crate::operation;
use couchdb::{Error, Kind};

/// The size of a write's outcome without the names of its document and database, in bytes: revision, checksum and field names.
const OUTCOME: u64 = 160;

/// The size of the line that ends a run, in bytes.
const END: u64 = 512;

/// Room that intents reserve for what comes of them, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reserved(u64);

impl Reserved {
    /// The room for the outcomes of these intents. Control characters of a name take six bytes each.
    fn for_outcomes(intents: &[Intent<'_>]) -> Self {
        let bytes = intents
            .iter()
            .map(|intent| OUTCOME + 6 * (intent.database.len() + intent.change.id().len()) as u64);
        Self(bytes.sum())
    }
}

/// Whether lines are on the disk, or why not.
type Written = Result<(), String>;

/// Lines that wait to be written.
struct Waiting {
    lines: Vec<u8>,
    kind: Lines,
}

enum Lines {
    /// What is about to be done: room for its outcome, and who waits for it to be on the disk.
    Intents(Reserved, oneshot::Sender<Written>),
    /// What came of intents, whose room is free again.
    Outcomes(Reserved),
    /// The end of the run, and who waits for it.
    End(oneshot::Sender<Written>),
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    run: String,
    path: PathBuf,
    queue: mpsc::Sender<Waiting>,
}

impl Journal {
    /// Goes on with a file that holds so many bytes.
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

    /// Where it is written.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Appends what is about to be done; returns when it is on the disk. What comes of it goes to [`Journal::note`], with the
    /// room that this reserved.
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

    /// Appends outcomes. They need not be on the disk before the work goes on.
    pub fn note(&self, outcomes: &[Record], reserved: Reserved) -> Result<(), Error> {
        self.send(self.lines(outcomes)?, Lines::Outcomes(reserved))
    }

    /// Appends the end of the run; returns when it is on the disk.
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
            .send(Waiting { lines, kind })
            .map_err(|_| self.failed("its thread is gone"))
    }

    /// Without a journal nothing is written: what cannot be undone is not done.
    fn failed(&self, detail: &str) -> Error {
        Error::new(
            Kind::File,
            operation::JOURNAL,
            format!("{}: {detail}", self.path.display()),
        )
    }
}

/// Whether a file of this process may have so many bytes. One byte more than that, and the system ends the process.
pub(super) fn is_allowed(bytes: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    match limit.current {
        Some(most) if bytes > most => Err(ErrorKind::FileTooLarge.into()),
        _ => Ok(()),
    }
}

/// The file, on the thread that writes it.
struct Disk {
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Bytes beyond them that are kept free for outcomes and the end.
    reserved: u64,
    /// Why no more intents are taken.
    failure: Option<String>,
}

impl Disk {
    fn write(mut self, queue: &mpsc::Receiver<Waiting>) {
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            let mut next = Some(first);
            while let Some(Waiting { lines, kind }) = next {
                match kind {
                    Lines::Intents(reserved, done) => {
                        waiting.push((done, self.intents(&lines, reserved)))
                    }
                    Lines::Outcomes(reserved) => {
                        // Failing that, `runs` says how many outcomes are unknown.
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
        // Gives back what was reserved and not used.
        let _ = self.file.set_len(self.length);
    }

    /// Has all on the disk, and says so to who waits for it.
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
            // Who no longer waits has been cancelled.
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
                // Lines that follow half a line would not be read.
                self.file.set_len(self.length)?;
                self.reserve(self.reserved)?;
                Err(error)
            }
        }
    }

    /// Sees to it that so many more bytes can be written. A file system that cannot reserve them is taken as it is.
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
    fn outcome_fits_into_the_room_that_its_intent_reserved() {
        let id = "\u{1}\"+14155550100";
        let change = Change::create(Document::new(id, "{}".to_owned()).unwrap());
        let intent = Intent {
            database: "numbers/+1415",
            change: &change,
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
