//! The features of a number document: the forms of `pvt_features`, and the public fields of each feature. Source:
//! `knm_phone_number` of Kazoo 5.

use document::{Document, Object, elements, quoted, string};

/// The current name of a feature in Kazoo.
pub fn current_feature_name(name: &str) -> &str {
    match name {
        "dash_e911" | "vitelity_e911" | "telnyx_e911" => "e911",
        "inbound_lookup" => "inbound_cnam",
        name => name,
    }
}

/// The public fields of a feature, as paths. Kazoo has none for `port`, `carrier_name` and unknown features.
pub fn public_fields_of(feature: &str) -> Vec<Vec<&str>> {
    let inside = |field, names: &[&'static str]| -> Vec<Vec<&str>> {
        names.iter().map(|name| vec![field, *name]).collect()
    };
    match feature {
        "e911" | "dash_e911" | "vitelity_e911" | "telnyx_e911" => {
            ["e911", "dash_e911", "vitelity_e911", "telnyx_e911"]
                .map(|name| vec![name])
                .to_vec()
        }
        "cnam" | "inbound_cnam" | "outbound_cnam" => {
            inside("cnam", &["inbound_lookup", "display_name"])
        }
        "prepend" => inside("prepend", &["enabled", "name", "number"]),
        "failover" => inside("failover", &["e164", "sip"]),
        "ringback" => inside("ringback", &["early", "transfer"]),
        "force_outbound" | "sms" | "mms" => vec![vec![feature]],
        _ => Vec::new(),
    }
}

/// Kazoo 3 stored `pvt_features` as a list of names, and the settings of each feature in public fields. Returns the object that
/// Kazoo makes of such a list, as JSON text, features without settings included. `None` if `json` is not a list.
pub fn features_of_list(json: &str, document: &Document) -> Option<String> {
    let mut features: Vec<(String, String)> = Vec::new();
    for name in elements(json)?.into_iter().filter_map(string) {
        let settings = settings_of(&name, document);
        let current = current_feature_name(&name);
        match features.iter_mut().find(|(known, _)| known == current) {
            Some(known) if settings != "{}" => known.1 = settings,
            Some(_) => {}
            None => features.push((current.to_owned(), settings)),
        }
    }
    let fields: Vec<String> = features
        .iter()
        .map(|(name, settings)| format!("{}:{settings}", quoted(name)))
        .collect();
    Some(format!("{{{}}}", fields.join(",")))
}

/// The settings of a listed feature, from the document's public fields.
fn settings_of(feature: &str, document: &Document) -> String {
    let some_of = |field: &str, names: &[&str], is_left_out: fn(&str) -> bool| {
        let object = document
            .get(field)
            .and_then(|json| Object::parse(json).ok())
            .unwrap_or_default();
        let fields: Vec<String> = names
            .iter()
            .filter_map(|name| Some((name, object.get(name).filter(|json| !is_left_out(json))?)))
            .map(|(name, json)| format!("{}:{json}", quoted(name)))
            .collect();
        format!("{{{}}}", fields.join(","))
    };
    match feature {
        "force_outbound" => {
            let is_true = matches!(document.get(feature), Some("true" | "\"true\""));
            is_true.to_string()
        }
        "ringback" => some_of(feature, &["early", "transfer"], is_empty),
        "failover" => some_of(feature, &["e164", "sip"], is_empty),
        "outbound_cnam" => some_of("cnam", &["display_name"], is_no_text),
        "inbound_lookup" => r#"{"inbound_lookup":true}"#.to_owned(),
        "prepend" => {
            let prepend = document
                .get(feature)
                .and_then(|json| Object::parse(json).ok())
                .unwrap_or_default();
            let enabled = matches!(prepend.get("enabled"), Some("true" | "\"true\""));
            prepend.with(&[("enabled", Some(&enabled.to_string()))])
        }
        feature => document
            .get(feature)
            .filter(|json| !is_empty(json))
            .unwrap_or("{}")
            .to_owned(),
    }
}

/// Whether Kazoo treats a value as empty (`kz_term:is_empty/1`).
fn is_empty(json: &str) -> bool {
    match json.bytes().next() {
        Some(b'"') => {
            string(json).is_some_and(|text| matches!(&*text, "" | "0" | "NULL" | "undefined"))
        }
        Some(b'{') => Object::parse(json).is_ok_and(|object| object.fields().next().is_none()),
        Some(b'[') => elements(json).is_some_and(|elements| elements.is_empty()),
        Some(b'-' | b'0'..=b'9') => json.parse() == Ok(0.0),
        _ => json == "null",
    }
}

/// Whether a value is not a text, or the empty one (`kz_json:get_ne_binary_value/2`).
fn is_no_text(json: &str) -> bool {
    string(json).is_none_or(|text| text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(list: &str, document: &str) -> Option<String> {
        features_of_list(list, &Document::new("", document.to_owned()).unwrap())
    }

    #[test]
    fn list_takes_settings_from_the_public_fields() {
        let document = r#"{"dash_e911":{"caller_name":"X"},"cnam":{"display_name":"N","inbound_lookup":true},
            "failover":{"e164":"+1","sip":"","other":1},"force_outbound":"true",
            "prepend":{"name":"P"},"port":{"x":1},"local":null}"#;
        let list = r#"["dash_e911","outbound_cnam","inbound_lookup","failover","force_outbound","prepend","ringback","port","local",7]"#;
        assert_eq!(
            features(list, document).unwrap(),
            r#"{"e911":{"caller_name":"X"},"outbound_cnam":{"display_name":"N"},"inbound_cnam":{"inbound_lookup":true},"#
                .to_owned()
                + r#""failover":{"e164":"+1"},"force_outbound":true,"prepend":{"name":"P","enabled":false},"#
                + r#""ringback":{},"port":{"x":1},"local":{}}"#
        );
    }

    #[test]
    fn value_that_kazoo_treats_as_empty_is_left_out() {
        for empty in [
            "null",
            r#""""#,
            r#""0""#,
            r#""\u0030""#,
            r#""NULL""#,
            r#""undefined""#,
            "0",
            "-0",
            "0.0",
            "0e5",
            "[]",
            "[ ]",
            "{}",
            "{ }",
        ] {
            let document = format!(r#"{{"port":{empty},"failover":{{"e164":{empty},"sip":"s"}}}}"#);
            assert_eq!(
                features(r#"["port","failover"]"#, &document).unwrap(),
                r#"{"port":{},"failover":{"sip":"s"}}"#,
                "{empty}"
            );
        }
        for kept in [
            "false",
            "1",
            "0.5",
            r#""null""#,
            r#""00""#,
            "[0]",
            r#"{"a":0}"#,
        ] {
            let document = format!(r#"{{"port":{kept}}}"#);
            let expected = format!(r#"{{"port":{kept}}}"#);
            assert_eq!(features(r#"["port"]"#, &document).unwrap(), expected);
        }
        for (name, kept) in [
            (r#""0""#, r#"{"display_name":"0"}"#),
            (r#""""#, "{}"),
            ("7", "{}"),
        ] {
            let document = format!(r#"{{"cnam":{{"display_name":{name}}}}}"#);
            let expected = format!(r#"{{"outbound_cnam":{kept}}}"#);
            assert_eq!(
                features(r#"["outbound_cnam"]"#, &document).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn feature_with_two_names_keeps_its_settings() {
        let document = r#"{"vitelity_e911":{"v":1}}"#;
        for list in [
            r#"["dash_e911","vitelity_e911"]"#,
            r#"["vitelity_e911","dash_e911"]"#,
        ] {
            assert_eq!(features(list, document).unwrap(), r#"{"e911":{"v":1}}"#);
        }
        assert_eq!(features("{}", document), None);
        assert_eq!(features("[]", document).unwrap(), "{}");
    }
}
