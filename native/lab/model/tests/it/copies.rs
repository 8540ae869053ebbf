//! The copy commands.

use crate::support::{A, B, C, DESIGN_DOCUMENT, NOW, case, cluster, counts, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Call, Counts, Now, Returned, Warning, run};

#[test]
fn accounts_are_copied_where_number_is_missing() {
    // A deleted document counts as missing. Numbers keep their digits.
    let document: Value = exact_json::from_str(&format!(
        r#"{{"pvt_type": "number", "pvt_assigned_to": "{A}", "ünïcode": ["☎", null],
            "one": 1.0, "big": 12345678901234567890123, "pvt_state": "in_service"}}"#
    ))
    .unwrap();
    case(
        json!({
            "A": {"+14155550100": document, "+12025550100": number(A, json!({}))},
            "+1415": {},
            "+1202": {"+12025550100": null},
        }),
        "copy_accounts_to_number_dbs",
        [],
    )
    .leaves(json!({
        "A": {"+14155550100": document, "+12025550100": number(A, json!({}))},
        "+1415": {"+14155550100": document},
        "+1202": {"+12025550100": number(A, json!({}))},
    }))
    .counts(counts! { created: 2 })
    .succeeds();
}

#[test]
fn copy_from_account_never_overwrites_number_database() {
    // A different document, a soft-deleted one and one of another type are conflicts; an equal one
    // is not.
    let start = json!({
        "A": {"+14155550100": number(A, json!({"name": "mine"})),
              "+14155550101": number(A, json!({})),
              "+14155550102": number(A, json!({})),
              "+14155550103": number(A, json!({"a": 1, "b": 2}))},
        "+1415": {"+14155550100": number(A, json!({"name": "theirs"})),
                  "+14155550101": number(A, json!({"pvt_deleted": true})),
                  "+14155550102": {"pvt_type": "user", "pvt_assigned_to": A},
                  "+14155550103": {"b": 2, "a": 1, "pvt_assigned_to": A, "pvt_type": "number"}},
    });
    case(start, "copy_single_account_to_number_dbs", [A.into()])
        .leaves_cluster_unchanged()
        .counts(counts! { unchanged: 1, failed: 3 })
        .fails(json!({"+1415": {"failed": {"save_docs-conflict":
            ["+14155550100", "+14155550101", "+14155550102"]}}}))
        .returns(Returned::NoReturnCode(2));
}

#[test]
fn json_number_spelling_is_a_difference() {
    let start: Value = exact_json::from_str(&format!(
        r#"{{"A": {{"+14155550100": {{"pvt_type": "number", "pvt_assigned_to": "{A}", "n": 1}}}},
            "+1415": {{"+14155550100": {{"pvt_type": "number", "pvt_assigned_to": "{A}", "n": 1.0}}}}}}"#
    ))
    .unwrap();
    case(start.clone(), "copy_accounts_to_number_dbs", []).counts(counts! { failed: 1 });
    case(start, "copy_number_dbs_to_accounts", []).counts(counts! { updated: 1 });
}

#[test]
fn revision_is_not_a_difference() {
    let with = |revision: &str| number(A, json!({"_rev": revision}));
    let start = json!({
        "A": {"+14155550100": with("1-a")},
        "+1415": {"+14155550100": with("2-b")},
    });
    for function in ["copy_accounts_to_number_dbs", "copy_number_dbs_to_accounts"] {
        case(start.clone(), function, [])
            .leaves_cluster_unchanged()
            .counts(counts! { unchanged: 1 });
    }
}

#[test]
fn attachments_are_part_of_the_document() {
    let with = |data: &str, digest: &str| {
        number(
            A,
            json!({"_attachments": {"loa.txt": {
                "content_type": "text/plain", "data": data, "digest": digest, "revpos": 2}}}),
        )
    };
    // Metadata that the server adds to an attachment is not a difference; its content is.
    case(
        json!({"+1415": {"+14155550100": with("aGk=", "md5-1")},
               "A": {"+14155550100": with("aGk=", "md5-other")}}),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_cluster_unchanged()
    .counts(counts! { unchanged: 1 });
    case(
        json!({"+1415": {"+14155550100": with("aGk=", "md5-1")},
               "A": {"+14155550100": with("aG8=", "md5-1")}}),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves(json!({"+1415": {"+14155550100": with("aGk=", "md5-1")},
                   "A": {"+14155550100": with("aGk=", "md5-1")}}))
    .counts(counts! { updated: 1 });
}

#[test]
fn missing_number_database_is_created_only_for_a_document() {
    let start = json!({
        "A": {"+14155550100": number(A, json!({})),
              "+12025550100": number(A, json!({"pvt_deleted": true})),
              "+13125550100": {"pvt_type": "callflow"}},
    });
    case(start, "copy_accounts_to_number_dbs", [])
        .leaves(json!({
            "A": {"+14155550100": number(A, json!({})),
                  "+12025550100": number(A, json!({"pvt_deleted": true})),
                  "+13125550100": {"pvt_type": "callflow"}},
            "+1415": {"+14155550100": number(A, json!({}))},
        }))
        .counts(counts! { created: 1 })
        .succeeds();
}

#[test]
fn assigned_account_wins_then_first_by_name() {
    // 0100: all differ, and the copy in B is assigned to B. 0101: no account claims it, A is first.
    // 0102: A and B both claim it.
    case(
        json!({
            "A": {"+14155550100": number(B, json!({"from": "A"})),
                  "+14155550101": number(B, json!({"from": "A"})),
                  "+14155550102": number(A, json!({"from": "A"}))},
            "B": {"+14155550100": number(B, json!({"from": "B"})),
                  "+14155550102": number(B, json!({"from": "B"}))},
            "C": {"+14155550100": number(A, json!({"from": "C"})),
                  "+14155550101": number("", json!({"from": "C"})),
                  "+14155550102": number(A, json!({"from": "A"}))},
            "+1415": {},
        }),
        "copy_accounts_to_number_dbs",
        [],
    )
    .leaves(json!({
        "A": {"+14155550100": number(B, json!({"from": "A"})),
              "+14155550101": number(B, json!({"from": "A"})),
              "+14155550102": number(A, json!({"from": "A"}))},
        "B": {"+14155550100": number(B, json!({"from": "B"})),
              "+14155550102": number(B, json!({"from": "B"}))},
        "C": {"+14155550100": number(A, json!({"from": "C"})),
              "+14155550101": number("", json!({"from": "C"})),
              "+14155550102": number(A, json!({"from": "A"}))},
        "+1415": {"+14155550100": number(B, json!({"from": "B"})),
                  "+14155550101": number(B, json!({"from": "A"}))},
    }))
    // 0100 conflicts in two accounts, which is one entry in the report.
    .counts(counts! { created: 2, failed: 3 })
    .fails(json!({"+1415": {"failed": {
        "save_docs-conflict": ["+14155550100", "+14155550101"],
        "contested": ["+14155550102"]}}}));
}

#[test]
fn only_listed_accounts_are_copied() {
    let start = json!({
        "A": {"+14155550100": number(A, json!({"from": "A"}))},
        "B": {"+14155550100": number(A, json!({"from": "B"}))},
        "+1415": {},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({"from": "B"}));
    // A single name is accepted as a list, a repeated name counts once, an unknown one is a
    // failure.
    case(start.clone(), "copy_accounts_to_number_dbs", [B.into()])
        .leaves(end.clone())
        .counts(counts! { created: 1 })
        .succeeds();
    case(
        start,
        "copy_accounts_to_number_dbs",
        [[
            B,
            "account%2Fbb%2F00%2F0000000000000000000000000002",
            "account/bb/00/0000000000000000000000000002-202601",
            "account/cc/00/0000000000000000000000000003",
        ]
        .into()],
    )
    .leaves(end)
    .counts(counts! { created: 1, failed: 1 })
    .fails(json!({"C": {"last_error": "db_not_found"}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn unusual_id_goes_to_database_of_first_five_characters() {
    case(
        json!({"A": {"911": number(A, json!({})),
                     "4155550100": number(A, json!({})),
                     "+1415": number(A, json!({}))}}),
        "copy_single_account_to_number_dbs",
        [A.into()],
    )
    .leaves(json!({
        "A": {"911": number(A, json!({})),
              "4155550100": number(A, json!({})),
              "+1415": number(A, json!({}))},
        "numbers/41555": {"4155550100": number(A, json!({}))},
        "+1415": {"+1415": number(A, json!({}))},
    }))
    .counts(counts! { created: 2, failed: 1 })
    .fails(json!({"A": {"failed": {"no_number_db": ["911"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn month_and_year_databases_are_ignored() {
    let start = json!({
        "account/aa/00/0000000000000000000000000001-202601": {"+14155550100": number(A, json!({}))},
        "account/aa/00/0000000000000000000000000001-2026": {"+14155550100": number(A, json!({}))},
        "+1415": {},
    });
    case(start, "copy_accounts_to_number_dbs", [])
        .leaves_cluster_unchanged()
        .counts(Counts::default())
        .succeeds();
}

#[test]
fn copy_to_accounts_overwrites_account_documents() {
    case(
        json!({
            "+1415": {
                // missing in A, deleted in A, soft-deleted in A, different in A, equal in A
                "+14155550100": number(A, json!({"k": 0})),
                "+14155550101": number(A, json!({"k": 1})),
                "+14155550102": number(A, json!({"k": 2})),
                "+14155550103": number(A, json!({"k": 3})),
                "+14155550104": number(A, json!({"k": 4})),
                // another type in A
                "+14155550105": number(A, json!({"k": 5})),
                // an id in upper case names the same database
                "+14155550106": number(&B.to_uppercase(), json!({"k": 6})),
            },
            "A": {
                "+14155550101": null,
                "+14155550102": number(A, json!({"k": 2, "pvt_deleted": true})),
                "+14155550103": number(C, json!({"k": 0, "more": "goes"})),
                "+14155550104": number(A, json!({"k": 4})),
                "+14155550105": {"pvt_type": "device"},
                "+14155550199": number(A, json!({})),
            },
            "B": {},
        }),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves(json!({
        "+1415": {
            "+14155550100": number(A, json!({"k": 0})),
            "+14155550101": number(A, json!({"k": 1})),
            "+14155550102": number(A, json!({"k": 2})),
            "+14155550103": number(A, json!({"k": 3})),
            "+14155550104": number(A, json!({"k": 4})),
            "+14155550105": number(A, json!({"k": 5})),
            "+14155550106": number(&B.to_uppercase(), json!({"k": 6})),
        },
        "A": {
            "+14155550100": number(A, json!({"k": 0})),
            "+14155550101": number(A, json!({"k": 1})),
            "+14155550102": number(A, json!({"k": 2})),
            "+14155550103": number(A, json!({"k": 3})),
            "+14155550104": number(A, json!({"k": 4})),
            "+14155550105": {"pvt_type": "device"},
            "+14155550199": number(A, json!({})),
        },
        "B": {"+14155550106": number(&B.to_uppercase(), json!({"k": 6}))},
    }))
    .counts(counts! { unchanged: 1, created: 3, updated: 2, failed: 1 })
    .fails(json!({"A": {"failed": {"save_docs-conflict": ["+14155550105"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn unsuitable_documents_are_not_copied_to_accounts() {
    // Soft-deleted, unassigned, oddly assigned, of another type, misfiled.
    case(
        json!({
            "+1415": {
                "+14155550100": number(A, json!({"pvt_deleted": true})),
                "+14155550101": number("", json!({})),
                "+14155550102": number("A", json!({})),
                "+14155550103": number("", json!({"pvt_assigned_to": null})),
                "+14155550104": {"pvt_type": "other", "pvt_assigned_to": A},
                "+12025550100": number(A, json!({})),
                "911": number(A, json!({})),
                "_design/numbers": {"views": {}},
            },
            "A": {},
        }),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_cluster_unchanged()
    .counts(Counts::default())
    .succeeds();
}

#[test]
fn special_number_databases_accept_any_number() {
    case(
        json!({
            "numbers/inum": {"+883510000000001": number(A, json!({}))},
            "numbers/managed": {"extension-7": number(A, json!({}))},
            "A": {},
        }),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves(json!({
        "numbers/inum": {"+883510000000001": number(A, json!({}))},
        "numbers/managed": {"extension-7": number(A, json!({}))},
        "A": {"+883510000000001": number(A, json!({})),
              "extension-7": number(A, json!({}))},
    }))
    .counts(counts! { created: 2 })
    .succeeds();
}

#[test]
fn own_number_database_has_precedence() {
    let from = |account: &str, place: &str| number(account, json!({"from": place}));
    let start = json!({
        "numbers/inum": {
            // the number's own database has it: for this account, for another, soft-deleted, not at
            // all
            "+14155550100": from(A, "inum"),
            "+14155550101": from(A, "inum"),
            "+14155550102": from(A, "inum"),
            "+14155550103": from(A, "inum"),
        },
        "numbers/managed": {"+14155550100": from(A, "managed"),
                            "+14155550103": from(&A.to_uppercase(), "managed")},
        "+1415": {"+14155550100": from(A, "own"),
                  "+14155550101": from(B, "own"),
                  "+14155550102": number(A, json!({"from": "own", "pvt_deleted": true}))},
        "A": {}, "B": {},
    });
    let mut end = start.clone();
    end["A"] = json!({"+14155550101": from(A, "inum"),
                      "+14155550102": from(A, "inum"),
                      "+14155550103": from(A, "inum")});
    // It is not a source even if it is the only database in the argument.
    case(
        start.clone(),
        "copy_number_dbs_to_accounts",
        [["numbers/inum", "numbers/managed"].into()],
    )
    .leaves(end.clone())
    .counts(counts! { created: 3 })
    .succeeds();
    end["A"]["+14155550100"] = from(A, "own");
    end["B"] = json!({"+14155550101": from(B, "own")});
    let ran = case(start, "copy_number_dbs_to_accounts", [])
        .leaves(end)
        .counts(counts! { created: 5 })
        .succeeds();
    let outranked =
        |database: &str, number: &str| Warning::Outranked(database.to_owned(), number.to_owned());
    assert!(ran.outcome.warnings.into_iter().eq([
        outranked("numbers/inum", "+14155550100"),
        outranked("numbers/managed", "+14155550100"),
        outranked("numbers/managed", "+14155550103"),
    ]));
}

#[test]
fn id_without_possible_database_fails() {
    let start = json!({"A": {"ABCDEFG": number(A, json!({})),
                             "ünïcödé": number(A, json!({})),
                             "a.b.c.d": number(A, json!({}))}});
    for function in [
        "copy_accounts_to_number_dbs",
        "destructively_remove_from_account_db_if_not_in_numdb",
    ] {
        case(start.clone(), function, [])
            .leaves_cluster_unchanged()
            .counts(counts! { failed: 3 })
            .fails(json!({"A": {"failed": {"no_number_db": ["ABCDEFG", "a.b.c.d", "ünïcödé"]}}}));
    }
}

#[test]
fn account_database_is_never_created() {
    case(
        json!({"+1415": {"+14155550100": number(C, json!({})), "+14155550101": number(A, json!({}))},
               "A": {}}),
        "copy_single_number_db_to_accounts",
        ["numbers%2F%2B1415".into()],
    )
    .leaves(json!({
        "+1415": {"+14155550100": number(C, json!({})), "+14155550101": number(A, json!({}))},
        "A": {"+14155550101": number(A, json!({}))},
    }))
    .counts(counts! { created: 1, failed: 1 })
    .fails(json!({"C": {"failed": {"save_docs-db_not_found": ["+14155550100"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn listed_number_databases_are_copied() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({}))},
        "+1202": {"+12025550100": number(A, json!({}))},
        "A": {},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(A, json!({}));
    case(
        start,
        "copy_number_dbs_to_accounts",
        [["+1415", "numbers/+1415", "numbers%2f%2b1415", "+1999"].into()],
    )
    .leaves(end)
    .counts(counts! { created: 1, failed: 1 })
    .fails(json!({"+1999": {"last_error": "db_not_found"}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn only_numbers_assigned_to_account_are_copied() {
    let start = json!({
        "+1415": {"+14155550100": number(A, json!({})), "+14155550101": number(B, json!({}))},
        "+1202": {"+12025550100": number(&A.to_uppercase(), json!({}))},
        "A": {}, "B": {},
    });
    let mut end = start.clone();
    end["A"]["+14155550100"] = number(A, json!({}));
    let one = case(
        start.clone(),
        "copy_single_assigned_number_db_to_account",
        [A.into(), "+1415".into()],
    );
    one.leaves(end.clone())
        .counts(counts! { created: 1 })
        .succeeds();
    end["A"]["+12025550100"] = number(&A.to_uppercase(), json!({}));
    case(start, "copy_assigned_number_dbs_to_account", [A.into()])
        .leaves(end)
        .counts(counts! { created: 2 })
        .succeeds();
}

#[test]
fn given_numbers_are_copied_from_account() {
    case(
        json!({
            "A": {"+14155550100": number(A, json!({})),
                  "+14155550101": number(A, json!({"pvt_deleted": true})),
                  "+14155550102": {"pvt_type": "user"},
                  "+14155550103": null},
            "+1415": {},
        }),
        "copy_numbers_from_accountdb_to_numbdbs",
        [
            A.into(),
            [
                "4155550100",
                "14155550100",
                "+14155550100",
                "+14155550101",
                "+14155550102",
                "+14155550103",
                "+14155550104",
                "911",
                "bogus",
            ]
            .into(),
        ],
    )
    .leaves(json!({
        "A": {"+14155550100": number(A, json!({})),
              "+14155550101": number(A, json!({"pvt_deleted": true})),
              "+14155550102": {"pvt_type": "user"},
              "+14155550103": null},
        "+1415": {"+14155550100": number(A, json!({}))},
    }))
    .counts(counts! { created: 1, failed: 6 })
    .fails(json!({"A": {"failed": {
        "not_reconcilable": ["911", "bogus"],
        "open_doc-not_found":
            ["+14155550101", "+14155550102", "+14155550103", "+14155550104"]}}}))
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn given_numbers_are_copied_to_their_accounts() {
    case(
        json!({
            "+1415": {"+14155550100": number(A, json!({})),
                      "+14155550101": number("", json!({})),
                      "+14155550102": number(A, json!({"pvt_deleted": true})),
                      "+14155550103": number(C, json!({}))},
            "A": {},
        }),
        "copy_numbers_from_dbs_to_assigned_accounts",
        [[
            "4155550100",
            "+14155550101",
            "+14155550102",
            "+14155550103",
            "+12025550100",
            "911",
        ]
        .into()],
    )
    .leaves(json!({
        "+1415": {"+14155550100": number(A, json!({})),
                  "+14155550101": number("", json!({})),
                  "+14155550102": number(A, json!({"pvt_deleted": true})),
                  "+14155550103": number(C, json!({}))},
        "A": {"+14155550100": number(A, json!({}))},
    }))
    .counts(counts! { created: 1, failed: 5 })
    .returns(Returned::NoReturnCode(2));
}

#[test]
fn list_with_formatted_number_is_refused() {
    case(
        json!({"+1415": {"+14155550100": number(A, json!({}))}, "A": {}}),
        "copy_numbers_from_dbs_to_assigned_accounts",
        [["+14155550100", "(415) 555-0101"].into()],
    )
    .leaves_cluster_unchanged()
    .returns(Returned::Refused);
}

#[test]
fn failures_of_given_numbers_are_listed_by_database() {
    case(
        json!({"+1415": {"+14155550101": number("", json!({})),
                         "+14155550103": number(C, json!({}))}}),
        "copy_numbers_from_dbs_to_assigned_accounts",
        [[
            "+14155550101",
            "+14155550102",
            "+14155550103",
            "+12025550100",
            "911",
            "bogus42",
        ]
        .into()],
    )
    .leaves_cluster_unchanged()
    .counts(counts! { failed: 6 })
    .fails(json!({
        "+1415": {"failed": {"not_assigned": ["+14155550101"],
                             "open_doc-not_found": ["+14155550102"]}},
        "+1202": {"failed": {"open_doc-not_found": ["+12025550100"]}},
        "C": {"failed": {"save_docs-db_not_found": ["+14155550103"]}},
        "numbers/911": {"failed": {"not_reconcilable": ["911"]}},
        "numbers/bogus": {"failed": {"not_reconcilable": ["bogus42"]}},
    }));
}

#[test]
fn single_number_is_copied_in_each_direction() {
    let start = json!({
        "A": {"+14155550100": number(A, json!({}))},
        "+1415": {"+14155550101": number(A, json!({}))},
    });
    let mut end = start.clone();
    end["+1415"]["+14155550100"] = number(A, json!({}));
    case(
        start.clone(),
        "copy_number_from_accountdb_to_numbdb",
        [A.into(), "4155550100".into()],
    )
    .leaves(end)
    .succeeds();
    let mut end = start.clone();
    end["A"]["+14155550101"] = number(A, json!({}));
    case(
        start,
        "copy_number_from_db_to_assigned_account",
        ["14155550101".into()],
    )
    .leaves(end)
    .succeeds();
}

#[test]
fn single_number_to_account_db_ignores_assignment() {
    let start = json!({
        "+1415": {"+14155550100": number(B, json!({})),
                  "+14155550101": number("", json!({})),
                  "+14155550102": number(B, json!({"pvt_deleted": true})),
                  "+14155550103": number(B, json!({}))},
        "A": {"+14155550100": number(A, json!({"old": true})),
              "+14155550103": {"pvt_type": "user"}},
        "B": {},
    });
    let danger = |number: &str, account: &str| {
        case(
            start.clone(),
            "copy_single_number_to_account_db",
            [number.into(), account.into()],
        )
    };
    let ok = |number: &str| Returned::OkValue(number.to_owned());
    let error = |text: &str| Returned::ErrorValue(text.to_owned());

    let mut end = start.clone();
    end["A"]["+14155550100"] = number(B, json!({}));
    danger("4155550100", A)
        .leaves(end)
        .counts(counts! { updated: 1 })
        .returns(ok("+14155550100"));
    let mut end = start.clone();
    end["A"]["+14155550101"] = number("", json!({}));
    danger("+14155550101", A)
        .leaves(end)
        .counts(counts! { created: 1 })
        .returns(ok("+14155550101"));
    for absent in ["+14155550102", "+14155550199"] {
        let text = format!("can read number '{absent}' from 'numbers%2F%2B1415': not_found");
        danger(absent, A)
            .leaves_cluster_unchanged()
            .returns(error(&text));
    }
    danger("+12025550100", A)
        .leaves_cluster_unchanged()
        .returns(error(
            "can read number '+12025550100' from 'numbers%2F%2B1202': not_found",
        ));
    danger("+14155550100", C)
        .leaves_cluster_unchanged()
        .returns(error(
            "can save number '+14155550100' to account db: not_found",
        ));
    danger("+14155550103", A)
        .leaves_cluster_unchanged()
        .returns(error(
            "can save number '+14155550103' to account db: conflict",
        ));
    danger("911", A)
        .leaves_cluster_unchanged()
        .returns(error(""));
    danger("+14155550100", "bogus")
        .leaves_cluster_unchanged()
        .returns(error(""));
}

#[test]
fn copy_adds_missing_design_document() {
    let mut before = cluster(&json!({
        "A": {"+14155550100": number(A, json!({}))},
        "+1415": {},
    }));
    let database = before.databases.get_mut("numbers/+1415").unwrap();
    database.documents.remove(DESIGN_DOCUMENT);
    let call = Call::new("copy_accounts_to_number_dbs", []);
    let outcome = run(&before, &call, Now::at(NOW));
    let documents = &outcome.cluster.databases["numbers/+1415"].documents;
    assert!(documents.contains_key(DESIGN_DOCUMENT) && documents.contains_key("+14155550100"));
}
