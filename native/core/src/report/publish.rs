//! Writes the files of a run: its report, and counters for Prometheus. A file that cannot be written is a warning and not a
//! failure.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::{About, AuditTotals, Audited, Metrics, Reporter, Summary, document};

/// A report has accounts and numbers, so only its owner may read it.
const PRIVATE: u32 = 0o600;

/// Prometheus reads the counters as another user.
const PUBLIC: u32 = 0o644;

/// The number of tries to lock the counters while another run has them. With the pause between tries this is half a second;
/// adding takes a millisecond.
const TURNS: u32 = 50;
const TURN: Duration = Duration::from_millis(10);

/// The target of a run's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportTo {
    /// This file, which is replaced.
    File(PathBuf),
    /// A new file in this directory, which is created if it does not exist.
    Directory(PathBuf),
}

impl ReportTo {
    /// The path of the report. In a directory it is named after the run and the function, so that files sort by time.
    fn path(&self, run: &str, function: &str) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Directory(directory) => directory.join(format!("{run}-{function}.json")),
        }
    }
}

/// Writes the report and adds to the counters, if the settings ask for it. `run`: the id of the run, or a new id for a run
/// without a journal.
pub(crate) async fn publish(
    reporter: &Reporter,
    to: Option<&ReportTo>,
    metrics: Option<&Path>,
    run: &str,
    about: &About,
    summary: &Summary,
    audit: Option<&Audited>,
) {
    if let Some(to) = to {
        let path = to.path(run, &summary.command);
        let text = reporter.with_recorded(|recorded| document(about, summary, recorded));
        let make = matches!(to, ReportTo::Directory(_));
        let written = run_blocking({
            let path = path.clone();
            move || {
                if make {
                    directory_of(&path)?;
                }
                replace(&path, text.as_bytes(), PRIVATE)
            }
        });
        if let Err(error) = written.await {
            reporter
                .warn(format!(
                    "the report cannot be written to {}: {error}",
                    path.display()
                ))
                .await;
        }
    }
    if let Some(path) = metrics.map(Path::to_owned) {
        let summary = summary.clone();
        let exit_status = about.exit_status;
        let whole = audit.filter(|audit| audit.is_whole);
        let totals = whole.map(|audit| audit.totals.clone());
        let added = run_blocking({
            let path = path.clone();
            move || add(&path, &summary, exit_status, totals.as_ref())
        });
        if let Err(error) = added.await {
            reporter
                .warn(format!(
                    "the metrics cannot be written to {}: {error}",
                    path.display()
                ))
                .await;
        }
    }
}

/// Runs blocking file work outside the async threads.
async fn run_blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn directory_of(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent(path))
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Replaces a file atomically: readers see either the old or the new content.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(parent(path))?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Adds a run to the counters. Runs that end at the same time take turns, also across processes.
fn add(
    path: &Path,
    summary: &Summary,
    exit_status: u8,
    totals: Option<&AuditTotals>,
) -> io::Result<()> {
    let _turn = turn(path)?;
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("not a regular file"));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut metrics = Metrics::parse(&text).map_err(io::Error::other)?;
    let ended = SystemTime::now().duration_since(UNIX_EPOCH);
    metrics.add(summary, exit_status, ended.unwrap_or_default().as_secs());
    if let Some(totals) = totals {
        metrics.set_drift(totals);
    }
    replace(path, metrics.render().as_bytes(), PUBLIC)
}

/// Locks a separate file, because the counters' file is replaced by each run. Closing the file releases the lock.
fn turn(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    // Opening must neither follow a link to another user's file nor wait for a FIFO.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .create(true)
        .append(true)
        .mode(PRIVATE)
        .custom_flags(flags.bits().cast_signed())
        .open(PathBuf::from(name))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("the lock file is not a regular file"));
    }
    for _ in 1..TURNS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TURN),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        ErrorKind::TimedOut,
        "another run holds their lock",
    ))
}
