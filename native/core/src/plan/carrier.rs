//! Conversion of a number to another carrier module (contract section 5).

use crate::kazoo::wants_local_feature;
use couchdb::{Object, quoted};

/// The document with its carrier module set to `target` (a stored name) and its feature `local`
/// as that module wants it; None where it is so already. `now` is in gregorian seconds.
pub fn convert(document: &Object<'_>, target: &str, now: u64) -> Option<Box<str>> {
    let module = quoted(target);
    let features = features(document.get("pvt_features"), wants_local_feature(target));
    if document.get("pvt_module_name") == Some(&module) && features.is_none() {
        return None;
    }
    let modified = now.to_string();
    let mut edits = vec![
        ("pvt_module_name", Some(module.as_str())),
        ("pvt_modified", Some(modified.as_str())),
    ];
    if let Some(features) = &features {
        edits.push(("pvt_features", Some(features)));
    }
    Some(document.with(&edits).into())
}

/// `pvt_features` with or without `local`; None where it is so already. What is no object has
/// no features, and taking something out of nothing changes nothing.
fn features(json: Option<&str>, local: bool) -> Option<String> {
    let object = json.and_then(|json| Object::parse(json).ok());
    match (object, local) {
        (None, true) => Some(r#"{"local":{}}"#.to_owned()),
        (None, false) => None,
        (Some(object), local) if object.get("local").is_some() == local => None,
        (Some(object), true) => Some(object.with(&[("local", Some("{}"))])),
        (Some(object), false) => Some(object.with(&[("local", None)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(document: &str, target: &str) -> Option<String> {
        convert(&Object::parse(document).unwrap(), target, 7).map(Into::into)
    }

    #[test]
    fn local_comes_with_local_modules_and_goes_with_others() {
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
    fn what_is_converted_stays() {
        assert_eq!(
            converted(r#"{"pvt_module_name":"knm_telnyx"}"#, "knm_telnyx"),
            None
        );
        assert_eq!(
            converted(
                r#"{"pvt_module_name":"knm_telnyx","pvt_features":[]}"#,
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
}
