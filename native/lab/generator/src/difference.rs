//! Describes the differences between two clusters.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exact_json::Value;

use crate::documents::{Cluster, Database, Document};

const SHOWN: usize = 120;

impl Cluster {
    /// Returns every difference, one per line, this cluster first: databases, documents,
    /// tombstones, fields. Empty if the clusters are equal. Numbers are compared by spelling,
    /// objects without the order of keys, attachments by name, type and content.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let names: BTreeSet<&String> = self
            .databases
            .keys()
            .chain(other.databases.keys())
            .collect();
        for name in names {
            match (self.databases.get(name), other.databases.get(name)) {
                (Some(here), Some(there)) => database_differences(name, here, there, &mut lines),
                (Some(_), None) => lines.push(format!("{name}: database only on the left")),
                _ => lines.push(format!("{name}: database only on the right")),
            }
        }
        lines
    }

    /// The cluster without tombstones, for comparisons that ignore them.
    #[must_use]
    pub fn without_tombstones(mut self) -> Self {
        for database in self.databases.values_mut() {
            database.deleted.clear();
        }
        self
    }

    /// The cluster without tombstones, design documents and databases with nothing else. Undo must
    /// restore this state; a database that a run created stays, empty.
    #[must_use]
    pub fn without_remains(self) -> Self {
        let mut cluster = self.without_tombstones();
        for database in cluster.databases.values_mut() {
            database
                .documents
                .retain(|id, _| !id.starts_with("_design/"));
        }
        cluster
            .databases
            .retain(|_, database| !database.documents.is_empty());
        cluster
    }
}

fn database_differences(name: &str, here: &Database, there: &Database, lines: &mut Vec<String>) {
    let ids: BTreeSet<&String> = here
        .documents
        .keys()
        .chain(there.documents.keys())
        .chain(&here.deleted)
        .chain(&there.deleted)
        .collect();
    for id in ids {
        let (left, right) = (here.documents.get(id), there.documents.get(id));
        if let (Some(left), Some(right)) = (left, right) {
            document_differences(name, id, left, right, lines);
            conflict_differences(name, id, here, there, lines);
            continue;
        }
        let (left, right) = (state(here, id), state(there, id));
        if left != right {
            lines.push(format!("{name} {id}: {left} → {right}"));
        }
    }
}

/// Compares losing leaves in order.
fn conflict_differences(
    name: &str,
    id: &str,
    here: &Database,
    there: &Database,
    lines: &mut Vec<String>,
) {
    let (left, right): (Vec<_>, Vec<_>) = (
        here.leaves(id).skip(1).collect(),
        there.leaves(id).skip(1).collect(),
    );
    if left.len() != right.len() {
        lines.push(format!(
            "{name} {id}: {} conflicts → {}",
            left.len(),
            right.len()
        ));
        return;
    }
    for (place, (left, right)) in left.into_iter().zip(right).enumerate() {
        let leaf = format!("{id} (conflict {})", place + 1);
        document_differences(name, &leaf, left, right, lines);
    }
}

fn state(database: &Database, id: &str) -> &'static str {
    if database.documents.contains_key(id) {
        "there"
    } else if database.deleted.contains(id) {
        "deleted"
    } else {
        "absent"
    }
}

fn document_differences(
    name: &str,
    id: &str,
    left: &Document,
    right: &Document,
    lines: &mut Vec<String>,
) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let (left, right) = (left.get(key), right.get(key));
        let same = match (left, right) {
            (Some(left), Some(right)) if key == "_attachments" => same_attachments(left, right),
            _ => left == right,
        };
        if !same {
            lines.push(format!(
                "{name} {id}: {key}: {} → {}",
                shown(left),
                shown(right)
            ));
        }
    }
}

fn same_attachments(left: &Value, right: &Value) -> bool {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else {
        return left == right;
    };
    left.len() == right.len()
        && left.iter().all(|(name, here)| {
            right.get(name).is_some_and(|there| {
                here.get("content_type") == there.get("content_type")
                    && content(here) == content(there)
            })
        })
}

fn content(attachment: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(attachment.get("data")?.as_str()?).ok()
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return String::from("absent");
    };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
