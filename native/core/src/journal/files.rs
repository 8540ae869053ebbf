//! The journals of a user: creates, lists, reads and prunes them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::folder::{Files, Folder, Refused, is_run};
use super::held::{hold, is_held};
use super::prune::prune;
use super::reader::{self, JournalSummary};
use super::{Journal, PlannedWrite, Record, RunStart, Steps};
use crate::operation;
use crate::plan::Step;
use crate::report::RunCounts;
use couchdb::{ClusterIdentity, Error, Kind};

/// Makes the id of a run from its start time, to the microsecond. Ids sort by time.
pub(crate) fn new_run_id(at: SystemTime) -> String {
    let second = humantime::format_rfc3339_seconds(at).to_string();
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    format!(
        "{}-{:06}",
        second.replace([':', '-'], ""),
        since.unwrap_or_default().subsec_micros()
    )
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(24 * 60 * 60))
}

/// The location and the limits of journals.
#[derive(Clone, Debug)]
pub struct Journals {
    /// The folders. New journals go to the first usable one; runs are found in all of them.
    pub(super) directories: Vec<PathBuf>,
    /// The age at which a journal is deleted. The journal of an interrupted run stays until the run is undone.
    pub keep: Duration,
    /// The limit for all journals, in bytes. The oldest are deleted first; the newest runs and interrupted runs stay.
    pub keep_bytes: u64,
}

/// One run, according to its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The start of the run.
    pub start: RunStart,
    /// Whether the run ended.
    pub ended: bool,
    /// Whether the process of the run is alive.
    pub in_progress: bool,
    /// Documents that the run is known to have written.
    pub landed: u64,
    /// The same by what the run did to them, if it ended.
    pub counts: Option<RunCounts>,
    /// Further documents that an interrupted run may have written: the journal lacks their answers.
    pub unknown: u64,
    /// Failures in the run's final report.
    pub failed: u64,
}

/// The writes of a run, by database and id, in order.
pub type Done = BTreeMap<String, BTreeMap<String, Vec<Step>>>;

impl Journals {
    /// Creates journals in this folder, kept for 30 days and up to 1 GiB.
    pub fn new(directory: PathBuf) -> Self {
        Self::within(vec![directory])
    }

    /// Creates journals in the folders of the XDG base directory specification: the data directory, and the state directory if
    /// that cannot be used. A user without a home directory has no journals.
    pub fn usual() -> Self {
        let user = directories::ProjectDirs::from("", "", "kazoo_numbers_maintenance");
        let user = user.iter();
        let directories = user.flat_map(|user| [Some(user.data_dir()), user.state_dir()]);
        Self::within(
            directories
                .flatten()
                .map(|path| path.join("journal"))
                .collect(),
        )
    }

    fn within(directories: Vec<PathBuf>) -> Self {
        Self {
            directories,
            keep: days(30),
            keep_bytes: 1 << 30,
        }
    }

    /// Changes the number of days that journals are kept.
    #[must_use]
    pub fn kept_for(self, count: u64) -> Self {
        Self {
            keep: days(count),
            ..self
        }
    }

    pub(super) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Calls `work` with each folder until it succeeds. Also returns the error of the first folder if a later one succeeded.
    pub(super) fn first<T>(
        &self,
        work: impl Fn(&Path) -> Result<T, Error>,
    ) -> Result<(T, Option<Error>), Error> {
        let mut first = None;
        for directory in &self.directories {
            match work(directory) {
                Ok(done) => return Ok((done, first)),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            Error::new(
                Kind::File,
                operation::JOURNAL,
                "this user has no home directory",
            )
        }))
    }

    /// Checks whether a journal can be created and written.
    ///
    /// # Errors
    ///
    /// No folder can be used: the error of the first.
    pub fn check(&self) -> Result<(), Error> {
        self.usable().map(|_| ())
    }

    /// The first folder in which a journal can be created and written. Also returns the error of the first folder if it is a later
    /// one.
    ///
    /// # Errors
    ///
    /// No folder can be used: the error of the first.
    pub fn usable(&self) -> Result<(PathBuf, Option<Error>), Error> {
        self.first(|directory| {
            Folder::make(directory, Files::Journals)
                .and_then(|folder| folder.has_room())
                .map(|()| directory.to_owned())
                .map_err(|refused| failed(directory, &refused))
        })
    }

    /// Creates a file without a name in the first usable folder.
    pub(super) fn nameless(&self) -> Result<File, Error> {
        let made = self.first(|directory| {
            Folder::make(directory, Files::Journals)
                .and_then(|folder| folder.nameless())
                .map_err(|refused| failed(directory, &refused))
        });
        made.map(|(file, _)| file)
    }

    /// Creates a journal and prunes the others. Also returns the error of the first folder if the journal is in a later one.
    ///
    /// # Errors
    ///
    /// No folder can be used: the error of the first.
    pub fn begin(
        &self,
        command: &str,
        who: &str,
        server: &str,
        cluster: &ClusterIdentity,
    ) -> Result<(Journal, Option<Error>), Error> {
        self.first(|directory| {
            self.begin_in(directory, command, who, server, cluster)
                .map_err(|refused| failed(directory, &refused))
        })
    }

    fn begin_in(
        &self,
        directory: &Path,
        command: &str,
        who: &str,
        server: &str,
        cluster: &ClusterIdentity,
    ) -> Result<Journal, Refused> {
        let folder = Folder::make(directory, Files::Journals)?;
        prune(
            &folder,
            self.keep,
            self.keep_bytes,
            RunStart::undone_by(command),
        );
        folder.has_room()?;
        let now = SystemTime::now();
        let run = new_run_id(now);
        let start = Record::Start(RunStart {
            run: run.clone(),
            at: humantime::format_rfc3339_seconds(now).to_string(),
            command: command.to_owned(),
            who: who.to_owned(),
            server: server.to_owned(),
            cluster: cluster.clone(),
        });
        let line = start.line().map_err(io::Error::other)?;
        let mut file = folder.create(&run)?;
        hold(&file);
        if let Err(error) = file.write_all(line.as_bytes()) {
            let _ = folder.remove(&run);
            return Err(error.into());
        }
        let path = path(directory, &run);
        Ok(Journal::new(run, path, file, line.len() as u64)?)
    }

    /// The runs, oldest first. Unusable folders and journals are skipped.
    ///
    /// # Errors
    ///
    /// No run was found, and something was skipped: its error.
    pub fn runs(&self) -> Result<Vec<RunSummary>, Error> {
        let (runs, refused) = self.runs_and_refused();
        match refused.into_iter().next() {
            Some(error) if runs.is_empty() => Err(error),
            _ => Ok(runs),
        }
    }

    /// The runs, oldest first, and the errors of unusable folders and journals.
    pub fn runs_and_refused(&self) -> (Vec<RunSummary>, Vec<Error>) {
        let mut runs = Vec::new();
        let mut refused = Vec::new();
        for directory in &self.directories {
            match runs_in(directory, &mut refused) {
                Ok(found) => runs.extend(found),
                Err(error) => refused.push(failed(directory, &error)),
            }
        }
        runs.sort_by(|one, other| one.start.run.cmp(&other.start.run));
        (runs, refused)
    }

    /// The ids of the runs with a file, sorted. Unusable folders are skipped.
    pub fn ids(&self) -> Vec<String> {
        let folders = self.directories.iter();
        let folders =
            folders.filter_map(|directory| Folder::open(directory, Files::Journals).ok().flatten());
        let mut ids: Vec<String> = folders
            .filter_map(|folder| folder.runs().ok())
            .flatten()
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Whether a run did not end, and its process is alive.
    ///
    /// # Errors
    ///
    /// The run does not exist, or its journal cannot be used.
    pub fn is_in_progress(&self, run: &str) -> Result<bool, Error> {
        let (file, path) = self.find(run)?;
        let summary = reader::summary(run, &file);
        let summary = summary.map_err(|error| failed(&path, &error.into()))?;
        Ok(summary.is_some_and(|summary| summary.end.is_none()) && is_held(&file))
    }

    /// The start of a run. `None`: the process died before it wrote the first line, and so before it changed anything.
    ///
    /// # Errors
    ///
    /// The run does not exist, or its journal cannot be used.
    pub fn start(&self, run: &str) -> Result<Option<RunStart>, Error> {
        let (file, path) = self.find(run)?;
        start_of(run, file).map_err(|error| failed(&path, &error))
    }

    /// Reads the steps of a run without the documents. `check` is called once per write; its error rejects the journal.
    ///
    /// # Errors
    ///
    /// The run does not exist, its journal cannot be used, or `check` rejects it.
    pub fn steps(
        &self,
        run: &str,
        mut check: impl FnMut(&PlannedWrite) -> Result<(), Error>,
    ) -> Result<Steps, Error> {
        let (file, path) = self.find(run)?;
        let checked = |entry: &PlannedWrite| check(entry).map_err(NotRead::Refused);
        Steps::new(file, checked).map_err(|error| match error {
            NotRead::Refused(error) => error,
            NotRead::Io(error) => failed(&path, &error.into()),
        })
    }

    /// Reads the steps of a run by database and id, with all documents in memory.
    ///
    /// # Errors
    ///
    /// The run does not exist, or its journal cannot be used.
    pub fn done(&self, run: &str) -> Result<Done, Error> {
        let steps = self.steps(run, |_| Ok(()))?;
        let mut done = Done::new();
        for database in steps.databases() {
            let documents = done.entry(database.to_owned()).or_default();
            for (id, _) in steps.documents(database) {
                let read = steps.read(database, id);
                let read = read.map_err(|error| Self::failed_in(run, &error))?;
                documents.insert(id.to_owned(), read);
            }
        }
        Ok(done)
    }

    /// Prunes journals by age and size, but keeps `needed`.
    pub fn prune(&self, needed: Option<&str>) {
        for directory in &self.directories {
            if let Ok(Some(folder)) = Folder::open(directory, Files::Journals) {
                prune(&folder, self.keep, self.keep_bytes, needed);
            }
        }
    }

    /// The error for a journal that was readable before and is not now.
    pub(crate) fn failed_in(run: &str, error: &io::Error) -> Error {
        Error::new(
            Kind::File,
            operation::JOURNAL,
            format!("of run {run}: {error}"),
        )
    }

    /// The journal of a run, and its path.
    fn find(&self, run: &str) -> Result<(File, PathBuf), Error> {
        let mut refused = None;
        let directories = self.directories.iter().filter(|_| is_run(run));
        for directory in directories {
            let path = path(directory, run);
            let found =
                Folder::open(directory, Files::Journals).map_err(|error| failed(directory, &error));
            let found = found.and_then(|folder| match folder {
                Some(folder) => folder.read(run).map_err(|error| failed(&path, &error)),
                None => Ok(None),
            });
            match found {
                Ok(Some(file)) => return Ok((file, path)),
                Ok(None) => {}
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        Err(refused.unwrap_or_else(|| {
            Error::new(
                Kind::NotFound,
                operation::JOURNAL,
                format!("there is no run {run:?}; `runs` lists those that can be undone"),
            )
        }))
    }
}

/// The reasons why the steps of a run cannot be read.
enum NotRead {
    Refused(Error),
    Io(io::Error),
}

impl From<io::Error> for NotRead {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn path(directory: &Path, run: &str) -> PathBuf {
    directory.join(Files::Journals.name(run))
}

pub(super) fn failed(path: &Path, why: &Refused) -> Error {
    Error::new(
        Kind::File,
        operation::JOURNAL,
        format!("{}: {why}", path.display()),
    )
}

fn runs_in(directory: &Path, refused: &mut Vec<Error>) -> Result<Vec<RunSummary>, Refused> {
    let mut runs = Vec::new();
    let Some(folder) = Folder::open(directory, Files::Journals)? else {
        return Ok(runs);
    };
    for run in folder.runs()? {
        match summary_of(&folder, &run) {
            Ok(summary) => runs.extend(summary),
            Err(error) => refused.push(failed(&path(directory, &run), &error)),
        }
    }
    Ok(runs)
}

/// Summarises a journal. `None` if the file does not start as the journal of this run.
fn summary_of(folder: &Folder, run: &str) -> Result<Option<RunSummary>, Refused> {
    let Some(file) = folder.read(run)? else {
        return Ok(None);
    };
    let Some(JournalSummary { start, end, .. }) = reader::summary(run, &file)? else {
        return Ok(None);
    };
    Ok(Some(match end {
        Some((counts, failed)) => RunSummary {
            start,
            ended: true,
            in_progress: false,
            landed: counts.total(),
            counts: Some(counts),
            unknown: 0,
            failed,
        },
        None => {
            let in_progress = is_held(&file);
            let (landed, unknown) = reader::outcomes(file)?;
            RunSummary {
                start,
                ended: false,
                in_progress,
                landed,
                counts: None,
                unknown,
                failed: 0,
            }
        }
    }))
}

/// Reads the start of a run. `None` if the first line was not written.
fn start_of(run: &str, file: File) -> Result<Option<RunStart>, Refused> {
    match reader::Records::new(file)?.next()? {
        None => Ok(None),
        Some(first) => match first.record {
            Record::Start(start) if start.run == run => Ok(Some(start)),
            _ => Err(Refused::NotOfRun),
        },
    }
}
