//! Cases from production: documents of old versions, conflicts, contested and released numbers.

use crate::support::{A, B, C, case, cluster, counts, database, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Argument, Counts, DriftKind, Returned, audit};

/// The number of each case.
const NUMBER: &str = "+14155550100";

fn at(name: &str, document: Value) -> Value {
    json!({name: {NUMBER: document}})
}

#[test]
fn document_without_type_is_number_by_id() {
    let old = json!({"pvt_assigned_to": A, "pvt_number_state": "in_service"});
    let mut used = old.clone();
    used["pvt_used_by"] = json!("callflow");
    let flow = json!({"pvt_type": "callflow", "numbers": [NUMBER]});
    case(
        json!({"A": {"flow": flow, "sip-user": {"pvt_assigned_to": B}}, "+1415": {NUMBER: old}}),
        "fix_account_db_numbers",
        [A.into()],
    )
    .leaves(
        json!({"A": {"flow": flow, "sip-user": {"pvt_assigned_to": B}, NUMBER: used},
                   "+1415": {NUMBER: used}}),
    )
    .counts(counts! { created: 1, updated: 1 })
    .succeeds();
    // An existing type decides. Without a type, the id must be a plus sign and digits.
    for (id, document) in [
        (NUMBER, json!({"pvt_type": null, "pvt_assigned_to": B})),
        ("+1415555O1O1", json!({"pvt_assigned_to": B})),
        ("+", json!({"pvt_assigned_to": B})),
    ] {
        case(
            json!({"A": {id: document}}),
            "remove_wrong_assigned_from_accounts",
            [],
        )
        .leaves_cluster_unchanged()
        .counts(Counts::default());
    }
}

#[test]
fn old_document_has_state_in_another_field() {
    case(
        json!({"+1415": {
            "+14155550100": {"pvt_number_state": "deleted"},
            "+14155550101": {"pvt_number_state": "deleted", "pvt_state": "available"},
            "+14155550102": {"pvt_number_state": "discovery"}}}),
        "purge_deleted",
        [],
    )
    .leaves(json!({"+1415": {
            "+14155550100": null,
            "+14155550101": {"pvt_number_state": "deleted", "pvt_state": "available"},
            "+14155550102": {"pvt_number_state": "discovery"}}}))
    .counts(counts! { deleted: 1 })
    .returns(Returned::NoReturn);
}

#[track_caller]
fn converts_list(list: Value, public: Value, target: &str, features: Value) {
    let mut document = number("", json!({"pvt_module_name": "old", "pvt_features": list}));
    for (key, value) in public.as_object().unwrap() {
        document[key] = value.clone();
    }
    let mut wanted = document.clone();
    wanted["pvt_module_name"] = json!(target);
    wanted["pvt_modified"] = json!(crate::support::KAZOO_NOW);
    wanted["pvt_features"] = features;
    if wanted["pvt_features"].is_null() {
        wanted.as_object_mut().unwrap().remove("pvt_features");
    }
    case(
        at("+1415", document),
        "convert_carrier_module",
        ["old".into(), target.into()],
    )
    .leaves(at("+1415", wanted))
    .counts(counts! { updated: 1 });
}

#[test]
fn feature_list_becomes_object_with_data() {
    converts_list(
        json!(["dash_e911", "outbound_cnam", "port"]),
        json!({"dash_e911": {"caller_name": "X"}, "cnam": {"display_name": "ACME", "inbound_lookup": true}}),
        "knm_local",
        json!({"e911": {"caller_name": "X"}, "outbound_cnam": {"display_name": "ACME"},
               "port": {}, "local": {}}),
    );
    converts_list(
        json!([
            "inbound_lookup",
            "failover",
            "ringback",
            "prepend",
            "force_outbound",
            "local"
        ]),
        json!({"failover": {"e164": "+1", "sip": "", "x": 1}, "ringback": {"early": "a"},
               "prepend": {"name": "P"}, "force_outbound": true}),
        "knm_telnyx",
        json!({"inbound_cnam": {"inbound_lookup": true}, "failover": {"e164": "+1"},
               "ringback": {"early": "a"}, "prepend": {"name": "P", "enabled": false},
               "force_outbound": true}),
    );
    // Features without data are kept, and the data of one name is not lost to another name without
    // data.
    converts_list(
        json!(["vitelity_e911", "telnyx_e911", "sms"]),
        json!({"vitelity_e911": {"a": 1}, "sms": {"on": true}}),
        "knm_telnyx",
        json!({"e911": {"a": 1}, "sms": {"on": true}}),
    );
    // Values that Kazoo treats as empty.
    converts_list(
        json!(["failover", "ringback", "port", "sms", "outbound_cnam"]),
        json!({"failover": {"e164": "0", "sip": "NULL"}, "ringback": {"early": 0, "transfer": false},
               "port": "undefined", "sms": 0.0, "cnam": {"display_name": "0"}}),
        "knm_telnyx",
        json!({"failover": {}, "ringback": {"transfer": false}, "port": {}, "sms": {},
               "outbound_cnam": {"display_name": "0"}}),
    );
    converts_list(json!(["local"]), json!({}), "knm_telnyx", Value::Null);
    converts_list(json!([]), json!({}), "knm_telnyx", Value::Null);
}

#[test]
fn deletion_removes_all_leaves_and_counts_once() {
    let wrong = |note: u8| number(B, json!({"note": note}));
    case(
        at("A", json!([wrong(1), wrong(2), number(C, json!({}))])),
        "remove_wrong_assigned_from_accounts",
        [],
    )
    .leaves(at("A", Value::Null))
    .counts(counts! { deleted: 1 })
    .succeeds();
}

#[test]
fn leaf_that_must_stay_prevents_deletion() {
    let wrong = number(B, json!({}));
    for other in [
        number(A, json!({})),
        number("", json!({})),
        number("odd", json!({})),
        number(B, json!({"pvt_deleted": true})),
        json!({"pvt_type": "user", "pvt_assigned_to": B}),
    ] {
        case(
            at("A", json!([wrong, other])),
            "remove_wrong_assigned_from_accounts",
            [],
        )
        .leaves_cluster_unchanged()
        .counts(counts! { failed: 1 })
        .fails(json!({"A": {"failed": {"conflicted": [NUMBER]}}}));
    }
    let state = |state: &str| number("", json!({"pvt_state": state}));
    case(
        at("+1415", json!([state("deleted"), state("in_service")])),
        "purge_deleted",
        [],
    )
    .leaves_cluster_unchanged()
    .fails(json!({"+1415": {"failed": {"conflicted": [NUMBER]}}}))
    .returns(Returned::NoReturnCode(2));
    // The winner decides whether the command changes anything.
    case(
        at("+1415", json!([state("in_service"), state("deleted")])),
        "purge_deleted",
        [],
    )
    .leaves_cluster_unchanged()
    .counts(Counts::default());
    case(
        json!({"A": {}, "B": {},
               "+1415": {NUMBER: [number(A, json!({})), number(B, json!({}))]}}),
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        [],
    )
    .leaves_cluster_unchanged()
    .fails(json!({"+1415": {"failed": {"conflicted": [NUMBER]}}}));
}

#[test]
fn copy_overwrites_only_agreeing_leaves() {
    let source = number(A, json!({"x": 1}));
    let old = number(A, json!({"x": 0}));
    let start = |leaves: Value| json!({"A": {NUMBER: leaves}, "+1415": {NUMBER: source}});
    case(start(json!([old, old])), "copy_number_dbs_to_accounts", [])
        .leaves(start(json!([source, old])))
        .counts(counts! { updated: 1 });
    case(
        start(json!([old, number(B, json!({}))])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_cluster_unchanged()
    .fails(json!({"A": {"failed": {"conflicted": [NUMBER]}}}));
    let other = number(A, json!({"x": 2, "pvt_used_by": "callflow"}));
    case(
        start(json!([old, other])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves(start(json!([source, other])));
    case(
        start(json!([old, source])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_cluster_unchanged()
    .fails(json!({"A": {"failed": {"conflicted": [NUMBER]}}}));
    case(
        start(json!([source, old])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_cluster_unchanged()
    .counts(counts! { unchanged: 1 })
    .succeeds();
}

#[test]
fn only_unassigned_numbers_are_migrated() {
    let used = |account: Value| {
        json!({"pvt_type": "number", "pvt_assigned_to": account, "pvt_used_by": "callflow",
               "pvt_features_denied": ["cnam"], "pvt_features": {"cnam": {}}})
    };
    for odd in [
        json!("account%2F00%2F00%2F000a11ce00000000000000000001"),
        json!(""),
        json!(0),
        json!(false),
        json!({}),
        json!([]),
        json!(A),
    ] {
        case(at("+1415", used(odd)), "migrate_unassigned_numbers", [])
            .leaves_cluster_unchanged()
            .counts(Counts::default());
    }
    for state in ["deleted", "discovery"] {
        for field in ["pvt_state", "pvt_number_state"] {
            let mut left_out = used(Value::Null);
            left_out[field] = json!(state);
            case(at("+1415", left_out), "migrate_unassigned_numbers", [])
                .leaves_cluster_unchanged();
        }
    }
    let mut end = used(Value::Null);
    end.as_object_mut().unwrap().remove("pvt_used_by");
    end.as_object_mut().unwrap().remove("pvt_features");
    let arguments: [&[Argument]; 3] = [&[], &["+1415".into()], &["4155550100".into()]];
    for arguments in arguments {
        let start = at("+1415", used(Value::Null));
        let migrated = match arguments {
            [one] => case(start, "migrate_unassigned_numbers", [one.clone()]),
            _ => case(start, "migrate_unassigned_numbers", []),
        };
        migrated
            .leaves(at("+1415", end.clone()))
            .counts(counts! { updated: 1 })
            .succeeds();
    }
}

#[test]
fn denied_features_are_removed_with_public_fields() {
    case(
        at(
            "+1415",
            number(
                "",
                json!({
                    "pvt_features_denied": ["e911", "outbound_cnam", "prepend", "sms"],
                    "pvt_features": {"e911": {}, "cnam": {}, "outbound_cnam": {}, "sms": {}, "port": {}},
                    "e911": {}, "dash_e911": {"a": 1}, "sms": 1, "mms": 1,
                    "cnam": {"display_name": "X", "inbound_lookup": true},
                    "prepend": {"enabled": true, "other": 1},
                }),
            ),
        ),
        "migrate_unassigned_numbers",
        [],
    )
    .leaves(at(
        "+1415",
        number(
            "",
            json!({
                "pvt_features_denied": ["e911", "outbound_cnam", "prepend", "sms"],
                "pvt_features": {"cnam": {}, "port": {}},
                "mms": 1,
                "prepend": {"other": 1},
            }),
        ),
    ));
    case(
        at(
            "+1415",
            number(
                "",
                json!({"pvt_features_denied": ["e911"], "pvt_features": ["dash_e911", "port"]}),
            ),
        ),
        "migrate_unassigned_numbers",
        [],
    )
    .leaves(at(
        "+1415",
        number(
            "",
            json!({"pvt_features_denied": ["e911"], "pvt_features": ["port"]}),
        ),
    ));
}

/// Kazoo's table has no public fields of this old name.
#[test]
fn denied_inbound_lookup_keeps_public_fields() {
    let with = |more: Value| {
        let mut document = number("", json!({"pvt_features_denied": ["inbound_lookup"]}));
        for (key, value) in more.as_object().unwrap() {
            document[key] = value.clone();
        }
        at("+1415", document)
    };
    let cnam = json!({"display_name": "X", "inbound_lookup": true});
    case(
        with(json!({"cnam": cnam, "pvt_features": {"inbound_cnam": {}, "port": {}}})),
        "migrate_unassigned_numbers",
        [],
    )
    .leaves(with(json!({"cnam": cnam, "pvt_features": {"port": {}}})));
}

#[test]
fn unusable_numbers_are_refused_before_reading() {
    let start = json!({"A": {NUMBER: number(B, json!({}))}, "+1415": {}});
    for (function, arguments) in [
        ("fix_number", [A.into(), "bogus".into()]),
        ("fix_numbers", [A.into(), ["911", ""].into()]),
        (
            "copy_number_from_accountdb_to_numbdb",
            [A.into(), "*97".into()],
        ),
        (
            "fix_numbers_apps_in_accountdb",
            [A.into(), "sip-user".into()],
        ),
    ] {
        case(start.clone(), function, arguments)
            .leaves_cluster_unchanged()
            .counts(Counts::default())
            .returns(Returned::Refused);
    }
    case(start.clone(), "fix_numbers_apps_in_numbdb", ["911".into()]).returns(Returned::Refused);
    case(start, "fix_numbers", [A.into(), ["bogus", NUMBER].into()])
        .counts(counts! { deleted: 1, failed: 2 })
        .returns(Returned::NoReturnCode(2));
}

#[test]
fn number_claimed_by_two_accounts_is_not_copied() {
    let claims = json!({
        "A": {NUMBER: number(A, json!({}))},
        "B": {NUMBER: number(B, json!({}))},
        "C": {NUMBER: number("", json!({}))},
        "+1415": {},
    });
    case(claims.clone(), "copy_accounts_to_number_dbs", [])
        .leaves_cluster_unchanged()
        .counts(counts! { failed: 1 })
        .fails(json!({"+1415": {"failed": {"contested": [NUMBER]}}}));
    // A single account is copied: the operator has decided.
    let mut end = claims.clone();
    end["+1415"][NUMBER] = number(B, json!({}));
    case(
        claims.clone(),
        "copy_number_from_accountdb_to_numbdb",
        [B.into(), NUMBER.into()],
    )
    .leaves(end.clone())
    .succeeds();
    case(claims, "copy_single_account_to_number_dbs", [B.into()])
        .leaves(end)
        .succeeds();
}

#[test]
fn server_is_disabled_by_javascript_rules() {
    let with = |enabled: Value| {
        json!({"A": {"trunk": {"pvt_type": "sys_info",
                               "servers": [{"enabled": enabled, "DIDs": {NUMBER: {}}}]},
                     NUMBER: number(A, json!({}))}})
    };
    let fix = |enabled: Value| case(with(enabled), "fix_apps_for_account_dbs", []);
    for disabled in [
        json!(false),
        json!(0),
        json!(0.0),
        json!(""),
        json!("0"),
        json!(" "),
        json!("0x0"),
        json!([]),
        json!([0]),
        json!([[]]),
    ] {
        fix(disabled).leaves_cluster_unchanged();
    }
    for enabled in [
        json!(null),
        json!(true),
        json!(1),
        json!("false"),
        json!("no"),
        json!({}),
        json!([0, 0]),
        json!([false]),
        json!("0x"),
        json!("inf"),
    ] {
        fix(enabled).counts(counts! { updated: 1 });
    }
}

#[test]
fn unconfigured_features_are_all_twelve() {
    let all = "carrier_name cnam e911 failover force_outbound inbound_cnam mms outbound_cnam port \
               prepend ringback sms";
    let shown = |list: &str| format!("Features allowed on system config document:\n\t{list}");
    let config =
        |default: Value| json!({"system_config": {"number_manager": {"default": default}}});
    let allow = |list: &str| {
        let list: Vec<&str> = list.split(' ').collect();
        config(json!({"features": {"allow": list}}))
    };
    case(json!({}), "feature_permissions_on_system_config", [])
        .leaves_cluster_unchanged()
        .returns(Returned::NoReturn)
        .prints(&shown(all));
    let without = all.replace("port ", "");
    case(
        config(json!({})),
        "remove_allowed_feature_on_system_config",
        ["port".into()],
    )
    .leaves(allow(&without))
    .counts(counts! { updated: 1 })
    .returns(Returned::NoReturn)
    .prints(&shown(&without));
    let ensure = |start: Value| case(start, "ensure_adminonly_features_are_reachable", []);
    ensure(json!({}))
        .leaves_cluster_unchanged()
        .returns(Returned::NoReturn);
    ensure(allow("carrier_name cnam")).leaves_cluster_unchanged();
    ensure(allow("cnam")).leaves(allow("carrier_name cnam"));
    case(
        json!({}),
        "add_allowed_feature_on_system_config",
        ["local".into()],
    )
    .leaves_cluster_unchanged()
    .returns(Returned::NoReturn);
}

#[track_caller]
fn finds(databases: Value, wanted: &[(DriftKind, &str)]) {
    let found = audit(&cluster(&databases));
    let found: Vec<(DriftKind, String)> = found
        .into_iter()
        .flat_map(|(kind, places)| {
            places
                .into_iter()
                .map(move |(database, _)| (kind, database))
        })
        .collect();
    let mut wanted: Vec<(DriftKind, String)> = wanted
        .iter()
        .map(|(kind, name)| (*kind, database(name)))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn audit_reports_released_and_contested_numbers() {
    let own = number(A, json!({}));
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: number("", json!({}))}}),
        &[(DriftKind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: {"pvt_type": "number", "pvt_assigned_to": null}}}),
        &[(DriftKind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: number("odd", json!({}))}}),
        &[(DriftKind::OddAssignment, "+1415")],
    );
    let nobodys = number("", json!({}));
    finds(
        json!({"A": {NUMBER: nobodys}, "+1415": {NUMBER: nobodys}}),
        &[(DriftKind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: number("odd", json!({}))}, "+1415": {NUMBER: nobodys}}),
        &[(DriftKind::OddAssignment, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "B": {NUMBER: number(B, json!({}))}, "+1415": {}}),
        &[(DriftKind::Contested, "A"), (DriftKind::Contested, "B")],
    );
    finds(
        json!({"A": {NUMBER: own}, "B": {NUMBER: number(B, json!({}))},
               "+1415": {NUMBER: own}, "numbers/managed": {NUMBER: number(B, json!({}))}}),
        &[
            (DriftKind::Contested, "+1415"),
            (DriftKind::Contested, "numbers/managed"),
        ],
    );
    finds(
        json!({"A": {NUMBER: [own, own]}, "+1415": {NUMBER: [own, number(B, json!({}))]}}),
        &[
            (DriftKind::Conflicted, "A"),
            (DriftKind::Conflicted, "+1415"),
        ],
    );
}
