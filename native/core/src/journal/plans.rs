//! Plans: files of changes that are not made yet, kept next to the journals or anywhere else.
//!
//! A plan has the form of a journal. Its changes are sorted by database and id, so the same state gives the same plan, its first
//! line aside.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::{Journals, failed};
use super::folder::{Files, Folder, Refused, is_run, open_file};
use super::reader::{Records, Steps};
use super::{PlanStart, PlannedWrite, Record};
use crate::operation;
use couchdb::{Error, Kind};

/// An upper bound for the last line of a plan, in bytes.
const TAIL: i64 = 256;

/// Counts of planned changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanCounts {
    /// Documents that are created.
    pub created: u64,
    /// Documents that are updated.
    pub updated: u64,
    /// Documents that are deleted.
    pub deleted: u64,
    /// Failures while planning.
    pub failed: u64,
}

impl PlanCounts {
    /// The documents that change.
    pub fn changes(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

/// A plan: its first and last line, and its file.
#[derive(Debug)]
pub struct Plan {
    /// The first line.
    pub start: PlanStart,
    /// The last line.
    pub counts: PlanCounts,
    file: File,
    path: PathBuf,
}

impl Plan {
    /// Opens a plan in any folder.
    ///
    /// # Errors
    ///
    /// The file cannot be used, or is not a whole plan.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = open_file(path).and_then(|file| match file {
            Some(file) => Self::read(file, path),
            None => Err(Refused::Io(io::ErrorKind::NotFound.into())),
        });
        opened.map_err(|refused| failed(path, &refused))
    }

    /// Reads the first and the last line.
    fn read(file: File, path: &Path) -> Result<Self, Refused> {
        let first = Records::new(file.try_clone()?)?.next()?;
        let Some(Record::Plan(start)) = first.map(|first| first.record) else {
            return Err(Refused::NotAPlan);
        };
        let mut tail = Vec::new();
        let mut reader = file.try_clone()?;
        // A shorter file is read as a whole.
        if reader.seek(SeekFrom::End(-TAIL)).is_err() {
            reader.rewind()?;
        }
        reader.read_to_end(&mut tail)?;
        let lines = tail.strip_suffix(b"\n").ok_or(Refused::NotAPlan)?;
        let last = lines.rsplit(|byte| *byte == b'\n').next();
        let last = last.and_then(|line| Record::read(std::str::from_utf8(line).ok()?));
        let Some(Record::Planned {
            created,
            updated,
            deleted,
            failed,
        }) = last
        else {
            return Err(Refused::NotAPlan);
        };
        Ok(Self {
            start,
            counts: PlanCounts {
                created,
                updated,
                deleted,
                failed,
            },
            file,
            path: path.to_owned(),
        })
    }

    /// Reads the changes without the documents. `check` is called once per change; its error rejects the plan.
    ///
    /// # Errors
    ///
    /// The file can no longer be read, or `check` rejects it.
    pub fn steps(
        &self,
        check: impl Fn(&PlannedWrite) -> Result<(), Error>,
    ) -> Result<Steps, Error> {
        let unread = |error: io::Error| failed(&self.path, &error.into());
        let file = self.file.try_clone().map_err(unread)?;
        let mut refused = None;
        let steps = Steps::new(file, |entry| {
            check(entry).map_err(|error| {
                refused = Some(error);
                io::Error::other("refused")
            })
        });
        steps.map_err(|error| refused.take().unwrap_or_else(|| unread(error)))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes a plan to a new file.
///
/// # Errors
///
/// The file exists already, or cannot be written.
pub(crate) fn write_plan_file(
    path: &Path,
    start: &PlanStart,
    steps: &Steps,
    counts: PlanCounts,
) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    // A plan has documents of customers.
    let options = options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|file| {
        let written = write(file, start, steps, counts);
        if written.is_err() {
            let _ = std::fs::remove_file(path);
        }
        written
    });
    written.map_err(|error| failed(path, &error.into()))
}

fn write(file: File, start: &PlanStart, steps: &Steps, counts: PlanCounts) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut lines = Vec::new();
    Record::Plan(start.clone()).push_line(&mut lines)?;
    for database in steps.created() {
        let database = database.to_owned();
        Record::Database { database }.push_line(&mut lines)?;
    }
    file.write_all(&lines)?;
    steps.copy_sorted(&mut file)?;
    let PlanCounts {
        created,
        updated,
        deleted,
        failed,
    } = counts;
    let mut last = Vec::new();
    Record::Planned {
        created,
        updated,
        deleted,
        failed,
    }
    .push_line(&mut last)?;
    file.write_all(&last)?;
    file.into_inner()?.sync_all()
}

impl Journals {
    /// Saves a plan in the first usable folder, and deletes old ones. Returns its file.
    ///
    /// # Errors
    ///
    /// No folder can be used: the error of the first.
    pub(crate) fn save_plan(
        &self,
        start: &PlanStart,
        steps: &Steps,
        counts: PlanCounts,
    ) -> Result<PathBuf, Error> {
        let id = &start.start.run;
        let saved = self.first(|directory| {
            let path = directory.join(Files::Plans.name(id));
            let save = || -> Result<(), Refused> {
                let folder = Folder::make(directory, Files::Plans)?;
                prune(&folder, self.keep);
                let written = write(folder.create(id)?, start, steps, counts);
                if written.is_err() {
                    let _ = folder.remove(id);
                }
                Ok(written?)
            };
            save().map_err(|refused| failed(&path, &refused))?;
            Ok(path)
        });
        saved.map(|(path, _)| path)
    }

    /// The plans, oldest first, and the errors of unusable ones.
    pub fn plans(&self) -> (Vec<Plan>, Vec<Error>) {
        let mut plans = Vec::new();
        let mut refused = Vec::new();
        for directory in &self.directories {
            let folder = Folder::open(directory, Files::Plans);
            let ids =
                folder.and_then(|folder| folder.map_or(Ok(Vec::new()), |folder| folder.runs()));
            match ids {
                Ok(ids) => {
                    for id in ids {
                        match Plan::open(&directory.join(Files::Plans.name(&id))) {
                            Ok(plan) => plans.push(plan),
                            Err(error) => refused.push(error),
                        }
                    }
                }
                Err(error) => refused.push(failed(directory, &error)),
            }
        }
        plans.sort_by(|one, other| one.start.start.run.cmp(&other.start.start.run));
        (plans, refused)
    }

    /// Opens the plan with this id.
    ///
    /// # Errors
    ///
    /// It does not exist, or cannot be used.
    pub(crate) fn plan(&self, id: &str) -> Result<Plan, Error> {
        for directory in self.directories.iter().filter(|_| is_run(id)) {
            let path = directory.join(Files::Plans.name(id));
            if path.symlink_metadata().is_ok() {
                return Plan::open(&path);
            }
        }
        Err(Error::new(
            Kind::NotFound,
            operation::PLAN,
            format!("there is no plan {id:?}; `plans` lists them"),
        ))
    }
}

/// Deletes plans that are older than journals may be.
fn prune(folder: &Folder, keep: Duration) {
    let now = SystemTime::now();
    for id in folder.runs().unwrap_or_default() {
        let file = folder.read(&id).ok().flatten();
        let modified = file.and_then(|file| file.metadata().ok()?.modified().ok());
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > keep) {
            let _ = folder.remove(&id);
        }
    }
}
