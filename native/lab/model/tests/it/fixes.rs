//! Contract section 5: `fix_account_db_numbers`, `fix_number` and `fix_numbers`.

use crate::support::{A, B, C, case, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Returned, Warning};

fn drifted() -> Value {
    json!({
        "+1415": {
            // stale usage; both sides right; missing in A; another account's; unassigned
            "+14155550100": number(A, json!({"pvt_used_by": "trunkstore"})),
            "+14155550101": number(A, json!({})),
            "+14155550102": number(A, json!({"k": 1})),
            "+14155550103": number(B, json!({"pvt_used_by": "trunkstore"})),
            "+14155550104": number("", json!({"pvt_used_by": "trunkstore"})),
        },
        "A": {
            "flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
            "+14155550100": number(A, json!({"pvt_used_by": "callflow"})),
            "+14155550101": number(A, json!({})),
            // B's in the number database and here; A's here only; nobody's; soft-deleted
            "+14155550103": number(B, json!({})),
            "+14155550105": number(A, json!({})),
            "+14155550106": number("", json!({})),
            "+14155550107": number(B, json!({"pvt_deleted": true})),
        },
        "B": {},
    })
}

#[test]
fn everything_for_one_account() {
    let start = drifted();
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    end["A"]["+14155550102"] = number(A, json!({"k": 1}));
    end["A"]["+14155550103"] = Value::Null;
    // apps: 1 updated, 2 unchanged; copies: 2 unchanged, 1 created; removal: 2 unchanged, 1 deleted
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts([6, 1, 1, 1, 0])
        .succeeds()
        .reconciles([A]);
}

#[test]
fn the_copy_takes_what_the_fix_left() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
              "+14155550100": number(B, json!({}))},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    end["A"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    // What was assigned to B is A's after the copy, and not removed.
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts([0, 0, 2, 0, 0])
        .reconciles([A]);
}

#[test]
fn used_by_both_is_copied_as_it_is() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({"pvt_used_by": "trunkstore"}))},
        "A": {"flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
              "trunk": {"pvt_type": "sys_info", "servers": [{"DIDs": {"+14155550100": {}}}]}},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(A, json!({"pvt_used_by": "trunkstore"}));
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts([1, 1, 0, 0, 0])
        .succeeds();
}

#[test]
fn an_account_in_sync_needs_no_services() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"+14155550100": number(A, json!({})), "+14155550101": number("", json!({}))},
    });
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves_it_as_it_was()
        .counts([3, 0, 0, 0, 0])
        .succeeds()
        .reconciles([]);
}

#[test]
fn a_target_of_another_type_is_a_failure_and_no_removal() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"+14155550100": {"pvt_type": "user", "pvt_assigned_to": B}},
    });
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves_it_as_it_was()
        .counts([1, 0, 0, 0, 1])
        .fails(json!({"A": {"failed": {"save_docs-conflict": ["+14155550100"]}}}))
        .returns(Returned::NoReturnCode(2));
}

#[test]
fn given_numbers_only_but_the_removal_sees_the_whole_account() {
    let start = drifted();
    let mut end = start.clone();
    end["A"]["+14155550102"] = number(A, json!({"k": 1}));
    end["A"]["+14155550103"] = Value::Null;
    // app unchanged, copy created; removal: 0100, 0101, 0105, 0106 stay, 0103 goes
    case(start, "fix_number", [A.into(), "4155550102".into()])
        .leaves(end)
        .counts([5, 1, 0, 1, 0])
        .succeeds()
        .reconciles([A]);
}

#[test]
fn another_accounts_number_is_fixed_where_it_is_assigned() {
    let start = drifted();
    let mut end = start.clone();
    end["+1415"]["+14155550103"] = number(B, json!({}));
    end["B"]["+14155550103"] = number(B, json!({}));
    end["A"]["+14155550103"] = Value::Null;
    let ran = case(start, "fix_number", [A.into(), "+14155550103".into()])
        .leaves(end)
        .counts([4, 1, 1, 1, 0])
        .succeeds()
        .reconciles([A, B]);
    let warning = Warning::AssignedElsewhere(B.to_owned(), "+14155550103".to_owned());
    assert!(ran.outcome.warnings.into_iter().eq([warning]));
}

#[test]
fn one_bad_number_stops_no_other() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({})),
                  "+14155550101": number("", json!({})),
                  "+14155550102": number(A, json!({"pvt_deleted": true})),
                  "+14155550103": number(C, json!({"pvt_used_by": "callflow"}))},
        "A": {"+14155550109": number(C, json!({}))},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(A, json!({}));
    end["A"]["+14155550109"] = Value::Null;
    case(
        start,
        "fix_numbers",
        [
            A.into(),
            [
                "+14155550103",
                "+14155550102",
                "+14155550101",
                "911",
                "+12025550100",
                "14155550100",
                "4155550100",
            ]
            .into(),
        ],
    )
    .leaves(end)
    .counts([1, 1, 0, 1, 6])
    .fails(json!({
        "A": {"failed": {"not_reconcilable": ["911"]}},
        "+1415": {"failed": {"not_assigned": ["+14155550101"],
                             "open_doc-not_found": ["+14155550102"]}},
        "+1202": {"failed": {"open_doc-not_found": ["+12025550100"]}},
        // Both steps failed for the number of an account without a database.
        "C": {"failed": {"app_usage-db_not_found": ["+14155550103"],
                         "save_docs-db_not_found": ["+14155550103"]}},
    }))
    .returns(Returned::NoReturnCode(2))
    .reconciles([A]);
}
