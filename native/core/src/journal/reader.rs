//! Reads a journal without loading all of it into memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};
use std::os::unix::fs::FileExt;

use super::{PlannedWrite, Record, RunStart};
use crate::plan::Step;
use crate::report::RunCounts;
use document::{Document, NotAnObject, Revision};

/// The longest line that is read, in bytes. CouchDB accepts documents of this size, attachments included, only with changed
/// settings. A longer line is not ours.
const LONGEST: u64 = 1 << 30;

/// An upper bound for the line that ends a run, in bytes.
const TAIL: u64 = 1024;

/// Reads the records of a journal in order, up to the first incomplete line.
pub(super) struct Records {
    reader: BufReader<File>,
    offset: u64,
    line: Vec<u8>,
}

/// A record and the position of its line in the file.
pub(super) struct Located {
    pub(super) record: Record,
    pub(super) place: Place,
}

/// The position of a line in a file: offset and length in bytes, without the line break.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    offset: u64,
    length: u64,
}

impl Records {
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        // Duplicated descriptors share their position in the file.
        file.rewind()?;
        Ok(Self {
            reader: BufReader::new(file),
            offset: 0,
            line: Vec::new(),
        })
    }

    /// The next record. `None` at the end or at an incomplete line.
    pub(super) fn next(&mut self) -> io::Result<Option<Located>> {
        self.line.clear();
        let read = self
            .reader
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut self.line)?;
        if self.line.pop() != Some(b'\n') {
            return Ok(None);
        }
        let place = Place {
            offset: self.offset,
            length: self.line.len() as u64,
        };
        self.offset += read as u64;
        let record = std::str::from_utf8(&self.line).ok().and_then(Record::read);
        // Frees the memory of a large document.
        self.line.shrink_to(64 << 10);
        Ok(record.map(|record| Located { record, place }))
    }
}

/// The facts in the first and last line of a journal.
pub(super) struct JournalSummary {
    pub(super) start: RunStart,
    /// Documents written and failures, if the run ended.
    pub(super) end: Option<(RunCounts, u64)>,
    /// Whether the file has only the first line.
    pub(super) is_empty: bool,
}

/// Reads the first and last line. `None` if the file does not start as the journal of this run.
pub(super) fn summary(run: &str, file: &File) -> io::Result<Option<JournalSummary>> {
    let length = file.metadata()?.len();
    let mut records = Records::new(file.try_clone()?)?;
    let first = records.next()?;
    let start = match first {
        Some(Located {
            record: Record::Start(start),
            ..
        }) if start.run == run => start,
        _ => return Ok(None),
    };
    let from = length.saturating_sub(TAIL);
    let mut tail = vec![0; usize::try_from(length - from).unwrap_or_default()];
    file.read_exact_at(&mut tail, from)?;
    let end = match tail.strip_suffix(b"\n") {
        Some(lines) => {
            let last = lines.rsplit(|byte| *byte == b'\n').next();
            last.and_then(|line| std::str::from_utf8(line).ok())
                .and_then(Record::read)
        }
        None => None,
    };
    let end = match end {
        Some(Record::End {
            created,
            updated,
            deleted,
            failed,
            ..
        }) => Some((
            RunCounts {
                created,
                updated,
                deleted,
            },
            failed,
        )),
        _ => None,
    };
    Ok(Some(JournalSummary {
        start,
        end,
        is_empty: records.offset == length,
    }))
}

/// The number of documents that the run is known to have written, and of those with an unknown outcome.
pub(super) fn outcomes(file: File) -> io::Result<(u64, u64)> {
    let mut records = Records::new(file)?;
    let (mut intents, mut landed) = (0_u64, 0_u64);
    while let Some(Located { record, .. }) = records.next()? {
        match record {
            Record::Intent(_) => intents += 1,
            Record::Landed { .. } => landed += 1,
            Record::Start(_) | Record::End { .. } => {}
        }
    }
    Ok((landed, intents.saturating_sub(landed)))
}

/// The position of a step in the file, and the revision of its write.
#[derive(Debug)]
struct StepPlace {
    place: Place,
    rev: Option<Box<str>>,
}

/// The steps of a run by database and id. Documents stay on disk until they are read; memory use is about the size of the ids.
#[derive(Debug)]
pub struct Steps {
    file: File,
    databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>>,
}

impl Steps {
    /// Reads a whole journal. `check` is called once per write; its error rejects the journal.
    pub(super) fn new<E: From<io::Error>>(
        file: File,
        mut check: impl FnMut(&PlannedWrite) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut records = Records::new(file.try_clone()?)?;
        let mut databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>> = BTreeMap::new();
        while let Some(Located { record, place }) = records.next()? {
            match record {
                Record::Intent(entry) => {
                    check(&entry)?;
                    let step = StepPlace { place, rev: None };
                    let documents = databases.entry(entry.database).or_default();
                    let steps = documents.entry(entry.id.into()).or_default();
                    steps.reserve_exact(1);
                    steps.push(step);
                }
                Record::Landed { database, id, rev } => {
                    let step = databases
                        .get_mut(&database)
                        .and_then(|all| all.get_mut(id.as_str()))
                        .and_then(|steps| steps.last_mut());
                    if let Some(step) = step {
                        step.rev = Some(rev.into());
                    }
                }
                Record::Start(_) | Record::End { .. } => {}
            }
        }
        Ok(Self { file, databases })
    }

    /// The databases that the run wrote to, sorted.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// The documents that the run wrote in a database, sorted: id, and size of its steps in the journal in bytes.
    pub fn documents<'a>(
        &'a self,
        database: &str,
    ) -> impl Iterator<Item = (&'a str, u64)> + use<'a> {
        let documents = self.databases.get(database).into_iter().flatten();
        documents.map(|(id, steps)| {
            let bytes = steps.iter().map(|step| step.place.length).sum();
            (&**id, bytes)
        })
    }

    /// Reads the writes of the run to a document, in order. Empty for a document that it did not write.
    ///
    /// # Errors
    ///
    /// The file can no longer be read, or has changed.
    pub fn read(&self, database: &str, id: &str) -> io::Result<Vec<Step>> {
        let steps = self.databases.get(database).and_then(|all| all.get(id));
        steps
            .into_iter()
            .flatten()
            .map(|step| self.step(step, database, id))
            .collect()
    }

    fn step(&self, step: &StepPlace, database: &str, id: &str) -> io::Result<Step> {
        let changed = || {
            io::Error::new(
                ErrorKind::InvalidData,
                "the journal has changed while it was read",
            )
        };
        let Place { offset, length } = step.place;
        let mut line = vec![0; usize::try_from(length).map_err(|_| changed())?];
        self.file.read_exact_at(&mut line, offset)?;
        let line = String::from_utf8(line).map_err(|_| changed())?;
        match Record::read(&line) {
            Some(Record::Intent(entry)) if entry.database == database && entry.id == id => {
                let rev = step.rev.as_deref().map(Revision::parse);
                step_of(entry, rev).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
            }
            _ => Err(changed()),
        }
    }
}

fn step_of(entry: PlannedWrite, rev: Option<Revision>) -> Result<Step, NotAnObject> {
    let id = entry.id;
    let document = |raw: Box<serde_json::value::RawValue>| {
        Document::new(&id, Box::<str>::from(raw).into_string())
    };
    let leaves = entry.leaves.into_iter().map(|leaf| {
        let text = Box::<str>::from(leaf.text).into_string();
        Document::read(&id, Revision::parse(&leaf.rev), text.into())
    });
    Ok(Step {
        before: entry.before.map(document).transpose()?,
        after: entry.after.map(document).transpose()?,
        rev,
        leaves: leaves.collect::<Result<_, _>>()?,
    })
}
