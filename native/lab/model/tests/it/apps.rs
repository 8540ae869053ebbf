//! Contract section 4: app usage, and the commands that set `pvt_used_by`.

use crate::support::{A, B, C, case, database, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Returned, Warning};

fn callflow(numbers: Value) -> Value {
    json!({"pvt_type": "callflow", "numbers": numbers})
}

fn trunkstore(dids: Value) -> Value {
    json!({"pvt_type": "sys_info", "servers": [{"enabled": true, "DIDs": dids}]})
}

/// What one number document of account A becomes, given A's other documents.
#[track_caller]
fn used_by(others: Value, before: Value, after: Value) {
    let mut start = json!({"A": others, "+1415": {}});
    start["+1415"]["+14155550100"] = number(A, before);
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, after);
    let counts = if start == end {
        [1, 0, 0, 0, 0]
    } else {
        [0, 0, 1, 0, 0]
    };
    case(start, "fix_apps_for_number_dbs", [])
        .leaves(end)
        .counts(counts)
        .succeeds();
}

#[test]
fn used_by_one() {
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
fn used_by_none() {
    let nothing = || json!({});
    used_by(nothing(), json!({"pvt_used_by": "callflow"}), json!({}));
    used_by(nothing(), json!({"pvt_used_by": null}), json!({}));
    used_by(nothing(), json!({}), json!({}));
}

#[test]
fn what_counts_as_use() {
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
    // Numbers as they stand, and normalised
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
fn used_by_both_is_left_alone_and_said() {
    let start = json!({
        "A": {"flow": callflow(json!(["+14155550100"])),
              "trunk": trunkstore(json!({"+14155550100": {}})),
              "+14155550100": number(A, json!({"pvt_used_by": "callflow"}))},
        "+1415": {"+14155550100": number(A, json!({}))},
    });
    let warning = |name: &str| Warning::UsedByBoth(database(name), "+14155550100".to_owned());
    let ran = case(start.clone(), "fix_apps_for_number_dbs", [])
        .leaves_it_as_it_was()
        .counts([1, 0, 0, 0, 0])
        .succeeds();
    assert!(ran.outcome.warnings.into_iter().eq([warning("+1415")]));
    let ran = case(start, "fix_apps_for_account_dbs", [])
        .leaves_it_as_it_was()
        .counts([1, 0, 0, 0, 0])
        .succeeds();
    assert!(ran.outcome.warnings.into_iter().eq([warning("A")]));
}

#[test]
fn usage_that_nobody_knows_wipes_nothing() {
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
    .counts([0, 0, 1, 0, 1])
    .fails(json!({"C": {"failed": {"app_usage-db_not_found": ["+14155550100"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn nothing_but_pvt_used_by_changes() {
    used_by(
        json!({"flow": callflow(json!(["+14155550100"]))}),
        json!({"pvt_modified": 1, "x": 1.0, "used_by": "y"}),
        json!({"pvt_modified": 1, "x": 1.0, "used_by": "y", "pvt_used_by": "callflow"}),
    );
}

#[test]
fn in_account_databases_it_is_that_account_that_counts() {
    // Whatever the assignment or the id; soft-deleted and other documents stay.
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
        .counts([0, 0, 3, 0, 0])
        .succeeds();
    }
    case(start.clone(), "fix_apps_for_account_dbs", [[A, C].into()])
        .leaves(end.clone())
        .counts([0, 0, 3, 0, 1])
        .fails(json!({"C": {"last_error": "db_not_found"}}));
    end["B"]["+14155550101"] = number(B, json!({}));
    case(start, "fix_apps_for_account_dbs", [])
        .leaves(end)
        .counts([0, 0, 4, 0, 0])
        .succeeds();
}

#[test]
fn in_number_databases_it_is_the_assigned_account_that_counts() {
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
    .counts([0, 0, 2, 0, 0])
    .succeeds();
    case(
        start.clone(),
        "fix_apps_for_number_dbs",
        [["+1415", "+1999", "+1415"].into()],
    )
    .leaves(in_1415.clone())
    .counts([0, 0, 2, 0, 1])
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
    .counts([0, 0, 2, 0, 0])
    .succeeds();
    case(
        start,
        "fix_apps_in_number_dbs_for_accounts",
        [[B, C].into()],
    )
    .leaves(of_b)
    .counts([0, 0, 2, 0, 1])
    .fails(json!({"C": {"last_error": "db_not_found"}}));
}

#[test]
fn given_numbers_of_an_account_database() {
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
    .counts([0, 0, 1, 0, 4])
    .fails(json!({"A": {"failed": {
        "not_reconcilable": ["911"],
        "open_doc-not_found": ["+14155550101", "+14155550102", "+14155550199"]}}}));
}

#[test]
fn given_numbers_of_their_number_databases() {
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
    .counts([0, 0, 1, 0, 3])
    .fails(json!({
        "+1415": {"failed": {"not_assigned": ["+14155550101"]}},
        "+1202": {"failed": {"open_doc-not_found": ["+12025550100"]}},
        "C": {"failed": {"app_usage-db_not_found": ["+14155550102"]}},
    }))
    .reconciles([]);
}
