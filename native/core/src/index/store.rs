//! The files of the index: a directory for each cluster, with one file for each database, and one for each server with a feed of
//! updates.
//!
//! A file is replaced as a whole, and has a digest of its content, so a file that a crash or a full disk left half written counts as
//! missing. Two processes replace each other's files; each file is complete.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use document::DatabaseName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::Builder;
use xxhash_rust::xxh3::xxh3_128;

use super::known_database::KnownDatabase;
use super::last_states::LastStates;
use crate::journal::{is_allowed, private_folder};
use couchdb::ClusterIdentity;

/// The first bytes of a file: a name, and the number of the form. A file of another form counts as missing.
const FORM: &[u8; 8] = b"KNINDEX\x03";

/// The bytes of the digest, which follow.
const DIGEST: usize = 16;

/// The begin of the names of files that are being written.
const UNFINISHED: &str = ".unfinished-";

/// The begin of the names of the files of servers.
const OF_SERVER: &str = "server-";

/// An unfinished file is of a run that was killed if it is older.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The index of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the index of a cluster in a directory, or begins it.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub(crate) fn open(
        directory: &Path,
        cluster: &ClusterIdentity,
        server: &str,
    ) -> io::Result<Self> {
        private_folder(directory)?;
        let folder = directory.join(name_of_cluster(cluster, server));
        private_folder(&folder)?;
        Ok(Self { folder })
    }

    /// Whether there is an index of a cluster in a directory.
    pub(crate) fn exists(directory: &Path, cluster: &ClusterIdentity, server: &str) -> bool {
        directory.join(name_of_cluster(cluster, server)).is_dir()
    }

    /// The known facts about a database. `None`: none that can be used.
    pub(crate) fn get(&self, database: &DatabaseName) -> Option<KnownDatabase> {
        self.read(&file_name(database), database.plain())
    }

    /// The last states of a server's databases. `None`: none that can be used.
    pub(crate) fn states(&self, server: &str) -> Option<LastStates> {
        self.read(&file_of_server(server), server)
    }

    fn read<T: DeserializeOwned>(&self, file: &str, of: &str) -> Option<T> {
        let bytes = fs::read(self.folder.join(file)).ok()?;
        let rest = bytes.strip_prefix(FORM)?;
        let (digest, content) = rest.split_first_chunk::<DIGEST>()?;
        if xxh3_128(content).to_le_bytes() != *digest {
            return None;
        }
        let (name, value): (String, T) = postcard::from_bytes(content).ok()?;
        (name == of).then_some(value)
    }

    /// The content of a database's file.
    ///
    /// # Errors
    /// Never, so far.
    pub(crate) fn pack(database: &DatabaseName, known: &KnownDatabase) -> io::Result<Vec<u8>> {
        packed(database.plain(), known)
    }

    /// Replaces the file of a database by this content.
    ///
    /// # Errors
    /// The disk is full, or the directory cannot be written. Then the old content stays.
    pub(crate) fn put(&self, database: &DatabaseName, packed: &[u8]) -> io::Result<()> {
        self.replace(&file_name(database), packed)
    }

    /// Replaces the file of a server.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub(crate) fn put_states(&self, server: &str, states: &LastStates) -> io::Result<()> {
        self.replace(&file_of_server(server), &packed(server, states)?)
    }

    fn replace(&self, file: &str, packed: &[u8]) -> io::Result<()> {
        is_allowed(packed.len() as u64)?;
        let mut unfinished = Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.folder)?;
        unfinished.write_all(packed)?;
        unfinished.persist(self.folder.join(file))?;
        Ok(())
    }

    /// Deletes the files of all servers. The next run asks each database.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub(crate) fn forget_states(&self) -> io::Result<()> {
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with(OF_SERVER) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// Deletes the files of all other databases, and unfinished files of runs that were killed.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub(crate) fn keep_only(&self, databases: &[DatabaseName]) -> io::Result<()> {
        let wanted: HashSet<String> = databases.iter().map(file_name).collect();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            let is_over = if name.starts_with(UNFINISHED) {
                let age = file.metadata()?.modified()?.elapsed();
                age.is_ok_and(|age| age > ABANDONED)
            } else {
                !wanted.contains(&*name) && !name.starts_with(OF_SERVER)
            };
            if is_over {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// A file: what it is of, and its value, after their digest.
fn packed(of: &str, value: &impl Serialize) -> io::Result<Vec<u8>> {
    let content = postcard::to_stdvec(&(of, value));
    let content = content.map_err(io::Error::other)?;
    let digest = xxh3_128(&content).to_le_bytes();
    Ok([FORM, &digest[..], &content].concat())
}

fn file_of_server(server: &str) -> String {
    format!("{OF_SERVER}{:032x}", xxh3_128(server.as_bytes()))
}

fn file_name(database: &DatabaseName) -> String {
    format!("{:032x}", xxh3_128(database.plain().as_bytes()))
}

/// A name for each cluster: a digest of its identity, or of the URL without credentials.
fn name_of_cluster(cluster: &ClusterIdentity, server: &str) -> String {
    let key = cluster.key().unwrap_or_else(|| server.to_owned());
    format!("{:032x}", xxh3_128(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use couchdb::DatabaseState;

    use super::*;

    fn known(seq: &str) -> KnownDatabase {
        let state = DatabaseState {
            update_seq: seq.to_owned(),
            purge_seq: "0".to_owned(),
            instance_start_time: "17".to_owned(),
            documents: 0,
            external_size: 0,
        };
        KnownDatabase::begin(&state, 7)
    }

    #[test]
    fn file_with_any_other_byte_counts_as_missing() {
        let directory = tempfile::tempdir().unwrap();
        let cluster = ClusterIdentity::default();
        let store = Store::open(directory.path(), &cluster, "http://couchdb").unwrap();
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let other = DatabaseName::new("numbers/+1416").unwrap();
        assert_eq!(store.get(&database), None);
        let put = |seq| {
            let packed = Store::pack(&database, &known(seq)).unwrap();
            store.put(&database, &packed).unwrap();
        };
        put("1-a");
        put("2-a");
        assert_eq!(store.get(&database), Some(known("2-a")));
        assert_eq!(store.get(&other), None);
        let path = store.folder.join(file_name(&database));
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(store.get(&database), None, "byte {place}");
            fs::write(&path, &whole[..place]).unwrap();
            assert_eq!(store.get(&database), None, "{place} bytes");
        }
        // The file of one database in the place of another's.
        fs::write(store.folder.join(file_name(&other)), &whole).unwrap();
        assert_eq!(store.get(&other), None);
        fs::write(&path, &whole).unwrap();
        fs::write(store.folder.join(".unfinished-new"), "").unwrap();
        store.keep_only(std::slice::from_ref(&database)).unwrap();
        assert_eq!(fs::read_dir(&store.folder).unwrap().count(), 2);
        assert_eq!(store.get(&database), Some(known("2-a")));
        store.keep_only(&[]).unwrap();
        assert_eq!(store.get(&database), None);
    }
}
