//! `fix_account_db_numbers`, `fix_number` and `fix_numbers`.

use crate::support::{A, B, C, case, counts, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Returned, Warning};

fn drifted() -> Value {
    json!({
        "+1415": {
            // stale usage; correct on both sides; missing in A; assigned to another account;
            // unassigned
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
            // assigned to B on both sides; only in A; unassigned; soft-deleted
            "+14155550103": number(B, json!({})),
            "+14155550105": number(A, json!({})),
            "+14155550106": number("", json!({})),
            "+14155550107": number(B, json!({"pvt_deleted": true})),
        },
        "B": {},
    })
}

#[test]
fn fix_account_runs_all_three_steps() {
    let start = drifted();
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    end["A"]["+14155550102"] = number(A, json!({"k": 1}));
    end["A"]["+14155550103"] = Value::Null;
    // apps: 1 updated, 2 unchanged; copies: 2 unchanged, 1 created; removal: 2 unchanged, 1 deleted
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts(counts! { unchanged: 6, created: 1, updated: 1, deleted: 1 })
        .succeeds()
        .reconciles([A]);
}

#[test]
fn copy_step_uses_result_of_usage_step() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
              "+14155550100": number(B, json!({}))},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    end["A"]["+14155550100"] = number(A, json!({"pvt_used_by": "callflow"}));
    // The copy that named B names A after the copy step, and is not removed.
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts(counts! { updated: 2 })
        .reconciles([A]);
}

#[test]
fn number_used_by_both_is_copied_unchanged() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({"pvt_used_by": "trunkstore"}))},
        "A": {"flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
              "trunk": {"pvt_type": "sys_info", "servers": [{"DIDs": {"+14155550100": {}}}]}},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(A, json!({"pvt_used_by": "trunkstore"}));
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves(end)
        .counts(counts! { unchanged: 1, created: 1 })
        .succeeds();
}

#[test]
fn account_in_sync_reconciles_no_services() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"+14155550100": number(A, json!({})), "+14155550101": number("", json!({}))},
    });
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves_cluster_unchanged()
        .counts(counts! { unchanged: 3 })
        .succeeds()
        .reconciles([]);
}

#[test]
fn target_of_another_type_fails_and_is_not_removed() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "A": {"+14155550100": {"pvt_type": "user", "pvt_assigned_to": B}},
    });
    case(start, "fix_account_db_numbers", [A.into()])
        .leaves_cluster_unchanged()
        .counts(counts! { unchanged: 1, failed: 1 })
        .fails(json!({"A": {"failed": {"save_docs-conflict": ["+14155550100"]}}}))
        .returns(Returned::NoReturnCode(2));
}

#[test]
fn removal_checks_whole_account_for_given_numbers() {
    let start = drifted();
    let mut end = start.clone();
    end["A"]["+14155550102"] = number(A, json!({"k": 1}));
    end["A"]["+14155550103"] = Value::Null;
    // app unchanged, copy created; removal: 0100, 0101, 0105, 0106 stay, 0103 goes
    case(start, "fix_number", [A.into(), "4155550102".into()])
        .leaves(end)
        .counts(counts! { unchanged: 5, created: 1, deleted: 1 })
        .succeeds()
        .reconciles([A]);
}

#[test]
fn number_of_another_account_is_fixed_there() {
    let start = drifted();
    let mut end = start.clone();
    end["+1415"]["+14155550103"] = number(B, json!({}));
    end["B"]["+14155550103"] = number(B, json!({}));
    end["A"]["+14155550103"] = Value::Null;
    let ran = case(start, "fix_number", [A.into(), "+14155550103".into()])
        .leaves(end)
        .counts(counts! { unchanged: 4, created: 1, updated: 1, deleted: 1 })
        .succeeds()
        .reconciles([A, B]);
    let warning = Warning::AssignedElsewhere(B.to_owned(), "+14155550103".to_owned());
    assert!(ran.outcome.warnings.into_iter().eq([warning]));
}

#[test]
fn bad_number_does_not_stop_others() {
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
    .counts(counts! { unchanged: 1, created: 1, deleted: 1, failed: 6 })
    .fails(json!({
        "A": {"failed": {"not_reconcilable": ["911"]}},
        "+1415": {"failed": {"not_assigned": ["+14155550101"],
                             "open_doc-not_found": ["+14155550102"]}},
        "+1202": {"failed": {"open_doc-not_found": ["+12025550100"]}},
        // Both steps fail for a number of an account without a database.
        "C": {"failed": {"app_usage-db_not_found": ["+14155550103"],
                         "save_docs-db_not_found": ["+14155550103"]}},
    }))
    .returns(Returned::NoReturnCode(2))
    .reconciles([A]);
}
