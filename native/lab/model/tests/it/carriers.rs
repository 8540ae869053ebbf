//! Carrier usage and conversions: end states, and the manual's lines.

use crate::support::{A, C, KAZOO_NOW, NOW, case, cluster, counts, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Counts, Now, Returned, run, same_end_state};

fn on(carrier: &str) -> Value {
    number("", json!({"pvt_module_name": carrier}))
}

#[test]
fn carrier_usage_counts_every_document() {
    let start = json!({
        "+1415": {
            "+14155550100": on("knm_local"),
            "+14155550101": on("knm_local"),
            "+14155550102": number("", json!({"pvt_module_name": "knm_bandwidth2", "pvt_deleted": true})),
            "+14155550103": {"pvt_type": "user"},
            "+14155550104": number("", json!({"pvt_module_name": null})),
            "+14155550105": number("", json!({"pvt_module_name": 7})),
            "+12025550100": on("knm_local"),
            "_design/numbers": {"pvt_module_name": "knm_local"},
        },
        "+1202": {},
        "+4420": {"+442071838750": on("knm_Voxbone")},
        "A": {"+14155550100": on("knm_local")},
    });
    let in_1415 = "numbers%2F%2B1415:\n7: 1\nknm_bandwidth2: 1\nknm_local: 3\nnull: 2\n";
    case(start.clone(), "carrier_module_usage", [])
        .leaves_cluster_unchanged()
        .counts(Counts::default())
        .succeeds()
        .prints(&format!(
            "numbers%2F%2B1202:\n{in_1415}numbers%2F%2B4420:\nknm_Voxbone: 1\n\
             Totals:\n7: 1\nknm_Voxbone: 1\nknm_bandwidth2: 1\nknm_local: 3\nnull: 2"
        ));
    case(start.clone(), "carrier_module_usage", ["+14155".into()])
        .succeeds()
        .prints(&format!(
            "{in_1415}Totals:\n7: 1\nknm_bandwidth2: 1\nknm_local: 3\nnull: 2"
        ));
    case(start.clone(), "carrier_module_usage", ["+1".into()])
        .succeeds()
        .prints(&format!(
            "numbers%2F%2B1202:\n{in_1415}Totals:\n7: 1\nknm_bandwidth2: 1\nknm_local: 3\nnull: 2"
        ));
    for absent in ["+1999", "+2"] {
        case(start.clone(), "carrier_module_usage", [absent.into()])
            .returns(Returned::NoReturnCode(2));
    }
}

#[test]
fn conversion_of_one_prefix_prints_its_result() {
    let start = json!({
        "+1415": {
            "+14152338397": number(A, json!({"pvt_module_name": "knm_bandwidth", "pvt_modified": 1})),
            "+14152338421": number("", json!({"pvt_module_name": "knm_bandwidth"})),
            "+14152338422": on("knm_telnyx"),
            "+14152338423": number("", json!({"pvt_module_name": "knm_bandwidth", "pvt_deleted": true})),
            "+12025550100": on("knm_bandwidth"),
        },
        "+1202": {"+12025550100": on("knm_bandwidth")},
        "A": {"+14152338397": number(A, json!({"older": true}))},
    });
    let moved = number(
        A,
        json!({"pvt_module_name": "knm_bandwidth2", "pvt_modified": KAZOO_NOW}),
    );
    let mut end = start.clone();
    end["+1415"]["+14152338397"] = moved.clone();
    end["+1415"]["+14152338421"] = number(
        "",
        json!({"pvt_module_name": "knm_bandwidth2", "pvt_modified": KAZOO_NOW}),
    );
    end["A"]["+14152338397"] = moved;
    for target in ["knm_bandwidth", "knm_bandwidth2"] {
        case(
            start.clone(),
            "convert_carrier_module",
            ["knm_bandwidth".into(), target.into(), "+1415".into()],
        )
        .leaves(end.clone())
        .counts(counts! { updated: 3 })
        .succeeds()
        .reconciles([A])
        .prints(
            "attempt to convert numbers with carrier module knm_bandwidth to knm_bandwidth2 in database numbers%2F%2B1415\n\
             updated carrier module to knm_bandwidth2 for 2:\n\
             +14152338397\n\
             +14152338421\n\
             updating carrier module failed for 0:",
        );
    }
}

#[test]
fn conversion_without_prefix_goes_database_by_database() {
    let start = json!({
        "+1202": {},
        "+1415": {"+14155550100": number(C, json!({"pvt_module_name": "any thing"})),
                  "+14155550101": number(A, json!({"pvt_module_name": "any thing"}))},
        "A": {"+14155550101": {"pvt_type": "user"}},
    });
    let mut end = start.clone();
    for (id, account) in [("+14155550100", C), ("+14155550101", A)] {
        end["+1415"][id] = number(
            account,
            json!({"pvt_module_name": "knm_telnyx", "pvt_modified": KAZOO_NOW}),
        );
    }
    // The documents in the number databases are converted even so.
    case(
        start,
        "convert_carrier_module",
        ["any thing".into(), "knm_telnyx".into()],
    )
    .leaves(end)
    .counts(counts! { updated: 2, failed: 2 })
    .returns(Returned::NoReturnCode(2))
    .reconciles([A, C])
    .prints(
        "attempt to convert numbers with carrier module any thing to knm_telnyx in database numbers%2F%2B1202\n\
         updated carrier module to knm_telnyx for 0:\n\
         updating carrier module failed for 0:\n\
         attempt to convert numbers with carrier module any thing to knm_telnyx in database numbers%2F%2B1415\n\
         updated carrier module to knm_telnyx for 0:\n\
         updating carrier module failed for 2:\n\
         +14155550100: db_not_found\n\
         +14155550101: conflict",
    );
}

/// Checks the conversion of one document from `knm_other`.
#[track_caller]
fn converts(target: &str, before: Value, after: Value) {
    let mut with_carrier = before.clone();
    with_carrier["pvt_module_name"] = json!("knm_other");
    let mut wanted = after.clone();
    wanted["pvt_module_name"] = json!(target);
    wanted["pvt_modified"] = json!(KAZOO_NOW);
    case(
        json!({"+1415": {"+14155550100": number("", with_carrier)}}),
        "convert_carrier_module_number",
        ["4155550100".into(), target.into()],
    )
    .leaves(json!({"+1415": {"+14155550100": number("", wanted)}}))
    .counts(counts! { updated: 1 })
    .succeeds()
    .reconciles([])
    .prints(&format!(
        "updated carrier module to {target} for 1:\n+14155550100\nupdating carrier module failed for 0:"
    ));
}

#[test]
fn conversion_sets_or_removes_local_feature() {
    let features = |features: Value| json!({ "pvt_features": features });
    for local in ["knm_local", "knm_mdn"] {
        converts(local, json!({}), features(json!({"local": {}})));
        converts(
            local,
            features(json!({"cnam": {"a": 1}})),
            features(json!({"cnam": {"a": 1}, "local": {}})),
        );
        let kept = features(json!({"local": {"kept": 1.0}}));
        converts(local, kept.clone(), kept);
        converts(
            local,
            features(json!(["local"])),
            features(json!({"local": {}})),
        );
    }
    converts("knm_telnyx", json!({}), json!({}));
    converts(
        "knm_telnyx",
        features(json!({"local": {"x": 1}, "cnam": {}})),
        features(json!({"cnam": {}})),
    );
    converts("knm_telnyx", features(json!({"local": {}})), json!({}));
    converts("knm_telnyx", features(json!(["local"])), json!({}));
}

#[test]
fn converted_number_is_listed_and_not_written() {
    let right = number(
        A,
        json!({"pvt_module_name": "knm_telnyx", "pvt_modified": 5}),
    );
    let start = json!({
        "+1415": {"+14155550100": right, "+14155550101": right, "+14155550102": right},
        "A": {"+14155550100": right, "+14155550101": number(A, json!({}))},
    });
    let mut end = start.clone();
    end["A"]["+14155550101"] = right.clone();
    end["A"]["+14155550102"] = right.clone();
    case(
        start,
        "convert_carrier_module",
        ["knm_telnyx".into(), "knm_telnyx".into(), "+1415".into()],
    )
    .leaves(end)
    .counts(counts! { unchanged: 4, created: 1, updated: 1 })
    .succeeds()
    .reconciles([A])
    .prints(
        "attempt to convert numbers with carrier module knm_telnyx to knm_telnyx in database numbers%2F%2B1415\n\
         updated carrier module to knm_telnyx for 3:\n\
         +14155550100\n\
         +14155550101\n\
         +14155550102\n\
         updating carrier module failed for 0:",
    );
    // Only the feature is missing: written.
    case(
        json!({"+1415": {"+14155550100": on("knm_local")}}),
        "convert_carrier_module",
        ["knm_local".into(), "knm_local".into()],
    )
    .leaves(json!({"+1415": {"+14155550100": number("", json!({
        "pvt_module_name": "knm_local", "pvt_features": {"local": {}},
        "pvt_modified": KAZOO_NOW}))}}))
    .counts(counts! { updated: 1 });
}

#[test]
fn unconvertible_number_is_listed_as_failed() {
    let start = json!({
        "+1415": {"+14155550100": number("", json!({"pvt_deleted": true})),
                  "+14155550101": {"pvt_type": "user"}},
    });
    let convert = |number: &str| {
        case(
            start.clone(),
            "convert_carrier_module_number",
            [number.into(), "knm_telnyx".into()],
        )
        .leaves_cluster_unchanged()
        .counts(counts! { failed: 1 })
        .returns(Returned::NoReturnCode(2))
    };
    let printed = |number: &str, reason: &str| {
        format!(
            "updated carrier module to knm_telnyx for 0:\n\
             updating carrier module failed for 1:\n{number}: {reason}"
        )
    };
    for absent in [
        "+14155550100",
        "+14155550101",
        "+14155550102",
        "+12025550100",
    ] {
        convert(absent).prints(&printed(absent, "not_found"));
    }
    convert("911").prints(&printed("911", "not_reconcilable"));
}

#[test]
fn bad_target_prints_one_line() {
    let start = json!({"+1415": {"+14152266659": on("knm_local")}});
    case(
        start.clone(),
        "convert_carrier_module_number",
        ["4152266659".into(), "knm_bandwid".into()],
    )
    .leaves_cluster_unchanged()
    .counts(Counts::default())
    .returns(Returned::NoReturnCode(2))
    .prints("Bad carrier module: knm_bandwid");
    for arguments in [
        vec!["knm_local".into(), "knm_x".into()],
        vec!["knm_local".into(), "knm_x".into(), "+1999".into()],
    ] {
        let call = kazoo_numbers_model::Call::new("convert_carrier_module", arguments);
        let outcome = run(&cluster(&start), &call, Now::marker());
        assert_eq!(outcome.returned, Returned::NoReturnCode(2));
        assert_eq!(
            outcome.output,
            Some(vec!["Bad carrier module: knm_x".to_owned()])
        );
    }
}

#[test]
fn marker_matches_any_time_of_the_run() {
    let start = json!({"+1415": {"+14155550100": on("knm_local")}});
    let call = kazoo_numbers_model::Call::new(
        "convert_carrier_module_number",
        ["+14155550100".into(), "knm_telnyx".into()],
    );
    let model = run(&cluster(&start), &call, Now::marker()).cluster;
    let real = |moment: u64| run(&cluster(&start), &call, Now::at(moment)).cluster;
    for (moment, differs) in [
        (NOW - 1, true),
        (NOW, false),
        (NOW + 9, false),
        (NOW + 10, true),
    ] {
        let problems = same_end_state(&model, &real(moment), NOW, NOW + 9);
        assert_eq!(!problems.is_empty(), differs, "{moment}: {problems:?}");
    }
}
