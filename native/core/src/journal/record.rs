//! The lines of a journal.

use couchdb::ClusterIdentity;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How a run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The run's id.
    pub run: String,
    /// When it began (RFC 3339).
    pub at: String,
    /// The function and its arguments, as given.
    pub command: String,
    /// Who ran it, as far as the front door knows.
    pub who: String,
    /// The server, without credentials.
    pub server: String,
    /// The cluster that the server belongs to.
    #[serde(default)]
    pub cluster: ClusterIdentity,
}

impl Start {
    /// Whether the run was on this cluster: by what the clusters say of themselves, or else by the server's URL.
    pub fn is_on(&self, cluster: &ClusterIdentity, server: &str) -> bool {
        self.cluster
            .is_same(cluster)
            .unwrap_or(self.server == server)
    }

    /// The run that this one undoes, if that is what it does.
    pub fn undoes(&self) -> Option<&str> {
        Self::undone_by(&self.command)
    }

    /// The run that a command undoes, if that is what it does.
    pub(super) fn undone_by(command: &str) -> Option<&str> {
        let mut words = command.split_whitespace();
        (words.next() == Some("undo"))
            .then(|| words.next())
            .flatten()
    }
}

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize)]
// Not tagged from within: such an enum is read through a tree, where texts do not survive.
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The run begins.
    Start(Start),
    /// A document is about to be written.
    Intent(Entry),
    /// A document was written, as this revision.
    Landed {
        /// The database's plain name.
        database: String,
        /// The document's id.
        id: String,
        /// The new revision.
        rev: String,
    },
    /// The run came to its end.
    End {
        /// When (RFC 3339).
        at: String,
        /// Documents created, updated, deleted, and what failed.
        created: u64,
        /// Documents updated.
        updated: u64,
        /// Documents deleted.
        deleted: u64,
        /// Failures.
        failed: u64,
    },
}

/// What a write is to do to one document.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The database's plain name.
    pub database: String,
    /// The document's id.
    pub id: String,
    /// The document before, attachments and all; none when it is created.
    pub before: Option<Box<RawValue>>,
    /// The document after; none when it is deleted.
    pub after: Option<Box<RawValue>>,
    /// Losing leaves that are deleted with the document, or put back with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<LeafEntry>,
}

/// A losing leaf of a document that is written.
#[derive(Debug, Serialize, Deserialize)]
pub struct LeafEntry {
    /// Its revision before it was deleted.
    pub rev: String,
    /// Its content.
    pub text: Box<RawValue>,
}

impl Record {
    /// The record as a line: its checksum, and JSON.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_string(self)?;
        let sum = crc32fast::hash(json.as_bytes());
        Ok(format!("{sum:08x} {json}\n"))
    }

    /// Reads a line; None for one that is not whole.
    pub fn read(line: &str) -> Option<Self> {
        let (sum, json) = line.split_once(' ')?;
        let sum = u32::from_str_radix(sum, 16).ok()?;
        if sum != crc32fast::hash(json.as_bytes()) {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_whole_is_none() {
        let record = Record::Intent(Entry {
            database: "numbers/+1415".into(),
            id: "+14155550100".into(),
            before: Some(RawValue::from_string(r#"{"n":1.0}"#.into()).unwrap()),
            after: None,
            leaves: Vec::new(),
        });
        let line = record.line().unwrap();
        let Some(Record::Intent(entry)) = Record::read(line.trim_end()) else {
            panic!("{line}");
        };
        assert_eq!(entry.before.unwrap().get(), r#"{"n":1.0}"#);
        assert!(entry.after.is_none());
        for end in 0..line.len() - 1 {
            assert!(Record::read(&line[..end]).is_none(), "{end}");
        }
        assert!(Record::read(&line.replace("1.0", "1.1")).is_none());
    }
}
