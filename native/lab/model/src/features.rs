//! The features that numbers may have by default.

use exact_json::{Value, json};

use crate::work::Work;

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

/// Sets `features.allow` in the section that a lone command line has, `default`.
pub(crate) fn reset_allowed(work: &mut Work) {
    let (database, id) = ("system_config", "number_manager");
    let mut document = work.document(database, id).unwrap_or_else(|| {
        let mut document = exact_json::Map::new();
        document.insert("_id".to_owned(), Value::from(id));
        document
    });
    let before = document.clone();
    let section = object(document.entry("default").or_insert(Value::Null));
    let features = object(section.entry("features").or_insert(Value::Null));
    features.insert("allow".to_owned(), json!(DEFAULTS));
    if document == before {
        work.unchanged();
    } else {
        work.write(database, id, document);
    }
    work.output = Some(vec![
        "Features allowed on system config document:".to_owned(),
        format!("\t{}", DEFAULTS.join(" ")),
    ]);
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
