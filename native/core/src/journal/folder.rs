//! A folder of journals that other users cannot write to.
//!
//! `undo` writes the content of journals to CouchDB. So the folder and each file in it must belong to this user and be closed to
//! others. They are checked through their descriptors, because a path can be redirected between a check and its use.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use rustix::process::geteuid;

use super::audits::HISTORY;
use super::writer::is_allowed;

/// The permission bits of other users.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

/// The free space on disk that a run needs to start, in bytes: some intents and their outcomes.
const ROOM: usize = 64 << 10;

/// The reasons to refuse a folder or a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("it is a symbolic link")]
    Link,
    #[error("it is not a directory")]
    NotADirectory,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it belongs to user {owner}, and this program runs as user {me}")]
    Owner { owner: u32, me: u32 },
    #[error("others may write to it (mode {0:04o})")]
    WritableByOthers(u32),
    #[error("it does not begin as the journal of its run")]
    NotOfRun,
    #[error("it is not a whole plan")]
    NotAPlan,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

impl Refused {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == ErrorKind::NotFound)
    }
}

/// The files of a folder that a value of [`Folder`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    Journals,
    Plans,
}

impl Files {
    fn extension(self) -> &'static str {
        match self {
            Self::Journals => ".journal",
            Self::Plans => ".plan",
        }
    }

    /// The file name for an id.
    pub(super) fn name(self, id: &str) -> String {
        format!("{id}{}", self.extension())
    }

    /// The id in a file name. `None` for any other file.
    fn id_of(self, name: &str) -> Option<&str> {
        name.strip_suffix(self.extension()).filter(|id| is_run(id))
    }
}

/// A folder of journals and plans that belongs to this user.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) handle: OwnedFd,
    files: Files,
}

impl Folder {
    /// Opens a folder. Returns `None` if it does not exist.
    pub(super) fn open(path: &Path, files: Files) -> Result<Option<Self>, Refused> {
        match Self::existing(path, files) {
            Ok(folder) => Ok(Some(folder)),
            Err(refused) if refused.is_missing() => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Opens a folder, and creates it if it does not exist.
    pub(super) fn make(path: &Path, files: Files) -> Result<Self, Refused> {
        if let Some(folder) = Self::open(path, files)? {
            return Ok(folder);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::existing(path, files)
    }

    fn existing(path: &Path, files: Files) -> Result<Self, Refused> {
        // Removes a slash at the end, with which the system would follow a link.
        let path: PathBuf = path.components().collect();
        if std::fs::symlink_metadata(&path)?.is_symlink() {
            return Err(Refused::Link);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| match error {
                Errno::NOTDIR => Refused::NotADirectory,
                Errno::LOOP => Refused::Link,
                error => error.into(),
            })?;
        let folder = Self { handle, files };
        let mode = owned(&rustix::fs::fstat(&folder.handle)?)?;
        if mode & OTHERS_WRITE != 0 {
            return Err(Refused::WritableByOthers(mode));
        }
        if mode & OTHERS != 0 {
            folder.close_to_others()?;
        }
        Ok(folder)
    }

    /// Version 0.1 created folders that others could list. A folder that holds only journals is closed to others. Any other
    /// folder stays open, because others may need it: they can list the runs there, but not open them.
    fn close_to_others(&self) -> Result<(), Refused> {
        if self.entries()?.iter().all(|name| is_ours(name)) {
            rustix::fs::fchmod(&self.handle, Mode::from_raw_mode(0o700))?;
        }
        Ok(())
    }

    /// The names in the folder, except names that are not UTF-8, which are not ours.
    fn entries(&self) -> Result<Vec<String>, Refused> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The runs with a file in the folder, oldest first: ids start with the time.
    pub(super) fn runs(&self) -> Result<Vec<String>, Refused> {
        let mut runs: Vec<String> = self
            .entries()?
            .iter()
            .filter_map(|name| self.files.id_of(name))
            .map(str::to_owned)
            .collect();
        runs.sort_unstable();
        Ok(runs)
    }

    /// Opens a run's journal. Returns `None` if it does not exist.
    pub(super) fn read(&self, run: &str) -> Result<Option<File>, Refused> {
        open_at(&self.handle, self.files.name(run), OFlags::RDONLY)
    }

    /// Creates the file of a new run, closed to other users: it holds documents.
    pub(super) fn create(&self, run: &str) -> Result<File, Refused> {
        let file = self.create_file(&self.files.name(run))?;
        // Without this, a crash can lose the file's name and with it the journal.
        rustix::fs::fsync(&self.handle)?;
        Ok(file)
    }

    pub(super) fn create_file(&self, name: &str) -> Result<File, Refused> {
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        Ok(rustix::fs::openat(&self.handle, name, flags, mode)?.into())
    }

    pub(super) fn remove(&self, run: &str) -> Result<(), Refused> {
        Ok(rustix::fs::unlinkat(
            &self.handle,
            self.files.name(run),
            AtFlags::empty(),
        )?)
    }

    /// Whether a journal can be written now.
    pub(super) fn has_room(&self) -> Result<(), Refused> {
        is_allowed(ROOM as u64)?;
        Ok(self.nameless()?.write_all(&[b'\n'; ROOM])?)
    }

    /// Creates a file that disappears with its process, where the file system supports that.
    pub(super) fn nameless(&self) -> Result<File, Refused> {
        #[cfg(target_os = "linux")]
        {
            let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&self.handle, ".", flags, Mode::from_raw_mode(0o600));
            if let Ok(file) = file {
                return Ok(file.into());
            }
        }
        let name = format!(".{:016x}", rand::random::<u64>());
        let file = self.create_file(&name)?;
        rustix::fs::unlinkat(&self.handle, &name, AtFlags::empty())?;
        Ok(file)
    }
}

/// Creates a folder that is closed to others, or checks that it is one of this user.
///
/// # Errors
/// It cannot be created, or others may write to it.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    match Folder::make(path, Files::Journals) {
        Ok(_) => Ok(()),
        Err(Refused::Io(error)) => Err(error),
        Err(refused) => Err(io::Error::other(refused.to_string())),
    }
}

/// Opens a file that no other user can have written. Returns `None` if it does not exist.
pub(super) fn open_file(path: &Path) -> Result<Option<File>, Refused> {
    open_at(rustix::fs::CWD, path, OFlags::RDONLY)
}

/// Opens a file of this user that others cannot write to. Returns `None` if it does not exist.
pub(super) fn open_at(
    folder: impl AsFd,
    name: impl Arg,
    access: OFlags,
) -> Result<Option<File>, Refused> {
    // Without NONBLOCK, opening a FIFO waits for a writer.
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(Refused::Link),
        // The error for a socket.
        Err(Errno::NXIO) => return Err(Refused::NotAFile),
        Err(error) => return Err(error.into()),
    };
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refused::NotAFile);
    }
    let mode = owned(&stat)?;
    if mode & OTHERS_WRITE != 0 {
        return Err(Refused::WritableByOthers(mode));
    }
    Ok(Some(File::from(file)))
}

/// The permission bits of a file or folder; refused if it belongs to another user.
fn owned(stat: &rustix::fs::Stat) -> Result<u32, Refused> {
    let (owner, me) = (stat.st_uid, geteuid().as_raw());
    if owner == me {
        Ok(Mode::from_raw_mode(stat.st_mode).as_raw_mode())
    } else {
        Err(Refused::Owner { owner, me })
    }
}

/// Whether a file is a journal, a plan or the history of audits.
fn is_ours(name: &str) -> bool {
    let mut kinds = [Files::Journals, Files::Plans].iter();
    name == HISTORY || kinds.any(|files| files.id_of(name).is_some())
}

/// Whether a text is a run id, such as `20261126T001209Z-487223`. A run id becomes a file name, so it must not contain a path.
pub(super) fn is_run(text: &str) -> bool {
    const FORM: &[u8] = b"00000000T000000Z-000000";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == *form,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const RUN: &str = "20261126T001209Z-487223";

    fn refused<T>(result: Result<T, Refused>) -> String {
        result.map(|_| ()).unwrap_err().to_string()
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn writable_folder_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("journal");
        assert!(Folder::open(&path, Files::Journals).unwrap().is_none());
        Folder::make(&path, Files::Journals).unwrap();
        assert_eq!(mode(&path), 0o700);
        for open in [0o770, 0o707, 0o1777] {
            chmod(&path, open);
            assert!(
                refused(Folder::make(&path, Files::Journals)).starts_with("others may write to it")
            );
        }
        let link = parent.path().join("link");
        symlink(&path, &link).unwrap();
        for link in [link.clone(), link.join("")] {
            assert_eq!(
                refused(Folder::make(&link, Files::Journals)),
                "it is a symbolic link"
            );
        }
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(
            refused(Folder::make(&file, Files::Journals)),
            "it is not a directory"
        );
        // Only root can change an owner. Other users test with the root directory.
        let (theirs, owner) = if geteuid().is_root() {
            chmod(&path, 0o700);
            std::os::unix::fs::chown(&path, Some(1), None).unwrap();
            (path.as_path(), 1)
        } else {
            (Path::new("/"), 0)
        };
        let why = format!("it belongs to user {owner}, and this program runs as user ");
        assert!(refused(Folder::make(theirs, Files::Journals)).starts_with(&why));
    }

    #[test]
    fn readable_folder_with_only_journals_is_closed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("journal");
        Folder::make(&path, Files::Journals)
            .unwrap()
            .create(RUN)
            .unwrap();
        chmod(&path, 0o755);
        Folder::make(&path, Files::Journals).unwrap();
        assert_eq!(mode(&path), 0o700);
        chmod(&path, 0o755);
        fs::write(path.join("invoices"), "").unwrap();
        Folder::make(&path, Files::Journals).unwrap();
        assert_eq!(mode(&path), 0o755);
    }

    #[test]
    fn foreign_or_special_file_is_refused_without_waiting() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::make(parent.path(), Files::Journals).unwrap();
        let path = parent.path().join(Files::Journals.name(RUN));
        assert!(folder.read(RUN).unwrap().is_none());
        let target = parent.path().join("target");
        fs::write(&target, "").unwrap();
        symlink(&target, &path).unwrap();
        assert_eq!(refused(folder.read(RUN)), "it is a symbolic link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(refused(folder.read(RUN)), "it is not a regular file");
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert_eq!(refused(folder.read(RUN)), "it is not a regular file");
        fs::remove_file(&path).unwrap();
        folder.create(RUN).unwrap();
        assert!(folder.read(RUN).unwrap().is_some());
        chmod(&path, 0o620);
        assert!(refused(folder.read(RUN)).starts_with("others may write to it"));
    }

    #[test]
    fn run_id_with_path_is_rejected() {
        assert!(is_run(RUN));
        for id in [
            "",
            "../x",
            "20261126T001209Z-48722",
            "20261126T001209Z-48722x",
            "20261126T001209Z/487223",
        ] {
            assert!(!is_run(id), "{id}");
        }
    }
}
