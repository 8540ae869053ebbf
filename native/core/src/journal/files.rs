//! The journals of a user: beginning one, finding them, reading them, pruning them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::folder::{Folder, Refused, is_run};
use super::prune::prune;
use super::reader::{self, Summary};
use super::{Entry, Journal, Record, Start, Steps};
use crate::operation;
use crate::plan::Step;
use couchdb::{ClusterIdentity, Error, Kind};

/// An id for a run that began at this moment: the second and the microsecond, so that ids sort by
/// time.
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

/// Where journals are, and for how long.
#[derive(Clone, Debug)]
pub struct Journals {
    /// The folders: the first that can be used takes new journals, and runs are found in all of them.
    directories: Vec<PathBuf>,
    /// How long a journal is kept. One of a run that did not come to its end stays until the run is undone.
    pub keep: Duration,
    /// How many bytes of journals are kept; the oldest go first, the newest runs and those that did not come to their end stay.
    pub keep_bytes: u64,
}

/// One run, according to its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// How it began.
    pub start: Start,
    /// Whether it came to its end.
    pub ended: bool,
    /// Documents that it is known to have written.
    pub landed: u64,
    /// Documents that it may have written besides: it did not come to its end, and their answers are not in the journal.
    pub unknown: u64,
    /// Failures that it reported when it came to its end.
    pub failed: u64,
}

/// What a run did: by database and id, in order.
pub type Done = BTreeMap<String, BTreeMap<String, Vec<Step>>>;

impl Journals {
    /// Journals in this folder and no other, kept for 30 days and up to 1 GiB.
    pub fn new(directory: PathBuf) -> Self {
        Self::within(vec![directory])
    }

    /// Journals where the XDG base directory specification has a user's files: in the data directory, and where that cannot be
    /// used in the state directory. A user without a home has neither, and keeps no journal.
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

    /// The same journals, kept for so many days.
    #[must_use]
    pub fn kept_for(self, count: u64) -> Self {
        Self {
            keep: days(count),
            ..self
        }
    }

    /// Does something with the first folder in which it succeeds. Returns, too, why it did not succeed in the first one, if it
    /// did elsewhere.
    fn first<T>(
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

    /// Finds out whether a journal can be begun and written.
    ///
    /// # Errors
    /// No folder can be used: why the first cannot.
    pub fn check(&self) -> Result<(), Error> {
        self.first(|directory| {
            Folder::make(directory)
                .and_then(|folder| folder.has_room())
                .map_err(|refused| failed(directory, &refused))
        })
        .map(|_| ())
    }

    /// Begins a journal, and prunes those that are there. Returns, too, why it is not in the first folder, if it is not.
    ///
    /// # Errors
    /// No folder can be used: why the first cannot.
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
        let folder = Folder::make(directory)?;
        prune(
            &folder,
            self.keep,
            self.keep_bytes,
            Start::undone_by(command),
        );
        folder.has_room()?;
        let now = SystemTime::now();
        let run = new_run_id(now);
        let start = Record::Start(Start {
            run: run.clone(),
            at: humantime::format_rfc3339_seconds(now).to_string(),
            command: command.to_owned(),
            who: who.to_owned(),
            server: server.to_owned(),
            cluster: cluster.clone(),
        });
        let line = start.line().map_err(io::Error::other)?;
        let mut file = folder.create(&run)?;
        if let Err(error) = file.write_all(line.as_bytes()) {
            let _ = folder.remove(&run);
            return Err(error.into());
        }
        let path = path(directory, &run);
        Ok(Journal::new(run, path, file, line.len() as u64)?)
    }

    /// The runs, oldest first. A folder or a journal that cannot be used is left out.
    ///
    /// # Errors
    /// There are none, and something was left out: why.
    pub fn runs(&self) -> Result<Vec<RunSummary>, Error> {
        let (runs, refused) = self.runs_and_refused();
        match refused.into_iter().next() {
            Some(error) if runs.is_empty() => Err(error),
            _ => Ok(runs),
        }
    }

    /// The runs, oldest first, and why folders and other journals cannot be used.
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

    /// How a run began. None: its process died before that was written, and so before it changed anything.
    ///
    /// # Errors
    /// There is no such run, or its journal cannot be used.
    pub fn start(&self, run: &str) -> Result<Option<Start>, Error> {
        let (file, path) = self.find(run)?;
        start_of(run, file).map_err(|error| failed(&path, &error))
    }

    /// Reads the steps of a run without the documents. `check` sees each write once; its error refuses the journal.
    ///
    /// # Errors
    /// There is no such run, its journal cannot be used, or `check` refuses it.
    pub fn steps(
        &self,
        run: &str,
        mut check: impl FnMut(&Entry) -> Result<(), Error>,
    ) -> Result<Steps, Error> {
        let (file, path) = self.find(run)?;
        let checked = |entry: &Entry| check(entry).map_err(NotRead::Refused);
        Steps::new(file, checked).map_err(|error| match error {
            NotRead::Refused(error) => error,
            NotRead::Io(error) => failed(&path, &error.into()),
        })
    }

    /// Reads the steps of a run by database and id, with all documents in memory.
    ///
    /// # Errors
    /// There is no such run, or its journal cannot be used.
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

    /// Deletes journals that are too old or too many, but not the one that is needed.
    pub fn prune(&self, needed: Option<&str>) {
        for directory in &self.directories {
            if let Ok(Some(folder)) = Folder::open(directory) {
                prune(&folder, self.keep, self.keep_bytes, needed);
            }
        }
    }

    /// A journal that could be read cannot be any more.
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
            let found = Folder::open(directory).map_err(|error| failed(directory, &error));
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

/// Why the steps of a run cannot be read.
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
    directory.join(format!("{run}.journal"))
}

fn failed(path: &Path, why: &Refused) -> Error {
    Error::new(
        Kind::File,
        operation::JOURNAL,
        format!("{}: {why}", path.display()),
    )
}

fn runs_in(directory: &Path, refused: &mut Vec<Error>) -> Result<Vec<RunSummary>, Refused> {
    let mut runs = Vec::new();
    let Some(folder) = Folder::open(directory)? else {
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

/// Nothing of a file that does not begin as the journal of this run.
fn summary_of(folder: &Folder, run: &str) -> Result<Option<RunSummary>, Refused> {
    let Some(file) = folder.read(run)? else {
        return Ok(None);
    };
    let Some(Summary { start, end, .. }) = reader::summary(run, &file)? else {
        return Ok(None);
    };
    Ok(Some(match end {
        Some((landed, failed)) => RunSummary {
            start,
            ended: true,
            landed,
            unknown: 0,
            failed,
        },
        None => {
            let (landed, unknown) = reader::outcomes(file)?;
            RunSummary {
                start,
                ended: false,
                landed,
                unknown,
                failed: 0,
            }
        }
    }))
}

/// How the run of a file began. None where that was not written.
fn start_of(run: &str, file: File) -> Result<Option<Start>, Refused> {
    match reader::Records::new(file)?.next()? {
        None => Ok(None),
        Some(first) => match first.record {
            Record::Start(start) if start.run == run => Ok(Some(start)),
            _ => Err(Refused::NotOfRun),
        },
    }
}
