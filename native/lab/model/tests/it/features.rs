//! `reset_allowed_features_to_defaults_on_system_config`.

use crate::support::case;
use exact_json::{Value, json};
use kazoo_numbers_model::Returned;

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
fn becomes(start: Value, end: Value, counts: [u64; 5]) {
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
fn the_ten_are_set_and_nothing_else() {
    let config = |default: Value| {
        json!({"system_config": {"number_manager": {
            "pvt_type": "config", "other@node": {"features": {"allow": []}}, "default": default}}})
    };
    becomes(
        config(json!({"x": 1, "features": {"allow": ["sms"], "deny": ["e911"]}})),
        config(json!({"x": 1, "features": {"allow": ten(), "deny": ["e911"]}})),
        [0, 0, 1, 0, 0],
    );
    becomes(
        config(json!({"features": {"allow": ten()}})),
        config(json!({"features": {"allow": ten()}})),
        [1, 0, 0, 0, 0],
    );
    becomes(
        config(json!({"features": null})),
        config(json!({"features": {"allow": ten()}})),
        [0, 0, 1, 0, 0],
    );
}
