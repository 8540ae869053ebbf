//! Changes that are not made yet, on disk in the order in which they were decided. They become a plan, or are made at the end of
//! the run that decided them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reader::{Place, StepPlace, Steps};
use super::{Intent, Journals};
use crate::operation;
use crate::plan::Step;
use couchdb::{Error, Kind};

/// Changes that are not made yet. The file disappears with the process.
#[derive(Debug)]
pub(crate) struct Spool(Mutex<Spooled>);

#[derive(Debug)]
struct Spooled {
    /// `None` after [`Spool::finish`].
    file: Option<BufWriter<File>>,
    length: u64,
    databases: BTreeMap<String, BTreeMap<Box<str>, Vec<StepPlace>>>,
    created: BTreeSet<String>,
}

impl Spool {
    /// Creates the file: next to the journals, or in the folder for temporary files.
    ///
    /// # Errors
    ///
    /// No folder can be used.
    pub(crate) fn begin(journals: Option<&Journals>) -> Result<Self, Error> {
        let file = match journals {
            Some(journals) => journals.nameless()?,
            None => tempfile::tempfile().map_err(|error| failed(&error))?,
        };
        Ok(Self(Mutex::new(Spooled {
            file: Some(BufWriter::new(file)),
            length: 0,
            databases: BTreeMap::new(),
            created: BTreeSet::new(),
        })))
    }

    /// Adds a change. Blocks while its bytes are handed to the system.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn push(&self, intent: &Intent<'_>) -> Result<(), Error> {
        let mut line = Vec::new();
        intent.push_line(&mut line);
        let mut spooled = self.spooled();
        let place = Place::new(spooled.length, line.len() as u64 - 1);
        let file = spooled
            .file
            .as_mut()
            .ok_or_else(|| failed(&ErrorKind::Other.into()))?;
        file.write_all(&line).map_err(|error| failed(&error))?;
        spooled.length += line.len() as u64;
        let documents = spooled
            .databases
            .entry(intent.database.to_owned())
            .or_default();
        let steps = documents.entry(intent.change.id().into()).or_default();
        steps.reserve_exact(1);
        steps.push(StepPlace {
            place,
            rev: None,
            before: intent.change.before().is_some(),
            after: intent.change.after().is_some(),
        });
        Ok(())
    }

    /// Notes that this database (plain name) will be created.
    pub(crate) fn creates(&self, database: &str) {
        self.spooled().created.insert(database.to_owned());
    }

    /// Whether it has changes in this database (plain name).
    pub(crate) fn has(&self, database: &str) -> bool {
        self.spooled().databases.contains_key(database)
    }

    /// The last change of a document. `None`: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be written or read.
    pub(crate) fn last(&self, database: &str, id: &str) -> io::Result<Option<Step>> {
        let mut spooled = self.spooled();
        let Spooled {
            file, databases, ..
        } = &mut *spooled;
        let steps = databases.get(database).and_then(|all| all.get(id));
        let (Some(step), Some(file)) = (steps.and_then(|steps| steps.last()), file) else {
            return Ok(None);
        };
        file.flush()?;
        step.read(file.get_ref(), database, id).map(Some)
    }

    fn spooled(&self) -> MutexGuard<'_, Spooled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The changes by database and id. Later changes are refused.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn finish(&self) -> Result<Steps, Error> {
        let mut spooled = self.spooled();
        let file = spooled
            .file
            .take()
            .ok_or_else(|| failed(&ErrorKind::Other.into()))?;
        let file = file.into_inner().map_err(|error| failed(error.error()))?;
        let databases = std::mem::take(&mut spooled.databases);
        let created = std::mem::take(&mut spooled.created);
        Ok(Steps::indexed(file, databases, created))
    }
}

fn failed(error: &io::Error) -> Error {
    Error::new(
        Kind::File,
        operation::PLAN,
        format!("cannot hold back changes on disk: {error}"),
    )
}
