//! What the field brings: documents of old versions, conflicts, contested and released numbers.

use crate::support::{A, B, C, case, cluster, database, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Argument, Kind, Returned, audit};

/// The number that each case is about.
const NUMBER: &str = "+14155550100";

fn at(name: &str, document: Value) -> Value {
    json!({name: {NUMBER: document}})
}

#[test]
fn a_document_without_a_type_is_a_number_by_its_id() {
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
    .counts([0, 1, 1, 0, 0])
    .succeeds();
    // A type that is there decides, and so does anything but digits in the id.
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
        .leaves_it_as_it_was()
        .counts([0; 5]);
    }
}

#[test]
fn the_state_of_an_old_document_is_in_another_field() {
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
    .counts([0, 0, 0, 1, 0])
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
    .counts([0, 0, 1, 0, 0]);
}

#[test]
fn a_list_of_features_becomes_an_object_with_their_data() {
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
    // Nothing is lost that has no data, nor the data of one name by another that has none.
    converts_list(
        json!(["vitelity_e911", "telnyx_e911", "sms"]),
        json!({"vitelity_e911": {"a": 1}, "sms": {"on": true}}),
        "knm_telnyx",
        json!({"e911": {"a": 1}, "sms": {"on": true}}),
    );
    converts_list(json!(["local"]), json!({}), "knm_telnyx", Value::Null);
    converts_list(json!([]), json!({}), "knm_telnyx", Value::Null);
}

#[test]
fn a_deletion_takes_every_leaf_and_counts_once() {
    let wrong = |note: u8| number(B, json!({"note": note}));
    case(
        at("A", json!([wrong(1), wrong(2), number(C, json!({}))])),
        "remove_wrong_assigned_from_accounts",
        [],
    )
    .leaves(at("A", Value::Null))
    .counts([0, 0, 0, 1, 0])
    .succeeds();
}

#[test]
fn a_leaf_that_may_stay_keeps_the_others() {
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
        .leaves_it_as_it_was()
        .counts([0, 0, 0, 0, 1])
        .fails(json!({"A": {"failed": {"conflicted": [NUMBER]}}}));
    }
    let state = |state: &str| number("", json!({"pvt_state": state}));
    case(
        at("+1415", json!([state("deleted"), state("in_service")])),
        "purge_deleted",
        [],
    )
    .leaves_it_as_it_was()
    .fails(json!({"+1415": {"failed": {"conflicted": [NUMBER]}}}))
    .returns(Returned::NoReturnCode(2));
    // The winner decides whether anything is to be done at all.
    case(
        at("+1415", json!([state("in_service"), state("deleted")])),
        "purge_deleted",
        [],
    )
    .leaves_it_as_it_was()
    .counts([0; 5]);
    case(
        json!({"A": {}, "B": {},
               "+1415": {NUMBER: [number(A, json!({})), number(B, json!({}))]}}),
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        [],
    )
    .leaves_it_as_it_was()
    .fails(json!({"+1415": {"failed": {"conflicted": [NUMBER]}}}));
}

#[test]
fn a_copy_overwrites_leaves_that_agree_and_no_others() {
    let source = number(A, json!({"x": 1}));
    let old = number(A, json!({"x": 0}));
    let start = |leaves: Value| json!({"A": {NUMBER: leaves}, "+1415": {NUMBER: source}});
    case(start(json!([old, old])), "copy_number_dbs_to_accounts", [])
        .leaves(start(json!([source, old])))
        .counts([0, 0, 1, 0, 0]);
    case(
        start(json!([old, number(B, json!({}))])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_it_as_it_was()
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
    .leaves_it_as_it_was()
    .fails(json!({"A": {"failed": {"conflicted": [NUMBER]}}}));
    case(
        start(json!([source, old])),
        "copy_number_dbs_to_accounts",
        [],
    )
    .leaves_it_as_it_was()
    .counts([1, 0, 0, 0, 0])
    .succeeds();
}

#[test]
fn only_numbers_of_nobody_are_migrated() {
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
            .leaves_it_as_it_was()
            .counts([0; 5]);
    }
    for state in ["deleted", "discovery"] {
        for field in ["pvt_state", "pvt_number_state"] {
            let mut left_out = used(Value::Null);
            left_out[field] = json!(state);
            case(at("+1415", left_out), "migrate_unassigned_numbers", []).leaves_it_as_it_was();
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
            .counts([0, 0, 1, 0, 0])
            .succeeds();
    }
}

#[test]
fn denied_features_go_with_the_public_fields_that_belong_to_them() {
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

#[test]
fn numbers_that_are_none_are_refused_before_anything_is_read() {
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
            .leaves_it_as_it_was()
            .counts([0; 5])
            .returns(Returned::Refused);
    }
    case(start.clone(), "fix_numbers_apps_in_numbdb", ["911".into()]).returns(Returned::Refused);
    case(start, "fix_numbers", [A.into(), ["bogus", NUMBER].into()])
        .counts([0, 0, 0, 1, 2])
        .returns(Returned::NoReturnCode(2));
}

#[test]
fn a_number_that_two_accounts_claim_goes_to_neither() {
    let claims = json!({
        "A": {NUMBER: number(A, json!({}))},
        "B": {NUMBER: number(B, json!({}))},
        "C": {NUMBER: number("", json!({}))},
        "+1415": {},
    });
    case(claims.clone(), "copy_accounts_to_number_dbs", [])
        .leaves_it_as_it_was()
        .counts([0, 0, 0, 0, 1])
        .fails(json!({"+1415": {"failed": {"contested": [NUMBER]}}}));
    // Each account alone is copied: the operator has decided.
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
fn a_server_is_disabled_as_javascript_has_it() {
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
        fix(disabled).leaves_it_as_it_was();
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
        fix(enabled).counts([0, 0, 1, 0, 0]);
    }
}

#[test]
fn features_that_are_not_configured_are_all_twelve() {
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
        .leaves_it_as_it_was()
        .returns(Returned::NoReturn)
        .prints(&shown(all));
    let without = all.replace("port ", "");
    case(
        config(json!({})),
        "remove_allowed_feature_on_system_config",
        ["port".into()],
    )
    .leaves(allow(&without))
    .counts([0, 0, 1, 0, 0])
    .returns(Returned::NoReturn)
    .prints(&shown(&without));
    let ensure = |start: Value| case(start, "ensure_adminonly_features_are_reachable", []);
    ensure(json!({}))
        .leaves_it_as_it_was()
        .returns(Returned::NoReturn);
    ensure(allow("carrier_name cnam")).leaves_it_as_it_was();
    ensure(allow("cnam")).leaves(allow("carrier_name cnam"));
    case(
        json!({}),
        "add_allowed_feature_on_system_config",
        ["local".into()],
    )
    .leaves_it_as_it_was()
    .returns(Returned::NoReturn);
}

#[track_caller]
fn finds(databases: Value, wanted: &[(Kind, &str)]) {
    let found = audit(&cluster(&databases));
    let found: Vec<(Kind, String)> = found
        .into_iter()
        .flat_map(|(kind, places)| {
            places
                .into_iter()
                .map(move |(database, _)| (kind, database))
        })
        .collect();
    let mut wanted: Vec<(Kind, String)> = wanted
        .iter()
        .map(|(kind, name)| (*kind, database(name)))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn the_audit_knows_released_and_contested_numbers() {
    let own = number(A, json!({}));
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: number("", json!({}))}}),
        &[(Kind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: {"pvt_type": "number", "pvt_assigned_to": null}}}),
        &[(Kind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "+1415": {NUMBER: number("odd", json!({}))}}),
        &[(Kind::OddAssignment, "+1415")],
    );
    let nobodys = number("", json!({}));
    finds(
        json!({"A": {NUMBER: nobodys}, "+1415": {NUMBER: nobodys}}),
        &[(Kind::FormerAccount, "A")],
    );
    finds(
        json!({"A": {NUMBER: number("odd", json!({}))}, "+1415": {NUMBER: nobodys}}),
        &[(Kind::OddAssignment, "A")],
    );
    finds(
        json!({"A": {NUMBER: own}, "B": {NUMBER: number(B, json!({}))}, "+1415": {}}),
        &[(Kind::Contested, "A"), (Kind::Contested, "B")],
    );
    finds(
        json!({"A": {NUMBER: own}, "B": {NUMBER: number(B, json!({}))},
               "+1415": {NUMBER: own}, "numbers/managed": {NUMBER: number(B, json!({}))}}),
        &[
            (Kind::Contested, "+1415"),
            (Kind::Contested, "numbers/managed"),
        ],
    );
    finds(
        json!({"A": {NUMBER: [own, own]}, "+1415": {NUMBER: [own, number(B, json!({}))]}}),
        &[(Kind::Conflicted, "A"), (Kind::Conflicted, "+1415")],
    );
}
