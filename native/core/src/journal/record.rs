//! The lines of a journal.

use crate::plan::Cause;
use couchdb::ClusterIdentity;
use document::{Change, DatabaseName, Document, Revision, quoted};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The run's id.
    pub run: String,
    /// The start time (RFC 3339).
    pub at: String,
    /// The function and its arguments, as given.
    pub command: String,
    /// The user, as far as the caller knows.
    pub who: String,
    /// The server, without credentials.
    pub server: String,
    /// The cluster that the server belongs to.
    #[serde(default)]
    pub cluster: ClusterIdentity,
}

impl RunStart {
    /// Whether the run was on this cluster, by the identities of the clusters, otherwise by the URL of the server.
    pub fn is_on(&self, cluster: &ClusterIdentity, server: &str) -> bool {
        self.cluster
            .is_same(cluster)
            .unwrap_or(self.server == server)
    }

    /// The run that this run undoes, if it is an undo.
    pub fn undoes(&self) -> Option<&str> {
        Self::undone_by(&self.command)
    }

    /// Whether the run converts numbers to another carrier module.
    pub(crate) fn converts_carriers(&self) -> bool {
        let function = self.command.split_whitespace().next();
        function.is_some_and(|function| {
            matches!(
                function,
                "convert_carrier_module" | "convert_carrier_module_number"
            )
        })
    }

    /// The run that a command undoes, if it is an undo.
    pub(super) fn undone_by(command: &str) -> Option<&str> {
        let mut words = command.split_whitespace();
        (words.next() == Some("undo"))
            .then(|| words.next())
            .flatten()
    }
}

/// The start of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStart {
    /// The plan's id, and who planned what, when and on which cluster.
    #[serde(flatten)]
    pub start: RunStart,
    /// The function.
    pub function: String,
    /// Whether the command may change the whole cluster, and takes its lock.
    pub is_exclusive: bool,
    /// Whether it reconciles the services of the accounts whose numbers change.
    pub reconciles_services: bool,
}

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize)]
// Not an internally tagged enum: serde reads that through a tree, which loses the documents' original texts.
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The run starts.
    Start(RunStart),
    /// The plan starts: the first line of a plan instead of [`Record::Start`].
    Plan(PlanStart),
    /// A plan creates a database.
    Database {
        /// Its plain name.
        database: String,
    },
    /// A document will be written.
    Intent(PlannedWrite),
    /// A document was written with this revision.
    Landed {
        /// The database's plain name.
        database: String,
        /// The document's id.
        id: String,
        /// The new revision.
        rev: String,
    },
    /// The plan ends.
    Planned {
        /// Documents that are created.
        created: u64,
        /// Documents that are updated.
        updated: u64,
        /// Documents that are deleted.
        deleted: u64,
        /// Failures while planning.
        failed: u64,
    },
    /// The run ended.
    End {
        /// The end time (RFC 3339).
        at: String,
        /// Documents created.
        created: u64,
        /// Documents updated.
        updated: u64,
        /// Documents deleted.
        deleted: u64,
        /// Failures.
        failed: u64,
    },
}

/// The planned write of one document.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlannedWrite {
    /// The database's plain name.
    pub database: String,
    /// The document's id.
    pub id: String,
    /// The revision that is replaced, if it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// The key of the reason for the write. Journals of version 0.1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The document before, attachments inline. `None`: it will be created.
    pub before: Option<Box<RawValue>>,
    /// The document after. `None`: it will be deleted.
    pub after: Option<Box<RawValue>>,
    /// Losing leaves that are deleted or restored with the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<LosingLeaf>,
}

/// A losing leaf of a written document.
#[derive(Debug, Serialize, Deserialize)]
pub struct LosingLeaf {
    /// Its revision before the deletion.
    pub rev: String,
    /// Its content.
    pub text: Box<RawValue>,
}

impl Record {
    /// A document was written with this revision.
    pub(crate) fn landed(database: &DatabaseName, id: &str, rev: &Revision) -> Self {
        Self::Landed {
            database: database.plain().to_owned(),
            id: id.to_owned(),
            rev: rev.to_string(),
        }
    }

    /// Appends the record as a line: its checksum, and JSON.
    ///
    /// # Errors
    /// The record cannot be serialised.
    pub fn push_line(&self, lines: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let start = begin_line(lines);
        serde_json::to_writer(&mut *lines, self)?;
        end_line(lines, start);
        Ok(())
    }

    /// The record as a line.
    ///
    /// # Errors
    /// The record cannot be serialised.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        let mut line = Vec::new();
        self.push_line(&mut line)?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Parses a line; `None` if it is incomplete.
    pub fn read(line: &str) -> Option<Self> {
        let (sum, json) = line.split_once(' ')?;
        let sum = u32::from_str_radix(sum, 16).ok()?;
        if sum != crc32fast::hash(json.as_bytes()) {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}

/// The size of a checksum and the following space, in bytes.
const CHECKSUM: usize = 9;

/// Appends space for a checksum. Returns the start of the line.
fn begin_line(lines: &mut Vec<u8>) -> usize {
    let start = lines.len();
    lines.extend_from_slice(&[b' '; CHECKSUM]);
    start
}

/// Ends the line that started at `start`: writes the checksum of its JSON.
fn end_line(lines: &mut Vec<u8>, start: usize) {
    let sum = crc32fast::hash(lines.get(start + CHECKSUM..).unwrap_or_default());
    let digits = format!("{sum:08x}");
    if let Some(room) = lines.get_mut(start..start + digits.len()) {
        room.copy_from_slice(digits.as_bytes());
    }
    lines.push(b'\n');
}

/// An intent with borrowed texts, which are copied once, into the line. It parses as [`Record::Intent`].
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The database's plain name.
    pub database: &'a str,
    /// The change that will be made.
    pub change: &'a Change,
    /// The reason for it.
    pub cause: Cause,
    /// The document before, attachments inline, if `change` has only stubs of them.
    pub whole: Option<&'a Document>,
}

impl Intent<'_> {
    /// Appends the intent as a line.
    pub fn push_line(&self, lines: &mut Vec<u8>) {
        let start = begin_line(lines);
        let before = self.whole.or(self.change.before()).map(Document::text);
        let after = self.change.after().map(Document::text);
        lines.extend_from_slice(b"{\"intent\":{\"database\":");
        lines.extend_from_slice(quoted(self.database).as_bytes());
        lines.extend_from_slice(b",\"id\":");
        lines.extend_from_slice(quoted(self.change.id()).as_bytes());
        if let Some(rev) = self.change.rev() {
            lines.extend_from_slice(format!(",\"rev\":{}", quoted(&rev.to_string())).as_bytes());
        }
        lines.extend_from_slice(format!(",\"cause\":\"{}\"", self.cause.key()).as_bytes());
        for (name, text) in [("before", before), ("after", after)] {
            lines.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_document(lines, text.unwrap_or("null"));
        }
        let leaves = self.change.leaves();
        if !leaves.is_empty() {
            lines.extend_from_slice(b",\"leaves\":[");
            for (index, leaf) in leaves.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let rev = leaf.rev().map(ToString::to_string).unwrap_or_default();
                let name = format!("{comma}{{\"rev\":{},\"text\":", quoted(&rev));
                lines.extend_from_slice(name.as_bytes());
                push_document(lines, leaf.text());
                lines.push(b'}');
            }
            lines.push(b']');
        }
        lines.extend_from_slice(b"}}");
        end_line(lines, start);
    }
}

/// Appends the text of a document. A line break can only stand between two tokens; it becomes a space.
fn push_document(lines: &mut Vec<u8>, text: &str) {
    document::effort::copied(text.len());
    let start = lines.len();
    lines.extend_from_slice(text.as_bytes());
    for byte in lines.iter_mut().skip(start) {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::read("+1", Revision::parse("1-a"), text.to_owned().into()).unwrap()
    }

    fn line(change: &Change) -> String {
        let mut lines = Vec::new();
        let intent = Intent {
            database: "numbers/+1415",
            change,
            cause: Cause::Features,
            whole: None,
        };
        intent.push_line(&mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn incomplete_line_is_rejected() {
        let line = line(&Change::delete(document(r#"{"n":1.0}"#)));
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

    #[test]
    fn intent_round_trips() {
        let before = document("{\"_id\":\"+1\",\n\"n\":1.0}");
        let after = before.edited(&[("n", Some("2"))]);
        let Some(Record::Intent(entry)) =
            Record::read(line(&Change::update(before, after)).trim_end())
        else {
            panic!();
        };
        assert_eq!(
            (entry.database.as_str(), entry.id.as_str()),
            ("numbers/+1415", "+1")
        );
        assert_eq!(entry.before.unwrap().get(), "{\"_id\":\"+1\", \"n\":1.0}");
        assert_eq!(entry.after.unwrap().get(), r#"{"_id":"+1","n":2}"#);
        assert!(entry.leaves.is_empty());
        let restored = Change::Create {
            after: document("{}"),
            leaves: vec![document(r#"{"a":1}"#), document("{}")],
        };
        let Some(Record::Intent(entry)) = Record::read(line(&restored).trim_end()) else {
            panic!();
        };
        assert!(entry.before.is_none());
        let leaves: Vec<_> = entry
            .leaves
            .iter()
            .map(|leaf| (leaf.rev.as_str(), leaf.text.get()))
            .collect();
        assert_eq!(leaves, [("1-a", r#"{"a":1}"#), ("1-a", "{}")]);
    }
}
