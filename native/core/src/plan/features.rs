//! Lists of features, on a number and in the system config (contract section 8).

use crate::kazoo::{current_feature_name, public_fields_of};
use couchdb::{Object, elements, quoted, string};

/// The features that there are, in the order in which they are told.
pub const KNOWN_FEATURES: [&str; 12] = [
    "failover",
    "force_outbound",
    "prepend",
    "ringback",
    "cnam",
    "inbound_cnam",
    "outbound_cnam",
    "e911",
    "port",
    "sms",
    "mms",
    "carrier_name",
];

/// A list of features with one added or taken out: sorted, each once.
pub fn edited_list(list: &[String], feature: &str, add: bool) -> Vec<String> {
    let mut edited: Vec<String> = list
        .iter()
        .filter(|known| add || *known != feature)
        .cloned()
        .collect();
    if add {
        edited.push(feature.to_owned());
    }
    edited.sort_unstable();
    edited.dedup();
    edited
}

/// A number document with a feature added to one of its lists, or taken out; None where that is
/// so already. A list that becomes empty goes.
pub fn edit_features(
    document: &Object<'_>,
    field: &str,
    feature: &str,
    add: bool,
) -> Option<Box<str>> {
    let list: Vec<String> = features_of(document, field);
    if list.iter().any(|known| known == feature) == add {
        return None;
    }
    let edited = edited_list(&list, feature, add);
    let json = (!edited.is_empty()).then(|| {
        let texts: Vec<String> = edited.iter().map(|feature| quoted(feature)).collect();
        format!("[{}]", texts.join(","))
    });
    Some(document.with(&[(field, json.as_deref())]).into())
}

/// The features that a number document lists.
pub(crate) fn features_of(document: &Object<'_>, field: &str) -> Vec<String> {
    document
        .get(field)
        .and_then(elements)
        .into_iter()
        .flatten()
        .filter_map(string)
        .map(Into::into)
        .collect()
}

/// An unassigned number's document without `pvt_used_by`, and without the features that its `pvt_features_denied` names:
/// not in `pvt_features`, nor in the public fields that belong to them (contract section 8). None where it is so already.
pub fn migrate_unassigned(document: &Object<'_>) -> Option<Box<str>> {
    let denied = features_of(document, "pvt_features_denied");
    let mut migrated = document.with(&[("pvt_used_by", None)]);
    if let Some(features) = document.get("pvt_features") {
        let left = features_without(features, &denied);
        let edits = [("pvt_features", left.as_deref())];
        migrated = edited(&migrated, |document| document.with(&edits));
    }
    for path in denied.iter().flat_map(|feature| public_fields_of(feature)) {
        migrated = edited(&migrated, |document| without_path(document, &path));
    }
    let is_same = Object::parse(&migrated).is_ok_and(|new| new.digest() == document.digest());
    (!is_same).then(|| migrated.into())
}

fn edited(text: &str, edit: impl Fn(&Object<'_>) -> String) -> String {
    // What was written as an object reads as one.
    Object::parse(text).map_or_else(|_| text.to_owned(), |document| edit(&document))
}

/// `pvt_features` without those denied; None where none is left of some.
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

/// A document without a nested field; an object that becomes empty goes with it.
fn without_path(document: &Object<'_>, path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else {
        return document.with(&[]);
    };
    if rest.is_empty() {
        return document.with(&[(first, None)]);
    }
    let Some(inner) = document
        .get(first)
        .and_then(|json| Object::parse(json).ok())
    else {
        return document.with(&[]);
    };
    if rest.first().is_none_or(|name| inner.get(name).is_none()) {
        return document.with(&[]);
    }
    let left = without_path(&inner, rest);
    document.with(&[(first, Some(left.as_str()).filter(|left| *left != "{}"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_hold_each_once() {
        let list = ["port".to_owned(), "cnam".to_owned(), "port".to_owned()];
        assert_eq!(edited_list(&list, "e911", true), ["cnam", "e911", "port"]);
        assert_eq!(edited_list(&list, "port", false), ["cnam"]);
    }

    #[test]
    fn a_number_is_written_only_if_its_list_changes() {
        let text = r#"{"_id":"+1","pvt_features_allowed":["cnam"]}"#;
        let document = Object::parse(text).unwrap();
        let edit = |feature, add| edit_features(&document, "pvt_features_allowed", feature, add);
        assert_eq!(edit("cnam", true), None);
        assert_eq!(edit("port", false), None);
        assert_eq!(
            edit("port", true).as_deref(),
            Some(r#"{"_id":"+1","pvt_features_allowed":["cnam","port"]}"#)
        );
        assert_eq!(edit("cnam", false).as_deref(), Some(r#"{"_id":"+1"}"#));
    }

    #[test]
    fn unassigned_number_loses_its_use_and_the_features_denied_to_it() {
        let migrated = |text: &str| migrate_unassigned(&Object::parse(text).unwrap());
        let text = r#"{"_id":"+1","pvt_used_by":"callflow","pvt_features_denied":["e911","cnam","port"],
            "pvt_features":{"dash_e911":{},"cnam":{},"port":{},"sms":{}},
            "e911":{"a":1},"telnyx_e911":{},"cnam":{"display_name":"N"},"failover":{"sip":"x"}}"#;
        assert_eq!(
            migrated(text).as_deref(),
            Some(
                r#"{"_id":"+1","pvt_features_denied":["e911","cnam","port"],"pvt_features":{"sms":{}},"failover":{"sip":"x"}}"#
            )
        );
        let listed = r#"{"pvt_features_denied":["e911"],"pvt_features":["vitelity_e911","sms"]}"#;
        assert_eq!(
            migrated(listed).as_deref(),
            Some(r#"{"pvt_features_denied":["e911"],"pvt_features":["sms"]}"#)
        );
        let emptied = r#"{"pvt_features_denied":["prepend"],"pvt_features":{"prepend":{}},"prepend":{"name":"x","other":1}}"#;
        assert_eq!(
            migrated(emptied).as_deref(),
            Some(r#"{"pvt_features_denied":["prepend"],"prepend":{"other":1}}"#)
        );
        for same in [
            r#"{"pvt_features_denied":["port"],"pvt_features":{"e911":{}}}"#,
            r#"{"pvt_features_denied":["e911"],"pvt_features":{}}"#,
            r#"{"pvt_features":{"e911":{}},"e911":{}}"#,
        ] {
            assert_eq!(migrated(same), None, "{same}");
        }
    }
}
