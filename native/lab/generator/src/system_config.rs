//! The `system_config` database: Kazoo's configuration for numbers.

use exact_json::json;

use crate::documents::{Database, object};

/// `system_config` with the document `number_manager`, with a custom converter if requested.
pub(crate) fn system_config(own_converter: bool) -> Database {
    let mut converters = json!({
        "^(\\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$": {"prefix": "+1"},
        "^011(\\d{5,})$|^00(\\d{5,})$": {"prefix": "+"},
        "^[2-9]\\d{7,}$": {"prefix": "+"}
    });
    if own_converter && let Some(converters) = converters.as_object_mut() {
        converters.insert(
            String::from("^0([1-9]\\d{6,})$"),
            json!({"prefix": "+49", "suffix": ""}),
        );
    }
    let document = json!({
        "_id": "number_manager",
        "pvt_type": "config",
        "pvt_account_db": "system_config",
        "pvt_vsn": "1",
        "pvt_created": 63_776_678_400_u64,
        "pvt_modified": 63_840_000_000_u64,
        "default": {
            "features": {
                "allow": ["cnam", "e911", "failover", "force_outbound", "inbound_cnam", "outbound_cnam", "port", "prepend", "ringback"]
            },
            "e164_converters": converters,
            "reconcile_regex": "^(\\+?1)?\\d{10}$|^\\+[2-9]\\d{7,}$|^011\\d*$|^00\\d*$",
            "carrier_modules": ["knm_local", "knm_bandwidth2"],
            "aging_expiry_d": 90
        },
        "kazoo_apps@apps001.example.org": {"time_between_db_ms": 50}
    });
    let mut database = Database::default();
    for document in [
        document,
        json!({"_id": "callflow", "pvt_type": "config", "default": {}}),
    ] {
        database.insert(object(document));
    }
    database
}
