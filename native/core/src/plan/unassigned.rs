//! Unassigned numbers: the fields that they must not have (docs/specification.md#migrate-unassigned), and Kazoo's answers about
//! them.

use std::collections::BTreeMap;

use document::{Document, NotAnObject, Object, digest_of_value, elements, string};

use super::removal::state_of;
use super::{Decision, Source, features_of, source_in_number_database};
use crate::kazoo::{DatabaseName, NumberFacts, current_feature_name, public_fields_of};

/// Whether an unassigned number has a `pvt_used_by`.
pub fn has_used_by(document: &Document) -> bool {
    document
        .get("pvt_used_by")
        .is_some_and(|used_by| used_by != "null")
}

/// Whether `migrate_unassigned_numbers` applies to a document: an unassigned number in the right database that is neither deleted
/// nor in state `discovery`.
pub fn is_migrated(database: &DatabaseName, document: &Document) -> bool {
    let source = source_in_number_database(database, document.id(), &NumberFacts::of(document));
    let is_past = matches!(state_of(document).as_deref(), Some("deleted" | "discovery"));
    source == Source::Unassigned && !is_past
}

/// Whether `migrate_unassigned_numbers` changes a document that it applies to, where Kazoo does not decide.
pub fn is_unmigrated(document: &Document) -> bool {
    matches!(migrate_unassigned(document), Decision::Write(_))
}

/// Removes `pvt_used_by` from the document of an unassigned number, and the features in its `pvt_features_denied` from
/// `pvt_features` and from their public fields.
pub fn migrate_unassigned(document: &Document) -> Decision {
    let denied = features_of(document, "pvt_features_denied");
    // New values of fields; `None` for removed fields.
    let mut fields: BTreeMap<&str, Option<String>> = BTreeMap::new();
    fields.insert("pvt_used_by", None);
    if let Some(features) = document.get("pvt_features") {
        fields.insert("pvt_features", features_without(features, &denied));
    }
    for path in denied.iter().flat_map(|feature| public_fields_of(feature)) {
        let Some((field, inner)) = path.split_first() else {
            continue;
        };
        let value = match fields.get(field) {
            Some(value) => value.clone(),
            None => document.get(field).map(str::to_owned),
        };
        if let Some(value) = value {
            fields.insert(field, without_field(value, inner.first().copied()));
        }
    }
    let edits: Vec<(&str, Option<&str>)> = fields
        .iter()
        .map(|(field, value)| (*field, value.as_deref()))
        .collect();
    let migrated = document.edited(&edits);
    Decision::edit((migrated.digest() != document.digest()).then_some(migrated))
}

/// A value without one of its fields, or without all (`None`). An object that becomes empty is removed with its field.
fn without_field(value: String, field: Option<&str>) -> Option<String> {
    let field = field?;
    match Object::parse(&value) {
        Ok(object) if object.get(field).is_some() => {
            Some(object.with(&[(field, None)])).filter(|left| left != "{}")
        }
        _ => Some(value),
    }
}

/// `pvt_features` without the denied features. `None` if there were features and all are denied.
fn features_without(features: &str, denied: &[String]) -> Option<String> {
    let is_denied = |name: &str| {
        let current = current_feature_name(name);
        denied
            .iter()
            .any(|denied| denied == name || current_feature_name(denied) == current)
    };
    if let Some(listed) = elements(features) {
        let left: Vec<&str> = listed
            .iter()
            .copied()
            .filter(|json| !string(json).is_some_and(|name| is_denied(&name)))
            .collect();
        return match left.len() {
            0 if !listed.is_empty() => None,
            kept if kept == listed.len() => Some(features.to_owned()),
            _ => Some(format!("[{}]", left.join(","))),
        };
    }
    let Ok(object) = Object::parse(features) else {
        return Some(features.to_owned());
    };
    let gone: Vec<(&str, Option<&str>)> = object
        .fields()
        .filter(|(name, _)| is_denied(name))
        .map(|(name, _)| (name, None))
        .collect();
    match gone.len() {
        0 => Some(features.to_owned()),
        all if all == object.fields().count() => None,
        _ => Some(object.with(&gone)),
    }
}

/// The private fields that Kazoo omits if they are empty when it saves a number. Other fields that its answer lacks are unknown
/// to it and stay.
pub const KAZOOS_FIELDS: [&str; 10] = [
    "pvt_assigned_to",
    "pvt_carrier_data",
    "pvt_features",
    "pvt_features_allowed",
    "pvt_features_denied",
    "pvt_number_state",
    "pvt_previously_assigned_to",
    "pvt_region",
    "pvt_reserve_history",
    "pvt_used_by",
];

/// A document in a form that Kazoo can read, as JSON text. Kazoo's code expects a value in a field that is present and fails on
/// `"pvt_assigned_to": null`. `None` if no change is needed.
pub fn for_kazoo(document: &Document) -> Option<String> {
    let nulls: Vec<(&str, Option<&str>)> = document
        .fields()
        .filter(|(name, json)| KAZOOS_FIELDS.contains(name) && *json == "null")
        .map(|(name, _)| (name, None))
        .collect();
    if nulls.is_empty() {
        return None;
    }
    let shown = document.edited(&nulls);
    Some(
        match (document.get("_rev"), shown.text().strip_prefix('{')) {
            (Some(rev), Some(rest)) => format!("{{\"_rev\":{rev},{rest}"),
            _ => shown.text().to_owned(),
        },
    )
}

/// Merges Kazoo's changes into a document. `saved`: the document as Kazoo would save it, as JSON text. Fields that Kazoo did not
/// change keep their text.
///
/// # Errors
///
/// `saved` is not a JSON object.
pub fn merged(document: &Document, saved: &str) -> Result<Decision, NotAnObject> {
    let saved = Object::parse(saved)?;
    let mut edits: Vec<(&str, Option<&str>)> = Vec::new();
    for (name, json) in saved.fields().filter(|(name, _)| !name.starts_with('_')) {
        let is_same = |old: &str| digest_of_value(old) == digest_of_value(json);
        if !document.get(name).is_some_and(is_same) {
            edits.push((name, Some(json)));
        }
    }
    for (name, json) in document.fields() {
        // Kazoo did not receive the nulls, so their absence is not a removal.
        let is_kazoos =
            !name.starts_with("pvt_") || KAZOOS_FIELDS.contains(&name) && json != "null";
        if is_kazoos && !name.starts_with('_') && saved.get(name).is_none() {
            edits.push((name, None));
        }
    }
    Ok(Decision::edit(
        (!edits.is_empty()).then(|| document.edited(&edits)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{document, shown};

    fn migrated(text: &str) -> String {
        shown(&migrate_unassigned(&document(text)))
    }

    fn merge(text: &str, saved: &str) -> String {
        shown(&merged(&document(text), saved).unwrap())
    }

    #[test]
    fn null_used_by_counts_as_unused() {
        assert!(!has_used_by(&document(r#"{"pvt_used_by":null}"#)));
        assert!(has_used_by(&document(r#"{"pvt_used_by":7}"#)));
    }

    #[test]
    fn unassigned_number_loses_used_by_and_denied_features() {
        let text = r#"{"_id":"+1","pvt_used_by":"callflow","pvt_features_denied":["e911","cnam","port"],
            "pvt_features":{"dash_e911":{},"cnam":{},"port":{},"sms":{}},
            "e911":{"a":1},"telnyx_e911":{},"cnam":{"display_name":"N"},"failover":{"sip":"x"}}"#;
        assert_eq!(
            migrated(text),
            r#"{"_id":"+1","pvt_features_denied":["e911","cnam","port"],"pvt_features":{"sms":{}},"failover":{"sip":"x"}}"#
        );
        let listed = r#"{"pvt_features_denied":["e911"],"pvt_features":["vitelity_e911","sms"]}"#;
        assert_eq!(
            migrated(listed),
            r#"{"pvt_features_denied":["e911"],"pvt_features":["sms"]}"#
        );
        let emptied = r#"{"pvt_features_denied":["prepend"],"pvt_features":{"prepend":{}},"prepend":{"name":"x","other":1}}"#;
        assert_eq!(
            migrated(emptied),
            r#"{"pvt_features_denied":["prepend"],"prepend":{"other":1}}"#
        );
        for same in [
            r#"{"pvt_features_denied":["port"],"pvt_features":{"e911":{}}}"#,
            r#"{"pvt_features_denied":["e911"],"pvt_features":{}}"#,
            r#"{"pvt_features":{"e911":{}},"e911":{}}"#,
        ] {
            assert_eq!(migrated(same), "unchanged", "{same}");
        }
    }

    #[test]
    fn merge_keeps_fields_unknown_to_the_host() {
        let text = r#"{"_id":"+1","_rev":"1-a","_attachments":{"a":{"stub":true}},"pvt_own":1.0,"pvt_used_by":"callflow","cnam":{"x":1},"n":1.0}"#;
        let saved =
            r#"{"_id":"+1","_rev":"1-a","n":1.0,"pvt_type":"number","pvt_ported_in":false}"#;
        assert_eq!(
            merge(text, saved),
            r#"{"_id":"+1","_attachments":{"a":{"stub":true}},"pvt_own":1.0,"n":1.0,"pvt_type":"number","pvt_ported_in":false}"#
        );
    }

    #[test]
    fn nulls_are_hidden_from_the_host_and_kept_in_the_document() {
        let text = r#"{"_id":"+1","_rev":"1-a","pvt_assigned_to":null,"pvt_own":null,"pvt_used_by":"x","n":1}"#;
        let shown = for_kazoo(&document(text)).unwrap();
        assert_eq!(
            shown,
            r#"{"_rev":"1-a","_id":"+1","pvt_own":null,"pvt_used_by":"x","n":1}"#
        );
        assert_eq!(merge(text, &shown), "unchanged");
        assert_eq!(
            merge(text, r#"{"_id":"+1","n":1}"#),
            r#"{"_id":"+1","pvt_assigned_to":null,"pvt_own":null,"n":1}"#
        );
        assert_eq!(for_kazoo(&document(r#"{"n":null}"#)), None);
    }

    #[test]
    fn merge_of_equal_documents_changes_nothing() {
        let text = r#"{"_id":"+1","_rev":"1-a","a":{"b":1,"c":"é"},"pvt_own":true}"#;
        assert_eq!(
            merge(text, r#"{"a":{"c":"\u00e9","b":1},"_id":"+1"}"#),
            "unchanged"
        );
    }
}
