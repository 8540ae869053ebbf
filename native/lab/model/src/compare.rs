//! Compares the model's end state with a real one.

use std::collections::BTreeSet;

use exact_json::Value;
use kazoo_numbers_generator::{Cluster, Database, Document};

use crate::{
    numbers,
    outcome::{Now, gregorian},
};

/// Returns the differences, one per line. Empty if the clusters are equal.
///
/// Every document of every database counts, except `_rev`, attachment metadata and the order of
/// keys. Databases that start with `_` belong to the server. Where the model has "now"
/// ([`Now::marker`]), any time between `started` and `ended`, in Unix seconds, is accepted. In a
/// database that the model created, the design documents only have to exist.
pub fn same_end_state(model: &Cluster, real: &Cluster, started: u64, ended: u64) -> Vec<String> {
    let mut differences = Vec::new();
    for name in names(model, real) {
        match (model.databases.get(name), real.databases.get(name)) {
            (Some(_), None) => differences.push(format!("{name}: missing")),
            (None, Some(_)) => differences.push(format!("{name}: must not be there")),
            (Some(model), Some(real)) => {
                let was_created = model.documents.values().any(is_any);
                for id in ids(model, real) {
                    let (wanted, found) = (model.documents.get(id), real.documents.get(id));
                    let problem = match (wanted, found) {
                        (Some(_), None) => "missing".to_owned(),
                        (None, Some(_)) if was_created && id.starts_with("_design/") => continue,
                        (None, Some(_)) => "must not be there".to_owned(),
                        (Some(_), Some(_)) => {
                            let leaves = (model.leaves(id), real.leaves(id));
                            match differing_leaves(leaves, started, ended) {
                                None => continue,
                                Some(fields) => fields,
                            }
                        }
                        (None, None) => continue,
                    };
                    differences.push(format!("{name} {id}: {problem}"));
                }
            }
            (None, None) => {}
        }
    }
    differences
}

/// The same for deleted documents in databases that exist in both, for readers that see tombstones.
pub fn same_tombstones(model: &Cluster, real: &Cluster) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, wanted) in &model.databases {
        let Some(found) = real.databases.get(name) else {
            continue;
        };
        for id in wanted.deleted.difference(&found.deleted) {
            differences.push(format!("{name} {id}: is not deleted"));
        }
        for id in found.deleted.difference(&wanted.deleted) {
            differences.push(format!("{name} {id}: must not be deleted"));
        }
    }
    differences
}

/// A document with unspecified content.
fn is_any(document: &Document) -> bool {
    document.contains_key("\u{0}any")
}

/// Compares the winner and the losing leaves.
fn differing_leaves<'a>(
    (wanted, found): (
        impl Iterator<Item = &'a Document>,
        impl Iterator<Item = &'a Document>,
    ),
    started: u64,
    ended: u64,
) -> Option<String> {
    let (wanted, found): (Vec<_>, Vec<_>) = (wanted.collect(), found.collect());
    if wanted.len() != found.len() {
        return Some(format!("{} leaves and not {}", found.len(), wanted.len()));
    }
    let problems: Vec<String> = wanted
        .into_iter()
        .zip(found)
        .filter_map(|(wanted, found)| differing_fields(wanted, found, started, ended))
        .collect();
    (!problems.is_empty()).then(|| problems.join("; in another leaf: "))
}

fn differing_fields(
    wanted: &Document,
    found: &Document,
    started: u64,
    ended: u64,
) -> Option<String> {
    if is_any(wanted) {
        return None;
    }
    let (wanted, found) = (numbers::comparable(wanted), numbers::comparable(found));
    let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let problems: Vec<String> = keys
        .into_iter()
        .filter_map(|key| {
            let (wanted, found) = (wanted.get(key), found.get(key));
            let is_right = match (wanted, found) {
                (Some(wanted), Some(found)) if *wanted == Now::marker().0 => (gregorian(started)
                    ..=gregorian(ended))
                    .contains(&found.as_u64().unwrap_or_default()),
                _ => wanted == found,
            };
            (!is_right).then(|| format!("{key} is {} and not {}", shown(found), shown(wanted)))
        })
        .collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(value) if *value == Now::marker().0 => "now".to_owned(),
        Some(value) => value.to_string(),
    }
}

fn names<'a>(model: &'a Cluster, real: &'a Cluster) -> BTreeSet<&'a String> {
    let all = model.databases.keys().chain(real.databases.keys());
    all.filter(|name| !name.starts_with('_')).collect()
}

fn ids<'a>(model: &'a Database, real: &'a Database) -> BTreeSet<&'a String> {
    model
        .documents
        .keys()
        .chain(real.documents.keys())
        .collect()
}
