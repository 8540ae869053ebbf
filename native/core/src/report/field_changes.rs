//! The fields in which two versions of a document differ.

use document::{Document, is_about_revisions};

use super::FieldChange;

/// The fields that an update changes, in the order of the documents. Fields about revisions are skipped.
pub(crate) fn field_changes(before: &Document, after: &Document) -> Vec<FieldChange> {
    let content = |document: &Document| -> Vec<(String, String)> {
        document
            .fields()
            .filter(|(field, _)| !is_about_revisions(field))
            .map(|(field, json)| (field.to_owned(), json.to_owned()))
            .collect()
    };
    let mut changes = Vec::new();
    for (field, old) in content(before) {
        let new = after.get(&field);
        if new != Some(&old) {
            changes.push(FieldChange {
                new: new.map(str::to_owned),
                field,
                old: Some(old),
            });
        }
    }
    for (field, new) in content(after) {
        if before.get(&field).is_none() {
            changes.push(FieldChange {
                field,
                old: None,
                new: Some(new),
            });
        }
    }
    changes
}
