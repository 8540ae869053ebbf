//! Features: those of old documents, those that a number may not have, those that numbers may have
//! by default.

use std::collections::BTreeSet;

use exact_json::{Map, Value, json};
use kazoo_numbers_generator::Document;

use crate::{outcome::Returned, work::Work};

/// What `reset_…` sets.
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

/// Every feature, in the order in which they are printed.
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

/// What `e911` was called once, a name a provider.
const OLD_E911: [&str; 3] = ["dash_e911", "vitelity_e911", "telnyx_e911"];

// Features of a number

/// The features of a document that lists their names, with the data that its public fields hold.
pub(crate) fn of_list(list: &[Value], document: &Document) -> Document {
    let mut features = Map::new();
    for name in list.iter().filter_map(Value::as_str) {
        let (feature, data) = listed(name, document);
        // Of several names of one feature, the last one that has data counts.
        if !features.contains_key(feature) || data != json!({}) {
            features.insert(feature.to_owned(), data);
        }
    }
    features
}

/// The feature that a name in a list stands for, and its data.
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

/// What Kazoo takes for no value.
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

/// The document of an unassigned number without what only assigned ones have: an application that
/// uses it, and the features that it denies.
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

/// The public fields that belong to a feature, each with the parts of it that do; the whole where
/// none is named.
fn public_fields(feature: &str) -> Vec<(&'static str, &'static [&'static str])> {
    match feature {
        "e911" | "dash_e911" | "vitelity_e911" | "telnyx_e911" => {
            let all = OLD_E911.into_iter().chain(["e911"]);
            all.map(|field| (field, &[][..])).collect()
        }
        "cnam" | "inbound_cnam" | "inbound_lookup" | "outbound_cnam" => {
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

/// Removes parts of a field; the field goes when nothing is left of it.
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

// Features that the system config allows

/// `features.allow` in the section that a lone command line has, `default`; without a list there,
/// every feature. Sorted, each once.
fn allowed(work: &Work) -> Vec<String> {
    let document = work.document("system_config", "number_manager");
    let listed = document.as_ref().and_then(|document| {
        let allow = document.get("default")?.get("features")?.get("allow")?;
        let names = allow.as_array()?.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect::<BTreeSet<_>>())
    });
    let all = || KNOWN.map(str::to_owned).into();
    listed.unwrap_or_else(all).into_iter().collect()
}

/// Prints the features that are allowed.
pub(crate) fn show_allowed(work: &mut Work) {
    let features = allowed(work);
    print_allowed(work, &features);
}

/// Adds a feature to those that are allowed, or removes it.
pub(crate) fn edit_allowed(work: &mut Work, feature: &str, adds: bool) -> Returned {
    if !KNOWN.contains(&feature) {
        work.output = Some(vec![
            format!("Feature '{feature}' is not a known feature."),
            "Known features:".to_owned(),
            format!("\t{}", KNOWN.join(" ")),
        ]);
        return Returned::NoReturn;
    }
    let mut features: BTreeSet<String> = allowed(work).into_iter().collect();
    if adds {
        features.insert(feature.to_owned());
    } else {
        features.remove(feature);
    }
    let features: Vec<String> = features.into_iter().collect();
    // A list that has the feature already, or lacks it already, is not written.
    if features != allowed(work) {
        set_allowed(work, &features);
    }
    print_allowed(work, &features);
    Returned::NoReturn
}

/// Adds the feature that only administrators see, where it is missing.
pub(crate) fn ensure_admin_only(work: &mut Work) {
    let mut features = allowed(work);
    if !features.iter().any(|feature| feature == "carrier_name") {
        features.push("carrier_name".to_owned());
        features.sort();
        set_allowed(work, &features);
    }
}

/// Allows the manual's ten.
pub(crate) fn reset_allowed(work: &mut Work) {
    let features = DEFAULTS.map(str::to_owned);
    set_allowed(work, &features);
    print_allowed(work, &features);
}

fn print_allowed(work: &mut Work, features: &[String]) {
    work.output = Some(vec![
        "Features allowed on system config document:".to_owned(),
        format!("\t{}", features.join(" ")),
    ]);
}

fn set_allowed(work: &mut Work, features: &[String]) {
    let (database, id) = ("system_config", "number_manager");
    let mut document = work.document(database, id).unwrap_or_else(|| {
        let mut document = exact_json::Map::new();
        document.insert("_id".to_owned(), Value::from(id));
        document
    });
    let before = document.clone();
    let section = object(document.entry("default").or_insert(Value::Null));
    let settings = object(section.entry("features").or_insert(Value::Null));
    settings.insert("allow".to_owned(), json!(features));
    if document == before {
        work.unchanged();
    } else {
        work.write(database, id, document);
    }
}

/// The object in this place; what is none makes way for an empty one.
fn object(value: &mut Value) -> &mut exact_json::Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("an object was put there"),
    }
}
