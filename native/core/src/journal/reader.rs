//! Reads a journal without loading all of it into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;

use super::{PlanCounts, PlannedWrite, Record, RunStart};
use crate::plan::{Cause, Step};
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

impl Place {
    pub(super) fn new(offset: u64, length: u64) -> Self {
        Self { offset, length }
    }
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
            Record::Start(_)
            | Record::Plan(_)
            | Record::Database { .. }
            | Record::Planned { .. }
            | Record::End { .. } => {}
        }
    }
    Ok((landed, intents.saturating_sub(landed)))
}

/// The position of a step in the file, and the revision of its write.
#[derive(Debug)]
pub(super) struct StepPlace {
    pub(super) place: Place,
    pub(super) rev: Option<Box<str>>,
    /// Whether there was a document before, and is one after.
    pub(super) before: bool,
    pub(super) after: bool,
}

/// The steps of a run by database and id. Documents stay on disk until they are read; memory use is about the size of the ids.
#[derive(Debug)]
pub struct Steps {
    file: File,
    databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>>,
    created: BTreeSet<String>,
}

impl Steps {
    /// Reads a whole journal. `check` is called once per write; its error rejects the journal.
    pub(super) fn new<E: From<io::Error>>(
        file: File,
        mut check: impl FnMut(&PlannedWrite) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut records = Records::new(file.try_clone()?)?;
        let mut databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>> = BTreeMap::new();
        let mut created = BTreeSet::new();
        while let Some(Located { record, place }) = records.next()? {
            match record {
                Record::Intent(entry) => {
                    check(&entry)?;
                    let step = StepPlace {
                        place,
                        rev: None,
                        before: entry.before.is_some(),
                        after: entry.after.is_some(),
                    };
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
                Record::Database { database } => {
                    created.insert(database);
                }
                Record::Start(_)
                | Record::Plan(_)
                | Record::Planned { .. }
                | Record::End { .. } => {}
            }
        }
        Ok(Self {
            file,
            databases,
            created,
        })
    }

    /// The steps of a file that was just written.
    pub(super) fn indexed(
        file: File,
        databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>>,
        created: BTreeSet<String>,
    ) -> Self {
        Self {
            file,
            databases,
            created,
        }
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.databases.values().map(BTreeMap::len).sum()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Counts the documents by what happens to them.
    pub(crate) fn counts(&self) -> PlanCounts {
        counts(self.databases.values())
    }

    /// Counts the documents of one database (plain name) by what happens to them.
    pub(crate) fn counts_of(&self, database: &str) -> PlanCounts {
        counts(self.databases.get(database))
    }

    /// Keeps only so many documents, the first by database and id.
    pub(crate) fn truncate(&mut self, most: u64) {
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        for documents in self.databases.values_mut() {
            if let Some(first) = documents.keys().nth(left).cloned() {
                drop(documents.split_off(&first));
            }
            left = left.saturating_sub(documents.len());
        }
        self.databases.retain(|_, documents| !documents.is_empty());
        self.prune_created();
    }

    /// The databases (plain names) that a plan creates.
    pub fn created(&self) -> impl Iterator<Item = &str> {
        self.created.iter().map(String::as_str)
    }

    /// Copies the lines, sorted by database and id.
    ///
    /// # Errors
    ///
    /// The file can no longer be read, or `to` not be written.
    pub(super) fn copy_sorted(&self, to: &mut impl Write) -> io::Result<()> {
        let mut line = Vec::new();
        for step in self.databases.values().flat_map(BTreeMap::values).flatten() {
            let length = usize::try_from(step.place.length + 1).map_err(io::Error::other)?;
            line.resize(length, 0);
            self.file.read_exact_at(&mut line, step.place.offset)?;
            to.write_all(&line)?;
        }
        Ok(())
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
        documents.map(|(id, steps)| (&**id, bytes(steps)))
    }

    /// The size of the steps of a document in the journal, in bytes. 0 if the run did not write it.
    pub(crate) fn size(&self, database: &str, id: &str) -> u64 {
        let steps = self.databases.get(database).and_then(|all| all.get(id));
        steps.map_or(0, |steps| bytes(steps))
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
            .map(|step| step.read(&self.file, database, id))
            .collect()
    }

    /// Keeps only databases with changes in the list of databases to create.
    fn prune_created(&mut self) {
        let databases = &self.databases;
        self.created.retain(|name| databases.contains_key(name));
    }
}

impl StepPlace {
    /// Reads the step from its file.
    pub(super) fn read(&self, file: &File, database: &str, id: &str) -> io::Result<Step> {
        let changed = || {
            io::Error::new(
                ErrorKind::InvalidData,
                "the journal has changed while it was read",
            )
        };
        let Place { offset, length } = self.place;
        let mut line = vec![0; usize::try_from(length).map_err(|_| changed())?];
        file.read_exact_at(&mut line, offset)?;
        let line = String::from_utf8(line).map_err(|_| changed())?;
        match Record::read(&line) {
            Some(Record::Intent(entry)) if entry.database == database && entry.id == id => {
                let rev = self.rev.as_deref().map(Revision::parse);
                step_of(entry, rev).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
            }
            _ => Err(changed()),
        }
    }
}

fn bytes(steps: &[StepPlace]) -> u64 {
    steps.iter().map(|step| step.place.length).sum()
}

fn counts<'a>(
    databases: impl IntoIterator<Item = &'a BTreeMap<Box<str>, Vec<StepPlace>>>,
) -> PlanCounts {
    let mut counts = PlanCounts::default();
    for steps in databases.into_iter().flat_map(BTreeMap::values) {
        let before = steps.first().is_some_and(|first| first.before);
        let after = steps.last().is_some_and(|last| last.after);
        match (before, after) {
            (false, true) => counts.created += 1,
            (true, true) => counts.updated += 1,
            (true, false) => counts.deleted += 1,
            (false, false) => {}
        }
    }
    counts
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
        before: match (entry.before, entry.rev) {
            (Some(before), Some(rev)) => {
                let text = Box::<str>::from(before).into_string();
                Some(Document::read(&id, Revision::parse(&rev), text.into())?)
            }
            (before, _) => before.map(document).transpose()?,
        },
        cause: entry.cause.as_deref().and_then(Cause::of_key),
        after: entry.after.map(document).transpose()?,
        rev,
        leaves: leaves.collect::<Result<_, _>>()?,
    })
}
