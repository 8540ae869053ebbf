//! `reset_allowed_features_to_defaults_on_system_config`.

use crate::support::{case, counts};
use exact_json::{Value, json};
use kazoo_numbers_model::{Counts, Returned};

const LINES: &str = "Features allowed on system config document:\n\
    \tcarrier_name cnam e911 failover force_outbound inbound_cnam outbound_cnam port prepend ringback";

fn ten() -> Value {
    json!([
        "carrier_name",
        "cnam",
        "e911",
        "failover",
        "force_outbound",
        "inbound_cnam",
        "outbound_cnam",
        "port",
        "prepend",
        "ringback"
    ])
}

#[track_caller]
fn becomes(start: Value, end: Value, counts: Counts) {
    case(
        start,
        "reset_allowed_features_to_defaults_on_system_config",
        [],
    )
    .leaves(end)
    .counts(counts)
    .returns(Returned::NoReturn)
    .reconciles([])
    .prints(LINES);
}

#[test]
fn reset_sets_only_the_ten_features() {
    let config = |default: Value| {
        json!({"system_config": {"number_manager": {
            "pvt_type": "config", "other@node": {"features": {"allow": []}}, "default": default}}})
    };
    becomes(
        config(json!({"x": 1, "features": {"allow": ["sms"], "deny": ["e911"]}})),
        config(json!({"x": 1, "features": {"allow": ten(), "deny": ["e911"]}})),
        counts! { updated: 1 },
    );
    becomes(
        config(json!({"features": {"allow": ten()}})),
        config(json!({"features": {"allow": ten()}})),
        counts! { unchanged: 1 },
    );
    becomes(
        config(json!({"features": null})),
        config(json!({"features": {"allow": ten()}})),
        counts! { updated: 1 },
    );
}
