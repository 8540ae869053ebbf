//! The folder of journals: beginning one, finding them, reading them, letting old ones go.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Journal, Record, Start};
use crate::operation;
use crate::plan::Leaf;
use couchdb::{ClusterIdentity, Error, Kind, Revision};

const EXTENSION: &str = "journal";

/// Where journals lie unless told otherwise: the user's data directory, as the XDG base
/// directory specification has it. None where the user has no home.
pub fn default_directory() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "kazoo_numbers_maintenance")
        .map(|directories| directories.data_dir().join("journal"))
}

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

/// A folder of journals.
#[derive(Clone, Debug)]
pub struct Journals {
    /// The folder.
    pub directory: PathBuf,
    /// How long a journal is kept.
    pub keep: Duration,
    /// How many bytes of journals are kept; the oldest go first.
    pub keep_bytes: u64,
}

/// One run, as its journal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// How it began.
    pub start: Start,
    /// Whether it came to its end.
    pub ended: bool,
    /// Documents that it wrote.
    pub landed: u64,
    /// Failures that it told of when it came to its end.
    pub failed: u64,
}

/// One write that a run made of a document, or may have made.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The document before, attachments and all; None: it was not there.
    pub before: Option<String>,
    /// The document after; None: it was deleted.
    pub after: Option<String>,
    /// The revision that it landed as. None: it failed, or its answer was lost.
    pub rev: Option<String>,
    /// Losing leaves that went with the document, or were put back with it.
    pub leaves: Vec<Leaf>,
}

/// What a run did: by database and id, in order.
pub type Done = BTreeMap<String, BTreeMap<String, Vec<Step>>>;

impl Journals {
    /// Journals in a folder, kept for 30 days and up to 1 GiB.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            keep: Duration::from_secs(30 * 24 * 60 * 60),
            keep_bytes: 1 << 30,
        }
    }

    /// Begins a journal, and lets old ones go.
    pub fn begin(
        &self,
        command: &str,
        who: &str,
        server: &str,
        cluster: &ClusterIdentity,
    ) -> Result<Journal, Error> {
        let failed = |error: std::io::Error| self.failed(&error.to_string());
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        self.let_go(SystemTime::now());
        let now = SystemTime::now();
        let at = humantime::format_rfc3339_seconds(now).to_string();
        let run = new_run_id(now);
        let path = self.path(&run);
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        #[cfg(unix)]
        {
            // Documents hold what people would not have everybody read.
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(failed)?;
        let journal = Journal::new(run.clone(), path, file).map_err(failed)?;
        journal.note(&[Record::Start(Start {
            run,
            at,
            command: command.to_owned(),
            who: who.to_owned(),
            server: server.to_owned(),
            cluster: cluster.clone(),
        })])?;
        Ok(journal)
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> Result<Vec<RunSummary>, Error> {
        let mut runs = Vec::new();
        for path in self.paths()? {
            let mut run = None;
            let mut landed = 0;
            let mut ended = false;
            let mut failures = 0;
            self.records(&path, |record| match record {
                Record::Start(start) => run = Some(start),
                Record::Landed { .. } => landed += 1,
                Record::End { failed, .. } => {
                    ended = true;
                    failures = failed;
                }
                Record::Intent(_) => {}
            })?;
            if let Some(start) = run {
                runs.push(RunSummary {
                    start,
                    ended,
                    landed,
                    failed: failures,
                });
            }
        }
        Ok(runs)
    }

    /// How a run began. None: its process died before that was written, and so before it changed anything.
    pub fn start(&self, run: &str) -> Result<Option<Start>, Error> {
        let path = self.path_of(run)?;
        let mut start = None;
        self.records(&path, |record| {
            if let Record::Start(found) = record {
                start.get_or_insert(found);
            }
        })?;
        Ok(start)
    }

    /// What a run did, by database and id.
    pub fn done(&self, run: &str) -> Result<Done, Error> {
        let path = self.path_of(run)?;
        let mut done = Done::new();
        self.records(&path, |record| match record {
            Record::Intent(entry) => {
                let text = |raw: Option<Box<serde_json::value::RawValue>>| {
                    raw.map(|raw| raw.get().to_owned())
                };
                let step = Step {
                    before: text(entry.before),
                    after: text(entry.after),
                    rev: None,
                    leaves: entry
                        .leaves
                        .into_iter()
                        .map(|leaf| Leaf {
                            rev: Revision::parse(&leaf.rev),
                            text: leaf.text.get().into(),
                        })
                        .collect(),
                };
                done.entry(entry.database)
                    .or_default()
                    .entry(entry.id)
                    .or_default()
                    .push(step);
            }
            Record::Landed { database, id, rev } => {
                let step = done
                    .get_mut(&database)
                    .and_then(|all| all.get_mut(&id))
                    .and_then(|steps| steps.last_mut());
                if let Some(step) = step {
                    step.rev = Some(rev);
                }
            }
            Record::Start(_) | Record::End { .. } => {}
        })?;
        Ok(done)
    }

    /// The journal of a run that there is.
    fn path_of(&self, run: &str) -> Result<PathBuf, Error> {
        // A run's id is a file's name, and must not become a path.
        let is_id = !run.is_empty()
            && run
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = self.path(run);
        if !is_id || !path.is_file() {
            return Err(Error::new(
                Kind::NotFound,
                operation::JOURNAL,
                format!("there is no run {run:?}; runs are listed by `runs`"),
            ));
        }
        Ok(path)
    }

    fn path(&self, run: &str) -> PathBuf {
        self.directory.join(format!("{run}.{EXTENSION}"))
    }

    fn failed(&self, detail: &str) -> Error {
        Error::new(
            Kind::Config,
            operation::JOURNAL,
            format!("{}: {detail}", self.directory.display()),
        )
    }

    /// The journals, oldest first: their names begin with the time.
    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&error.to_string())),
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == EXTENSION))
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// Reads a journal up to the first line that is not whole.
    fn records(&self, path: &Path, mut each: impl FnMut(Record)) -> Result<(), Error> {
        let file = File::open(path).map_err(|error| self.failed(&error.to_string()))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader
                .by_ref()
                .read_until(b'\n', &mut line)
                .map_err(|error| self.failed(&error.to_string()))?;
            if read == 0 || line.pop() != Some(b'\n') {
                return Ok(());
            }
            match std::str::from_utf8(&line).ok().and_then(Record::read) {
                Some(record) => each(record),
                None => return Ok(()),
            }
        }
    }

    /// Deletes journals that are too old, and the oldest of those that are too many bytes. One
    /// that cannot be deleted stays: that is no reason not to work.
    fn let_go(&self, now: SystemTime) {
        let mut kept = 0;
        for path in self.paths().unwrap_or_default().into_iter().rev() {
            let Ok(metadata) = path.metadata() else {
                continue;
            };
            let age = metadata
                .modified()
                .ok()
                .and_then(|modified| now.duration_since(modified).ok())
                .unwrap_or_default();
            kept += metadata.len();
            if age > self.keep || kept > self.keep_bytes {
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}
