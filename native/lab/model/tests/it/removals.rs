//! The commands that delete.

use crate::support::{A, B, C, case, counts, number};
use exact_json::{Value, json};
use kazoo_numbers_model::Returned;

fn wrongly_assigned() -> (Value, Value) {
    let start = json!({
        "A": {"+14155550100": number(A, json!({})),
              "+14155550101": number(B, json!({})),
              "+14155550102": number(&A.to_uppercase(), json!({})),
              "+14155550103": number("", json!({})),
              "+14155550104": number("nobody", json!({})),
              "+14155550105": number(C, json!({"pvt_deleted": true})),
              "+14155550106": {"pvt_type": "user", "pvt_assigned_to": B},
              "911": number(C, json!({}))},
        "B": {"+14155550101": number(A, json!({}))},
    });
    let mut end = start.clone();
    end["A"]["+14155550101"] = Value::Null;
    end["A"]["911"] = Value::Null;
    (start, end)
}

#[test]
fn numbers_of_another_account_are_removed() {
    let (start, mut end) = wrongly_assigned();
    case(
        start.clone(),
        "remove_wrong_assigned_from_single_accountdb",
        [A.into()],
    )
    .leaves(end.clone())
    .counts(counts! { unchanged: 4, deleted: 2 })
    .succeeds()
    .reconciles([]);
    end["B"]["+14155550101"] = Value::Null;
    case(start, "remove_wrong_assigned_from_accounts", [])
        .leaves(end)
        .counts(counts! { unchanged: 4, deleted: 3 })
        .succeeds();
}

#[test]
fn five_thousand_wrong_documents_are_removed_in_one_run() {
    let mut numbers = json!({});
    for last in 0..5000 {
        numbers[format!("+1415555{last:04}")] = number(B, json!({}));
    }
    let ran = case(
        json!({ "A": numbers }),
        "remove_wrong_assigned_from_accounts",
        [],
    );
    let ran = ran.counts(counts! { deleted: 5000 }).succeeds();
    assert!(
        ran.outcome
            .cluster
            .databases
            .values()
            .all(|database| database.documents.is_empty())
    );
}

#[test]
fn numbers_missing_in_number_databases_are_removed_from_accounts() {
    // present; soft-deleted and of another type, which count as present; deleted; never existed; no
    // such number database; no number database possible for the id; not a number
    let start = json!({
        "A": {"+14155550100": number(A, json!({})),
              "+14155550101": number(A, json!({})),
              "+14155550102": number(A, json!({})),
              "+14155550103": number(A, json!({})),
              "+14155550104": number(B, json!({})),
              "+12025550100": number(A, json!({})),
              "911": number(A, json!({})),
              "+14155550106": number(A, json!({"pvt_deleted": true})),
              "+14155550107": {"pvt_type": "user"}},
        "B": {"+14155550108": number("", json!({}))},
        "+1415": {"+14155550100": number(B, json!({})),
                  "+14155550101": number(A, json!({"pvt_deleted": true})),
                  "+14155550102": {"pvt_type": "user"},
                  "+14155550103": null},
    });
    let mut end = start.clone();
    end["A"]["+14155550103"] = Value::Null;
    end["A"]["+14155550104"] = Value::Null;
    let failures = json!({
        "A": {"failed": {"no_number_db": ["911"]}},
        "+1202": {"failed": {"open_doc-db_not_found": ["+12025550100"]}},
    });
    case(
        start.clone(),
        "destructively_remove_from_single_account_db_if_not_in_numdb",
        [A.into()],
    )
    .leaves(end.clone())
    .counts(counts! { unchanged: 3, deleted: 2, failed: 2 })
    .fails(failures.clone())
    .returns(Returned::NoReturnCode(2));
    end["B"]["+14155550108"] = Value::Null;
    case(
        start,
        "destructively_remove_from_account_db_if_not_in_numdb",
        [],
    )
    .leaves(end)
    .counts(counts! { unchanged: 3, deleted: 3, failed: 2 })
    .fails(failures)
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn numbers_missing_in_accounts_are_removed_from_number_databases() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({})),
                  "+14155550101": number(A, json!({})),
                  "+14155550102": number(A, json!({})),
                  "+14155550103": number(A, json!({})),
                  "+14155550104": number(&A.to_uppercase(), json!({})),
                  "+14155550105": number(C, json!({})),
                  "+14155550106": number("", json!({})),
                  "+14155550107": number(A, json!({"pvt_deleted": true})),
                  "+14155550108": {"pvt_type": "user", "pvt_assigned_to": A},
                  "+12025550100": number(A, json!({}))},
        "numbers/inum": {"+883510000000001": number(A, json!({}))},
        "A": {"+14155550100": number(B, json!({})),
              "+14155550101": number(A, json!({"pvt_deleted": true})),
              "+14155550102": {"pvt_type": "user"},
              "+14155550103": null},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550103"] = Value::Null;
    end["+1415"]["+14155550104"] = Value::Null;
    let failures = json!({"C": {"failed": {"open_doc-db_not_found": ["+14155550105"]}}});
    case(
        start.clone(),
        "destructively_remove_from_single_numdb_if_not_in_accountdb",
        ["+1415".into()],
    )
    .leaves(end.clone())
    .counts(counts! { unchanged: 3, deleted: 2, failed: 1 })
    .fails(failures.clone())
    .returns(Returned::NoReturnCode(2));
    end["numbers/inum"]["+883510000000001"] = Value::Null;
    case(
        start,
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        [],
    )
    .leaves(end)
    .counts(counts! { unchanged: 3, deleted: 3, failed: 1 })
    .fails(failures);
}
