//! Writing a journal: one thread a run, which puts all that waits on the disk at once.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::Record;
use crate::operation;
use couchdb::{Error, Kind};

/// Lines that wait to be written, and who waits for them to be on the disk.
struct Waiting {
    lines: String,
    done: Option<oneshot::Sender<Result<(), String>>>,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    run: String,
    path: PathBuf,
    queue: mpsc::Sender<Waiting>,
}

impl Journal {
    pub(super) fn new(run: String, path: PathBuf, file: File) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        std::thread::Builder::new()
            .name("kazoo-numbers-journal".into())
            .spawn(move || write(file, &waiting))?;
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

    /// Appends records; returns when they are on the disk.
    pub async fn append(&self, records: &[Record]) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        self.send(records, Some(done))?;
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(self.failed("its thread is gone")),
        }
    }

    /// Appends records that need not be on the disk before the work goes on.
    pub fn note(&self, records: &[Record]) -> Result<(), Error> {
        self.send(records, None)
    }

    fn send(
        &self,
        records: &[Record],
        done: Option<oneshot::Sender<Result<(), String>>>,
    ) -> Result<(), Error> {
        let mut lines = String::new();
        for record in records {
            lines.push_str(
                &record
                    .line()
                    .map_err(|error| self.failed(&error.to_string()))?,
            );
        }
        self.queue
            .send(Waiting { lines, done })
            .map_err(|_| self.failed("its thread is gone"))
    }

    /// Without a journal nothing is written: what cannot be undone is not done.
    fn failed(&self, detail: &str) -> Error {
        Error::new(
            Kind::Config,
            operation::JOURNAL,
            format!("{}: {detail}", self.path.display()),
        )
    }
}

fn write(mut file: File, queue: &mpsc::Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let mut lines = first.lines;
        let mut waiting = Vec::from_iter(first.done);
        while let Ok(next) = queue.try_recv() {
            lines.push_str(&next.lines);
            waiting.extend(next.done);
        }
        let written = file
            .write_all(lines.as_bytes())
            .and_then(|()| {
                if waiting.is_empty() {
                    Ok(())
                } else {
                    file.sync_data()
                }
            })
            .map_err(|error| error.to_string());
        for done in waiting {
            // Who no longer waits has been cancelled.
            let _ = done.send(written.clone());
        }
    }
    let _ = file.sync_data();
}
