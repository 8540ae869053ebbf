//! Features: in old documents, denied features of a number, and the features allowed by default.

use std::collections::BTreeSet;

use exact_json::{Map, Value, json};
use kazoo_numbers_generator::Document;

use crate::{outcome::Returned, run_state::RunState};

/// The features that `reset_…` allows.
const DEFAULTS: [&str; 10] = [
    "carrier_name",
    "cnam",
    "e911",
    "failover",
    "force_outbound",
    "inbound_cnam",
    "outbound_cnam",
    "port",
    "prepend",
    "ringback",
];

/// Every feature, in printing order.
const KNOWN: [&str; 12] = [
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

/// Former names of `e911`, one for each provider.
const OLD_E911: [&str; 3] = ["dash_e911", "vitelity_e911", "telnyx_e911"];

// Features of a number

/// Converts a list of feature names to an object, with data from the document's public fields.
pub(crate) fn of_list(list: &[Value], document: &Document) -> Document {
    let mut features = Map::new();
    for name in list.iter().filter_map(Value::as_str) {
        let (feature, data) = listed(name, document);
        // Of several names for one feature, the last one with data counts.
        if !features.contains_key(feature) || data != json!({}) {
            features.insert(feature.to_owned(), data);
        }
    }
    features
}

/// The feature for a name in a list, and its data.
fn listed<'a>(name: &'a str, document: &Document) -> (&'a str, Value) {
    let public = |field: &str| document.get(field).filter(|value| !is_empty(value));
    let part = |part: &str| document.get(name)?.get(part);
    let parts = |wanted: [&str; 2]| -> Value {
        let given = |key: &str| Some((key.to_owned(), part(key)?.clone()));
        let given = wanted.into_iter().filter_map(given);
        Value::Object(given.filter(|(_, value)| !is_empty(value)).collect())
    };
    match name {
        "force_outbound" => (name, Value::Bool(document.get(name).is_some_and(is_true))),
        "ringback" => (name, parts(["early", "transfer"])),
        "failover" => (name, parts(["e164", "sip"])),
        "prepend" => {
            let given = public(name).and_then(Value::as_object);
            let mut data = given.cloned().unwrap_or_default();
            let is_enabled = part("enabled").is_some_and(is_true);
            data.insert("enabled".to_owned(), Value::Bool(is_enabled));
            (name, Value::Object(data))
        }
        "outbound_cnam" => {
            let shown = public("cnam").and_then(|cnam| cnam.get("display_name"));
            let shown = shown
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty());
            let data = shown.map(|text| ("display_name".to_owned(), Value::from(text)));
            (name, Value::Object(data.into_iter().collect()))
        }
        "inbound_lookup" => ("inbound_cnam", json!({"inbound_lookup": true})),
        _ => {
            let is_old = OLD_E911.contains(&name);
            let feature = if is_old { "e911" } else { name };
            (feature, public(name).cloned().unwrap_or_else(|| json!({})))
        }
    }
}

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true) || value == "true"
}

/// Whether Kazoo treats the value as empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => ["", "0", "NULL", "undefined"].contains(&text.as_str()),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// The document of an unassigned number, without the fields that only assigned numbers have:
/// `pvt_used_by` and the features in `pvt_features_denied`.
pub(crate) fn unassigned(document: &Document) -> Document {
    let mut wanted = document.clone();
    wanted.shift_remove("pvt_used_by");
    let denied = document
        .get("pvt_features_denied")
        .and_then(Value::as_array);
    for feature in denied.into_iter().flatten().filter_map(Value::as_str) {
        remove_feature(&mut wanted, feature);
    }
    wanted
}

fn remove_feature(document: &mut Document, feature: &str) {
    let e911 = ["e911", OLD_E911[0], OLD_E911[1], OLD_E911[2]];
    let inbound = ["inbound_cnam", "inbound_lookup"];
    let names: &[&str] = match feature {
        _ if e911.contains(&feature) => &e911,
        _ if inbound.contains(&feature) => &inbound,
        _ => &[feature],
    };
    let is_emptied = match document.get_mut("pvt_features") {
        Some(Value::Object(features)) => {
            let before = features.len();
            features.retain(|name, _| !names.contains(&name.as_str()));
            features.len() < before && features.is_empty()
        }
        Some(Value::Array(list)) => {
            let before = list.len();
            list.retain(|name| !name.as_str().is_some_and(|name| names.contains(&name)));
            list.len() < before && list.is_empty()
        }
        _ => false,
    };
    if is_emptied {
        document.shift_remove("pvt_features");
    }
    for (field, parts) in public_fields(feature) {
        remove_field(document, field, parts);
    }
}

/// The public fields of a feature with the members that belong to it. No members means the whole
/// field.
fn public_fields(feature: &str) -> Vec<(&'static str, &'static [&'static str])> {
    match feature {
        "e911" | "dash_e911" | "vitelity_e911" | "telnyx_e911" => {
            let all = OLD_E911.into_iter().chain(["e911"]);
            all.map(|field| (field, &[][..])).collect()
        }
        "cnam" | "inbound_cnam" | "outbound_cnam" => {
            vec![("cnam", &["inbound_lookup", "display_name"])]
        }
        "prepend" => vec![("prepend", &["enabled", "name", "number"])],
        "failover" => vec![("failover", &["e164", "sip"])],
        "ringback" => vec![("ringback", &["early", "transfer"])],
        "force_outbound" => vec![("force_outbound", &[])],
        "sms" => vec![("sms", &[])],
        "mms" => vec![("mms", &[])],
        _ => Vec::new(),
    }
}

/// Removes members of a field, and the field if it is empty then.
fn remove_field(document: &mut Document, field: &str, parts: &[&str]) {
    if parts.is_empty() {
        document.shift_remove(field);
        return;
    }
    let Some(Value::Object(members)) = document.get_mut(field) else {
        return;
    };
    let before = members.len();
    members.retain(|name, _| !parts.contains(&name.as_str()));
    if members.is_empty() && before > 0 {
        document.shift_remove(field);
    }
}

// Features that the system configuration allows

/// `features.allow` in the section `default`, which the command line uses. Without such a list,
/// every feature. Sorted, without duplicates.
fn allowed(run: &RunState) -> Vec<String> {
    let document = run.document("system_config", "number_manager");
    let listed = document.as_ref().and_then(|document| {
        let allow = document.get("default")?.get("features")?.get("allow")?;
        let names = allow.as_array()?.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect::<BTreeSet<_>>())
    });
    let all = || KNOWN.map(str::to_owned).into();
    listed.unwrap_or_else(all).into_iter().collect()
}

/// Prints the allowed features.
pub(crate) fn show_allowed(run: &mut RunState) {
    let features = allowed(run);
    print_allowed(run, &features);
}

/// Adds or removes an allowed feature.
pub(crate) fn edit_allowed(run: &mut RunState, feature: &str, adds: bool) -> Returned {
    if !KNOWN.contains(&feature) {
        run.output = Some(vec![
            format!("Feature '{feature}' is not a known feature."),
            "Known features:".to_owned(),
            format!("\t{}", KNOWN.join(" ")),
        ]);
        return Returned::NoReturn;
    }
    let mut features: BTreeSet<String> = allowed(run).into_iter().collect();
    if adds {
        features.insert(feature.to_owned());
    } else {
        features.remove(feature);
    }
    let features: Vec<String> = features.into_iter().collect();
    // An unchanged list is not written.
    if features != allowed(run) {
        set_allowed(run, &features);
    }
    print_allowed(run, &features);
    Returned::NoReturn
}

/// Adds the feature that only administrators see, if it is missing.
pub(crate) fn ensure_admin_only(run: &mut RunState) {
    let mut features = allowed(run);
    if !features.iter().any(|feature| feature == "carrier_name") {
        features.push("carrier_name".to_owned());
        features.sort();
        set_allowed(run, &features);
    }
}

/// Allows the manual's ten features.
pub(crate) fn reset_allowed(run: &mut RunState) {
    let features = DEFAULTS.map(str::to_owned);
    set_allowed(run, &features);
    print_allowed(run, &features);
}

fn print_allowed(run: &mut RunState, features: &[String]) {
    run.output = Some(vec![
        "Features allowed on system config document:".to_owned(),
        format!("\t{}", features.join(" ")),
    ]);
}

fn set_allowed(run: &mut RunState, features: &[String]) {
    let (database, id) = ("system_config", "number_manager");
    let mut document = run.document(database, id).unwrap_or_else(|| {
        let mut document = exact_json::Map::new();
        document.insert("_id".to_owned(), Value::from(id));
        document
    });
    let before = document.clone();
    let section = object(document.entry("default").or_insert(Value::Null));
    let settings = object(section.entry("features").or_insert(Value::Null));
    settings.insert("allow".to_owned(), json!(features));
    if document == before {
        run.unchanged();
    } else {
        run.write(database, id, document);
    }
}

/// The object in this place. Any other value is replaced by an empty object.
fn object(value: &mut Value) -> &mut exact_json::Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("the value is an object"),
    }
}
