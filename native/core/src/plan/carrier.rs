//! Converts a number to another carrier module (docs/specification.md#convert-carrier).

use std::borrow::Cow;

use crate::kazoo::{features_of_list, wants_local_feature};
use document::{Document, Object, quoted};

/// The document with carrier module `target` (a stored name) and the features for that module. `None` if nothing changes. `now`
/// is in gregorian seconds.
pub fn convert(document: &Document, target: &str, now: u64) -> Option<Document> {
    let module = quoted(target);
    let current = document.get("pvt_features");
    let features = features(document, wants_local_feature(target));
    if document.get("pvt_module_name") == Some(&module) && features.as_deref() == current {
        return None;
    }
    let modified = now.to_string();
    let edits = [
        ("pvt_module_name", Some(module.as_str())),
        ("pvt_modified", Some(modified.as_str())),
        ("pvt_features", features.as_deref()),
    ];
    Some(document.edited(&edits))
}

/// Whether a number has this carrier module.
pub fn has_module(document: &Document, module: &str) -> bool {
    module_of(document).as_deref() == Some(module)
}

/// The carrier module of a number.
pub fn module_of(document: &Document) -> Option<Cow<'_, str>> {
    document.string("pvt_module_name")
}

/// `pvt_features` with or without `local`. `None`: the field is removed. A list becomes the object that Kazoo makes of it
/// (docs/specification.md#feature-list). An object without features is removed (10.21). Any other value is replaced if `local` is
/// added, and kept otherwise.
fn features(document: &Document, local: bool) -> Option<String> {
    let current = document.get("pvt_features");
    let of_list = current.and_then(|json| features_of_list(json, document));
    let object = of_list.as_deref().or(current);
    let Some(object) = object.and_then(|json| Object::parse(json).ok()) else {
        return match local {
            true => Some(r#"{"local":{}}"#.to_owned()),
            false => current.map(str::to_owned),
        };
    };
    let features = match (local, object.get("local")) {
        (true, None) => object.with(&[("local", Some("{}"))]),
        (false, Some(_)) => object.with(&[("local", None)]),
        _ => match &of_list {
            Some(made) => made.clone(),
            None => current.unwrap_or("{}").to_owned(),
        },
    };
    let is_empty = Object::parse(&features).is_ok_and(|object| object.fields().next().is_none());
    (!is_empty).then_some(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(document: &str, target: &str) -> Option<String> {
        let converted = convert(&crate::plan::tests::document(document), target, 7);
        converted.map(|converted| converted.text().to_owned())
    }

    #[test]
    fn local_feature_is_added_for_local_modules_and_removed_for_others() {
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"a","pvt_features":{"cnam":{}}}"#,
                "knm_local"
            )
            .unwrap(),
            r#"{"pvt_module_name":"knm_local","pvt_features":{"cnam":{},"local":{}},"pvt_modified":7}"#
        );
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"knm_local","pvt_features":{"local":{"x":1},"cnam":{}},"pvt_modified":1}"#,
                "knm_telnyx"
            )
            .unwrap(),
            r#"{"pvt_module_name":"knm_telnyx","pvt_features":{"cnam":{}},"pvt_modified":7}"#
        );
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"a","pvt_features":{"local":{"x":1}}}"#,
                "knm_mdn"
            )
            .unwrap(),
            r#"{"pvt_module_name":"knm_mdn","pvt_features":{"local":{"x":1}},"pvt_modified":7}"#
        );
    }

    #[test]
    fn converted_number_is_unchanged() {
        assert_eq!(
            converted(r#"{"pvt_module_name":"knm_telnyx"}"#, "knm_telnyx"),
            None
        );
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"knm_telnyx","pvt_features":null}"#,
                "knm_telnyx"
            ),
            None
        );
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"knm_local","pvt_features":{"local":{}}}"#,
                "knm_local"
            ),
            None
        );
    }

    #[test]
    fn feature_list_becomes_an_object() {
        let listed = r#"{"pvt_module_name":"wnm_bandwidth","pvt_features":["dash_e911","local"],"dash_e911":{"n":1}}"#;
        assert_eq!(
            converted(listed, "knm_local").unwrap(),
            r#"{"pvt_module_name":"knm_local","pvt_features":{"e911":{"n":1},"local":{}},"dash_e911":{"n":1},"pvt_modified":7}"#
        );
        assert_eq!(
            converted(listed, "knm_telnyx").unwrap(),
            r#"{"pvt_module_name":"knm_telnyx","pvt_features":{"e911":{"n":1}},"dash_e911":{"n":1},"pvt_modified":7}"#
        );
    }

    #[test]
    fn empty_features_are_removed() {
        for features in ["{}", "[]", r#"{"local":{"x":1}}"#, r#"["local"]"#] {
            let document =
                format!(r#"{{"pvt_module_name":"knm_local","pvt_features":{features}}}"#);
            assert_eq!(
                converted(&document, "knm_telnyx").unwrap(),
                r#"{"pvt_module_name":"knm_telnyx","pvt_modified":7}"#
            );
        }
    }
}
