//! Application usage, and the commands that set `pvt_used_by`.

use crate::support::{A, B, C, case, counts, database, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Returned, Warning};

fn callflow(numbers: Value) -> Value {
    json!({"pvt_type": "callflow", "numbers": numbers})
}

fn trunkstore(dids: Value) -> Value {
    json!({"pvt_type": "sys_info", "servers": [{"enabled": true, "DIDs": dids}]})
}

/// Checks a number document of account A before and after the fix, with these other documents in A.
#[track_caller]
fn used_by(others: Value, before: Value, after: Value) {
    let mut start = json!({"A": others, "+1415": {}});
    start["+1415"]["+14155550100"] = number(A, before);
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, after);
    let counts = if start == end {
        counts! { unchanged: 1 }
    } else {
        counts! { updated: 1 }
    };
    case(start, "fix_apps_for_number_dbs", [])
        .leaves(end)
        .counts(counts)
        .succeeds();
}

#[test]
fn usage_by_one_application_is_set() {
    let flow = || json!({"flow": callflow(json!(["+14155550100"]))});
    let callflow = json!({"pvt_used_by": "callflow"});
    used_by(flow(), json!({}), callflow.clone());
    used_by(
        flow(),
        json!({"pvt_used_by": "trunkstore"}),
        callflow.clone(),
    );
    used_by(
        flow(),
        json!({"pvt_used_by": "calltrunkflow"}),
        callflow.clone(),
    );
    used_by(flow(), json!({"pvt_used_by": null}), callflow.clone());
    used_by(flow(), callflow.clone(), callflow);

    let trunk = || json!({"trunk": trunkstore(json!({"+14155550100": {}}))});
    used_by(
        trunk(),
        json!({"pvt_used_by": "callflow"}),
        json!({"pvt_used_by": "trunkstore"}),
    );
}

#[test]
fn usage_by_no_application_removes_field() {
    let nothing = || json!({});
    used_by(nothing(), json!({"pvt_used_by": "callflow"}), json!({}));
    used_by(nothing(), json!({"pvt_used_by": null}), json!({}));
    used_by(nothing(), json!({}), json!({}));
}

#[test]
fn documents_that_count_as_usage() {
    let unused = || (json!({"pvt_used_by": "callflow"}), json!({}));
    let callflow_used = || (json!({}), json!({"pvt_used_by": "callflow"}));
    let trunkstore_used = || (json!({}), json!({"pvt_used_by": "trunkstore"}));
    let check = |document: Value, (before, after): (Value, Value)| {
        used_by(json!({"other": document}), before, after);
    };
    // Callflows
    check(
        callflow(json!(["*97", 5, null, "+14155550100"])),
        callflow_used(),
    );
    check(callflow(json!("+14155550100")), unused());
    check(callflow(json!([["+14155550100"]])), unused());
    check(json!({"pvt_type": "callflow"}), unused());
    check(
        json!({"pvt_type": "callflow", "numbers": ["+14155550100"], "pvt_deleted": true}),
        unused(),
    );
    check(
        json!({"pvt_type": "device", "numbers": ["+14155550100"]}),
        unused(),
    );
    // Numbers as written, and normalised
    check(callflow(json!(["4155550100"])), callflow_used());
    check(callflow(json!(["14155550100"])), callflow_used());
    check(trunkstore(json!({"4155550100": {}})), trunkstore_used());
    // Trunkstore
    let dids = json!({"+14155550100": {}});
    let sys_info = |servers: Value| json!({"pvt_type": "sys_info", "servers": servers});
    check(sys_info(json!([{"DIDs": dids}])), trunkstore_used());
    check(sys_info(json!({"one": {"DIDs": dids}})), trunkstore_used());
    check(
        sys_info(json!([{"enabled": null, "DIDs": dids}])),
        trunkstore_used(),
    );
    check(
        sys_info(json!([{"enabled": "false", "DIDs": dids}])),
        trunkstore_used(),
    );
    check(
        sys_info(json!([{"enabled": false, "DIDs": dids}, {"DIDs": {}}, null])),
        unused(),
    );
    check(
        sys_info(json!([{"enabled": false, "DIDs": dids}, {"DIDs": dids}])),
        trunkstore_used(),
    );
    check(sys_info(json!([{"DIDs": "+14155550100"}])), unused());
    check(sys_info(json!("none")), unused());
    check(
        json!({"pvt_type": "sys_info", "servers": [{"DIDs": dids}], "pvt_deleted": true}),
        unused(),
    );
}

#[test]
fn usage_by_both_is_unchanged_with_warning() {
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100"])),
              "trunk": trunkstore(json!({"+14155550100": {}})),
              "+14155550100": number(A, json!({"pvt_used_by": "callflow"}))},
        "+1415": {"+14155550100": number(A, json!({}))},
    });
    let warning = |name: &str| Warning::UsedByBoth(database(name), "+14155550100".to_owned());
    let ran = case(start.clone(), "fix_apps_for_number_dbs", [])
        .leaves_cluster_unchanged()
        .counts(counts! { unchanged: 1 })
        .succeeds();
    assert!(ran.outcome.warnings.into_iter().eq([warning("+1415")]));
    let ran = case(start, "fix_apps_for_account_dbs", [])
        .leaves_cluster_unchanged()
        .counts(counts! { unchanged: 1 })
        .succeeds();
    assert!(ran.outcome.warnings.into_iter().eq([warning("A")]));
}

#[test]
fn unknown_usage_changes_nothing() {
    case(
        json!({"+1415": {"+14155550100": number(C, json!({"pvt_used_by": "trunkstore"})),
                         "+14155550101": number(A, json!({"pvt_used_by": "trunkstore"}))},
               "A": {}}),
        "fix_apps_for_number_dbs",
        [],
    )
    .leaves(
        json!({"+1415": {"+14155550100": number(C, json!({"pvt_used_by": "trunkstore"})),
                         "+14155550101": number(A, json!({}))},
               "A": {}}),
    )
    .counts(counts! { updated: 1, failed: 1 })
    .fails(json!({"C": {"failed": {"app_usage-db_not_found": ["+14155550100"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn fix_apps_changes_only_pvt_used_by() {
    used_by(
        json!({"flow": callflow(json!(["+14155550100"]))}),
        json!({"pvt_modified": 1, "x": 1.0, "used_by": "y"}),
        json!({"pvt_modified": 1, "x": 1.0, "used_by": "y", "pvt_used_by": "callflow"}),
    );
}

#[test]
fn account_database_uses_usage_of_its_account() {
    // The assignment and the id do not matter; soft-deleted and other documents stay unchanged.
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100", "911"])),
              "+14155550100": number(B, json!({})),
              "911": number("", json!({})),
              "+14155550101": number(A, json!({"pvt_used_by": "callflow"})),
              "+14155550102": number(A, json!({"pvt_used_by": "callflow", "pvt_deleted": true})),
              "+14155550103": {"pvt_type": "user", "pvt_used_by": "callflow"}},
        "B": {"+14155550101": number(B, json!({"pvt_used_by": "callflow"}))},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(B, json!({"pvt_used_by": "callflow"}));
    end["A"]["911"] = number("", json!({"pvt_used_by": "callflow"}));
    end["A"]["+14155550101"] = number(A, json!({}));
    for argument in [A, "account/aa/00/0000000000000000000000000001-202601"] {
        case(
            start.clone(),
            "fix_apps_for_single_account_db",
            [argument.into()],
        )
        .leaves(end.clone())
        .counts(counts! { updated: 3 })
        .succeeds();
    }
    case(start.clone(), "fix_apps_for_account_dbs", [[A, C].into()])
        .leaves(end.clone())
        .counts(counts! { updated: 3, failed: 1 })
        .fails(json!({"C": {"last_error": "db_not_found"}}));
    end["B"]["+14155550101"] = number(B, json!({}));
    case(start, "fix_apps_for_account_dbs", [])
        .leaves(end)
        .counts(counts! { updated: 4 })
        .succeeds();
}

#[test]
fn number_database_uses_usage_of_assigned_account() {
    let stale = json!({"pvt_used_by": "trunkstore"});
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100", "+14155550101"]))},
        "B": {"flow": callflow(json!(["+12025550100"]))},
        "+1415": {"+14155550100": number(A, stale.clone()),
                  "+14155550101": number(B, stale.clone()),
                  "+14155550102": number("", stale.clone()),
                  "+14155550103": number(A, json!({"pvt_used_by": "x", "pvt_deleted": true})),
                  "+12025550100": number(B, stale.clone())},
        "+1202": {"+12025550100": number(B, stale)},
    });
    let mut in_1415 = start.clone();
    in_1415["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    in_1415["+1415"]["+14155550101"] = number(B, json!({}));
    case(
        start.clone(),
        "fix_apps_for_single_number_db",
        ["+1415".into()],
    )
    .leaves(in_1415.clone())
    .counts(counts! { updated: 2 })
    .succeeds();
    case(
        start.clone(),
        "fix_apps_for_number_dbs",
        [["+1415", "+1999", "+1415"].into()],
    )
    .leaves(in_1415.clone())
    .counts(counts! { updated: 2, failed: 1 })
    .fails(json!({"+1999": {"last_error": "db_not_found"}}));

    let mut of_b = start.clone();
    of_b["+1415"]["+14155550101"] = number(B, json!({}));
    of_b["+1202"]["+12025550100"] = number(B, json!({"pvt_used_by": "callflow"}));
    case(
        start.clone(),
        "fix_apps_in_number_dbs_for_single_account",
        [B.into()],
    )
    .leaves(of_b.clone())
    .counts(counts! { updated: 2 })
    .succeeds();
    case(
        start,
        "fix_apps_in_number_dbs_for_accounts",
        [[B, C].into()],
    )
    .leaves(of_b)
    .counts(counts! { updated: 2, failed: 1 })
    .fails(json!({"C": {"last_error": "db_not_found"}}));
}

#[test]
fn given_numbers_in_account_database_are_fixed() {
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100"])),
              "+14155550100": number(B, json!({})),
              "+14155550101": number(A, json!({"pvt_deleted": true})),
              "+14155550102": {"pvt_type": "user"},
              "+14155550103": number(A, json!({"pvt_used_by": "callflow"}))},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(B, json!({"pvt_used_by": "callflow"}));
    case(
        start,
        "fix_numbers_apps_in_accountdb",
        [
            A.into(),
            [
                "4155550100",
                "+14155550101",
                "+14155550102",
                "+14155550100",
                "+14155550199",
                "911",
            ]
            .into(),
        ],
    )
    .leaves(end)
    .counts(counts! { updated: 1, failed: 4 })
    .fails(json!({"A": {"failed": {
        "not_reconcilable": ["911"],
        "open_doc-not_found": ["+14155550101", "+14155550102", "+14155550199"]}}}));
}

#[test]
fn given_numbers_in_number_databases_are_fixed() {
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100"]))},
        "+1415": {"+14155550100": number(A, json!({})),
                  "+14155550101": number("", json!({"pvt_used_by": "callflow"})),
                  "+14155550102": number(C, json!({"pvt_used_by": "callflow"}))},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    case(
        start,
        "fix_numbers_apps_in_numbdb",
        [["4155550100", "+14155550101", "+14155550102", "+12025550100"].into()],
    )
    .leaves(end)
    .counts(counts! { updated: 1, failed: 3 })
    .fails(json!({
        "+1415": {"failed": {"not_assigned": ["+14155550101"]}},
        "+1202": {"failed": {"open_doc-not_found": ["+12025550100"]}},
        "C": {"failed": {"app_usage-db_not_found": ["+14155550102"]}},
    }))
    .reconciles([]);
}
