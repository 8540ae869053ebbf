//! The history of audits: one line of JSON for each audit of a whole cluster, in a file next to the journals.
//!
//! A line is appended in one write. A line that a crash cut off is skipped, and the next one starts on a new line. Beyond
//! [`MOST_BYTES`] the older half is dropped: the newer half replaces the file, so a crash leaves one or the other.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use super::Journals;
use super::files::failed;
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::folder::{Files, Folder, Refused, open_at};
use crate::report::AuditTotals;
use couchdb::Error;

/// The largest file: about 1500 audits.
const MOST_BYTES: u64 = 1 << 20;

/// The number of tries to lock the file while another audit has it, and the pause between them: half a second together.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// The name of the file.
pub(super) const HISTORY: &str = "audits.jsonl";

/// Appends the totals of an audit.
///
/// # Errors
///
/// No folder of journals can be used: the error of the first.
pub(crate) fn append(journals: &Journals, totals: &AuditTotals) -> Result<(), Error> {
    journals
        .first(|directory| {
            let appended = Folder::make(directory, Files::Journals)
                .and_then(|folder| append_in(&folder, totals));
            appended.map_err(|refused| failed(directory, &refused))
        })
        .map(|_| ())
}

/// The audits, oldest first, and the errors of unusable folders.
pub(crate) fn read(journals: &Journals) -> (Vec<AuditTotals>, Vec<Error>) {
    let mut all = Vec::new();
    let mut refused = Vec::new();
    for directory in journals.directories() {
        match read_in(directory) {
            Ok(found) => all.extend(found),
            Err(error) => refused.push(failed(directory, &error)),
        }
    }
    all.sort_by_key(|totals: &AuditTotals| totals.taken_at);
    (all, refused)
}

fn read_in(directory: &std::path::Path) -> Result<Vec<AuditTotals>, Refused> {
    let Some(folder) = Folder::open(directory, Files::Journals)? else {
        return Ok(Vec::new());
    };
    let Some(file) = folder.read_history()? else {
        return Ok(Vec::new());
    };
    // A file of this size is not ours.
    let mut text = Vec::new();
    file.take(MOST_BYTES * 4).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

fn append_in(folder: &Folder, totals: &AuditTotals) -> Result<(), Refused> {
    let mut line = serde_json::to_string(totals).map_err(io::Error::other)?;
    line.push('\n');
    let (mut file, size) = locked(folder)?;
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(size - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, '\n');
        }
    }
    file.write_all(line.as_bytes())?;
    file.sync_data()?;
    if size + line.len() as u64 > MOST_BYTES {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut text)?;
        folder.replace_history(newer_half(&text))?;
    }
    Ok(())
}

/// Opens and locks the file. Another audit can have replaced it between the two; then its successor is opened.
fn locked(folder: &Folder) -> Result<(File, u64), Refused> {
    for _ in 0..TRIES {
        let file = folder.open_history()?;
        match file.try_lock() {
            Ok(()) if folder.is_history(&file)? => {
                let size = file.metadata()?.len();
                return Ok((file, size));
            }
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, "another audit holds its lock").into())
}

/// The newer half of a text, from the start of a line.
fn newer_half(text: &[u8]) -> &[u8] {
    let half = text.get(text.len() / 2..).unwrap_or_default();
    let start = half.iter().position(|byte| *byte == b'\n');
    start.and_then(|at| half.get(at + 1..)).unwrap_or_default()
}

impl Folder {
    /// Opens the history of audits to read it. Returns `None` if it does not exist.
    fn read_history(&self) -> Result<Option<File>, Refused> {
        open_at(&self.handle, HISTORY, OFlags::RDONLY)
    }

    /// Opens the history of audits to append to it, and creates it if it does not exist.
    fn open_history(&self) -> Result<File, Refused> {
        let flags = OFlags::RDWR | OFlags::APPEND;
        loop {
            if let Some(file) = open_at(&self.handle, HISTORY, flags)? {
                return Ok(file);
            }
            match self.create_file(HISTORY) {
                Ok(_) => {}
                // Another audit created it meanwhile.
                Err(Refused::Io(error)) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Whether this file is the history, and not one that was replaced.
    fn is_history(&self, file: &File) -> Result<bool, Refused> {
        let opened = rustix::fs::fstat(file)?;
        Ok(
            match rustix::fs::statat(&self.handle, HISTORY, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(named) => (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino),
                Err(Errno::NOENT) => false,
                Err(error) => return Err(error.into()),
            },
        )
    }

    /// Replaces the history of audits: readers see the old or the new content.
    fn replace_history(&self, content: &[u8]) -> Result<(), Refused> {
        let temporary = format!(".{:016x}", rand::random::<u64>());
        let written = self.create_file(&temporary).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            Ok(rustix::fs::renameat(
                &self.handle,
                &temporary,
                &self.handle,
                HISTORY,
            )?)
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.handle, &temporary, AtFlags::empty());
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn totals(taken_at: u64) -> AuditTotals {
        AuditTotals {
            taken_at,
            version: "x".repeat(500),
            ..AuditTotals::default()
        }
    }

    fn times(journals: &Journals) -> Vec<u64> {
        let (all, refused) = read(journals);
        assert!(refused.is_empty(), "{refused:?}");
        all.iter().map(|one| one.taken_at).collect()
    }

    #[test]
    fn line_that_a_crash_cut_off_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        assert!(times(&journals).is_empty());
        append(&journals, &totals(1)).unwrap();
        let path = folder.path().join(HISTORY);
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            append(&journals, &totals(2)).unwrap();
            // A cut before the line feed leaves a complete line.
            let expected: &[u64] = if cut < whole.len() - 1 {
                &[1, 2]
            } else {
                &[1, 1, 2]
            };
            assert_eq!(times(&journals), expected, "{cut}");
        }
    }

    #[test]
    fn history_is_bounded_and_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        append(&journals, &totals(0)).unwrap();
        let path = folder.path().join(HISTORY);
        let line = fs::read_to_string(&path).unwrap();
        let most = usize::try_from(MOST_BYTES).unwrap();
        fs::write(&path, line.repeat(most / line.len())).unwrap();
        for at in 1..6 {
            append(&journals, &totals(at)).unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() < MOST_BYTES * 3 / 4);
        let times = times(&journals);
        assert!(times.ends_with(&[0, 1, 2, 3, 4, 5]), "{times:?}");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn audits_at_the_same_time_all_leave_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        std::thread::scope(|scope| {
            for at in 0..8 {
                let journals = &journals;
                scope.spawn(move || append(journals, &totals(at)).unwrap());
            }
        });
        assert_eq!(times(&journals), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn foreign_history_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        let target = folder.path().join("target");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(HISTORY)).unwrap();
        let error = append(&journals, &totals(1)).unwrap_err().to_string();
        assert!(error.ends_with("it is a symbolic link"), "{error}");
        assert_eq!(read(&journals).1.len(), 1);
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
}
