//! Cases from production: a small cluster, the calls of an operator, and the expected documents.
//! Each kind of fault has several cases.
//!
//! In a cluster `"A"` and `"B"` are the databases of two accounts, `"@A"` in a document is the
//! first account's id, and a list of documents is a winner with its losing leaves. In the expected
//! state a document of `null` is absent, a field of `null` is absent, and `"*"` is any value. Other
//! documents are not checked.

use exact_json::{Value, json};
use kazoo_numbers::command::Argument;
use kazoo_numbers::run::Returned;
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_testkit::command::{call, text};
use kazoo_numbers_testkit::server::TestServer;

const A: &str = "000a11ce000000000000000000000001";
const B: &str = "000b0b00000000000000000000000002";
const NUMBER: &str = "+14155550101";

/// The expected end of the last command.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ExpectedEnd {
    Well,
    Badly,
}

struct Case {
    name: &'static str,
    before: Value,
    calls: Vec<Vec<&'static str>>,
    after: Value,
    says: Vec<&'static str>,
    never_prints: Vec<&'static str>,
    ends: ExpectedEnd,
}

fn case(name: &'static str, before: Value, calls: &[&[&'static str]], after: Value) -> Case {
    Case {
        name,
        before,
        calls: calls.iter().map(|call| call.to_vec()).collect(),
        after,
        says: Vec::new(),
        never_prints: Vec::new(),
        ends: ExpectedEnd::Well,
    }
}

impl Case {
    fn prints(mut self, text: &'static str) -> Self {
        self.says.push(text);
        self
    }

    fn never_prints(mut self, text: &'static str) -> Self {
        self.never_prints.push(text);
        self
    }

    fn fails(mut self) -> Self {
        self.ends = ExpectedEnd::Badly;
        self
    }
}

fn database_of(account: &str) -> String {
    format!(
        "account/{}/{}/{}",
        &account[..2],
        &account[2..4],
        &account[4..]
    )
}

fn database(name: &str) -> String {
    match name {
        "A" => database_of(A),
        "B" => database_of(B),
        _ if name.starts_with('+') => format!("numbers/{name}"),
        _ => name.to_owned(),
    }
}

fn filled(document: &Value) -> Value {
    let text = document.to_string().replace("@A", A).replace("@B", B);
    exact_json::from_str(&text).unwrap()
}

fn cluster(databases: &Value) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, documents) in databases.as_object().unwrap() {
        let found = cluster.databases.entry(database(name)).or_default();
        for (id, document) in documents.as_object().unwrap() {
            let leaves = document
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![document.clone()]);
            for (place, leaf) in leaves.iter().enumerate() {
                let mut with_id = Document::new();
                with_id.insert("_id".to_owned(), json!(id));
                with_id.extend(filled(leaf).as_object().unwrap().clone());
                if place == 0 {
                    found.insert(with_id);
                } else {
                    found.insert_conflict(with_id);
                }
            }
        }
    }
    cluster
}

/// The differences between a cluster and the expected state.
fn differences(after: &Cluster, wanted: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (name, documents) in wanted.as_object().unwrap() {
        for (id, fields) in documents.as_object().unwrap() {
            let found = after.document(&database(name), id);
            match (found, fields.as_object()) {
                (None, None) => {}
                (Some(_), None) => all.push(format!("{name} {id} is there")),
                (None, Some(_)) => all.push(format!("{name} {id} is absent")),
                (Some(found), Some(fields)) => {
                    for (path, wanted) in fields {
                        let pointer = format!("/{}", path.replace('.', "/"));
                        let value = Value::Object(found.clone()).pointer(&pointer).cloned();
                        let is_right = match (wanted, &value) {
                            (Value::Null, value) => value.is_none(),
                            (any, Some(_)) if any == "*" => true,
                            (wanted, value) => value.as_ref() == Some(&filled(wanted)),
                        };
                        if !is_right {
                            all.push(format!("{name} {id} {path} is {value:?}, not {wanted}"));
                        }
                    }
                }
            }
        }
    }
    all
}

async fn check(server: &TestServer, case: &Case) -> Vec<String> {
    server.replace(&cluster(&case.before)).await;
    let mut lines = Vec::new();
    let mut returned = Returned::Ok;
    for given in &case.calls {
        let arguments: Vec<Argument> = given[1..]
            .iter()
            .map(|argument| text(&argument.replace("@A", A).replace("@B", B)))
            .collect();
        let ran = call(&server.url, given[0], &arguments).await;
        lines.extend(ran.lines);
        returned = ran.returned;
    }
    let (after, _) = server.read().await;
    let mut all = differences(&after, &case.after);
    let output = lines.join("\n");
    for wanted in &case.says {
        if !output.contains(wanted) {
            all.push(format!("missing in the output: {wanted:?}"));
        }
    }
    for unwanted in &case.never_prints {
        if output.contains(unwanted) {
            all.push(format!("unexpected in the output: {unwanted:?}"));
        }
    }
    let ended = match returned {
        Returned::Ok | Returned::NoReturn | Returned::Value(Ok(_)) => ExpectedEnd::Well,
        _ => ExpectedEnd::Badly,
    };
    if ended != case.ends {
        all.push(format!("ended {ended:?} with {returned:?}"));
    }
    if !all.is_empty() {
        all.push(format!("output:\n{output}"));
    }
    all.iter()
        .map(|one| format!("{}: {one}", case.name))
        .collect()
}

async fn hold(cases: Vec<Case>) {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for case in &cases {
        wrong.extend(check(&server, case).await);
    }
    server.end().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A number document in state `in_service`, assigned to an account.
fn number(account: &str, more: Value) -> Value {
    let mut document = json!({"pvt_type": "number", "pvt_state": "in_service"});
    if !account.is_empty() {
        document["pvt_assigned_to"] = json!(account);
    }
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_type_are_numbers() {
    let old = json!({"pvt_assigned_to": "@A", "pvt_number_state": "in_service",
                     "pvt_module_name": "wnm_local", "pvt_features": ["local"]});
    let flow = json!({"pvt_type": "callflow", "numbers": [NUMBER]});
    let copied = json!({"pvt_used_by": "callflow", "pvt_assigned_to": "@A", "pvt_type": null});
    hold(vec![
        case(
            "fixed and copied",
            json!({"+1415": {NUMBER: old}, "A": {"0c": flow}}),
            &[&["fix_account_db_numbers", "@A"], &["audit"]],
            json!({"+1415": {NUMBER: copied}, "A": {NUMBER: copied}}),
        )
        .prints("1 of 1"),
        case(
            "copied to the number database",
            json!({"+1415": {}, "A": {NUMBER: old}}),
            &[&["copy_accounts_to_number_dbs"]],
            json!({"+1415": {NUMBER: {"pvt_assigned_to": "@A", "pvt_type": null}}}),
        ),
        case(
            "another account's is removed",
            json!({"+1415": {}, "A": {}, "B": {NUMBER: old}}),
            &[&["remove_wrong_assigned_from_accounts"]],
            json!({"B": {NUMBER: null}}),
        ),
        case(
            "purged by the old name of its state",
            json!({"+1415": {NUMBER: {"pvt_number_state": "discovery"}}}),
            &[&["purge_discovery"]],
            json!({"+1415": {NUMBER: null}}),
        ),
        case(
            "of another type, or of no type and an id that is no number",
            json!({"+1415": {}, "B": {NUMBER: {"pvt_type": "user", "pvt_assigned_to": "@A"},
                                      "sip-user": {"pvt_assigned_to": "@A"}}}),
            &[&["remove_wrong_assigned_from_accounts"]],
            json!({"B": {NUMBER: {"pvt_type": "user"}, "sip-user": {"pvt_assigned_to": "@A"}}}),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feature_lists_survive_conversion() {
    let listed = |list: Value, more: Value| {
        let mut document = number(
            "@A",
            json!({"pvt_module_name": "old", "pvt_features": list}),
        );
        for (key, value) in more.as_object().unwrap() {
            document[key] = value.clone();
        }
        json!({"+1415": {NUMBER: document}, "A": {}})
    };
    let converted = |target| [vec!["convert_carrier_module", "old", target]];
    let case = |name, before, target, after: Value| {
        let calls = converted(target);
        let calls: Vec<&[&str]> = calls.iter().map(Vec::as_slice).collect();
        let both = json!({"+1415": {NUMBER: after}, "A": {NUMBER: after}});
        case(name, before, &calls, both)
    };
    hold(vec![
        case(
            "a renamed feature takes its data along",
            listed(
                json!(["dash_e911", "outbound_cnam"]),
                json!({"dash_e911": {"caller_name": "X"}}),
            ),
            "knm_local",
            json!({"pvt_module_name": "knm_local", "pvt_features.e911.caller_name": "X",
                   "pvt_features.outbound_cnam": "*", "pvt_features.local": "*"}),
        ),
        case(
            "every name for e911",
            listed(
                json!(["vitelity_e911", "telnyx_e911"]),
                json!({"vitelity_e911": {"caller_name": "V"}}),
            ),
            "knm_telnyx",
            json!({"pvt_features": {"e911": {"caller_name": "V"}}}),
        ),
        case(
            "local goes with another carrier, the rest stays",
            listed(json!(["local", "port", "inbound_lookup"]), json!({})),
            "knm_telnyx",
            json!({"pvt_features": {"port": {}, "inbound_cnam": {"inbound_lookup": true}}}),
        ),
        case(
            "a list that is or becomes empty goes",
            listed(json!(["local"]), json!({})),
            "knm_telnyx",
            json!({"pvt_features": null, "pvt_module_name": "knm_telnyx"}),
        ),
        case(
            "an object that is empty goes",
            listed(json!({}), json!({})),
            "knm_telnyx",
            json!({"pvt_features": null, "pvt_module_name": "knm_telnyx"}),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_are_deleted_completely_or_not_at_all() {
    let state = |state: &str| number("", json!({"pvt_state": state}));
    let numbers = json!({NUMBER: number("@A", json!({}))});
    let note = |account: &str, note: u8| number(account, json!({"n": note}));
    let conflicted = |name, before, call: &[&'static str]| {
        case(name, before, &[call], json!({}))
            .prints("conflicted")
            .fails()
    };
    hold(vec![
        case(
            "every leaf is another account's",
            json!({"+1415": numbers, "A": {}, "B": {NUMBER: [note("@A", 2), note("@A", 1)]}}),
            &[&["remove_wrong_assigned_from_single_accountdb", "@B"]],
            json!({"B": {NUMBER: null}}),
        )
        .prints("1 deleted"),
        case(
            "no leaf is in any number database",
            json!({"+1415": {}, "B": {NUMBER: [note("@B", 3), note("@A", 2), note("", 1)]}}),
            &[&["destructively_remove_from_account_db_if_not_in_numdb"]],
            json!({"B": {NUMBER: null}}),
        )
        .prints("1 deleted"),
        case(
            "every leaf is deleted by its state",
            json!({"+1415": {NUMBER: [state("deleted"), state("deleted")]}}),
            &[&["purge_deleted"]],
            json!({"+1415": {NUMBER: null}}),
        ),
        conflicted(
            "one leaf is in service",
            json!({"+1415": {NUMBER: [state("deleted"), state("in_service")]}}),
            &["purge_deleted"],
        ),
        conflicted(
            "one leaf is this account's",
            json!({"+1415": numbers, "A": {}, "B": {NUMBER: [note("@A", 2), note("@B", 1)]}}),
            &["remove_wrong_assigned_from_single_accountdb", "@B"],
        ),
        conflicted(
            "a copy would overwrite leaves of two accounts",
            json!({"+1415": {NUMBER: note("@A", 9)}, "A": {NUMBER: [note("@A", 2), note("@B", 1)]}}),
            &["copy_number_dbs_to_accounts"],
        ),
        case(
            "a copy overwrites leaves of one account",
            json!({"+1415": {NUMBER: note("@A", 9)}, "A": {NUMBER: [note("@A", 2), note("@A", 1)]}}),
            &[&["copy_number_dbs_to_accounts"]],
            json!({"A": {NUMBER: {"n": 9}}}),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unassigned_means_absent_or_null() {
    let used = |assigned: Value| {
        json!({"+1415": {NUMBER: number("", json!({
            "pvt_assigned_to": assigned, "pvt_used_by": "callflow",
            "pvt_features_denied": ["port"], "pvt_features": {"port": {}, "e911": {}}}))}})
    };
    let left = json!({"+1415": {NUMBER: {"pvt_used_by": "callflow", "pvt_features_denied": ["port"],
                                         "pvt_features.port": {}}}});
    let migrate: &[&[&str]] = &[&["migrate_unassigned_numbers"], &["audit"]];
    let mut cases: Vec<Case> = [
        json!("account%2F00%2F0a%2F11ce000000000000000000000001"),
        json!("account/00/0a/11ce000000000000000000000001"),
        json!(""),
        json!(7),
        json!(false),
        json!({"id": "@A"}),
        json!(["@A"]),
    ]
    .into_iter()
    .map(|odd| case("an odd assignment", used(odd), migrate, left.clone()).prints("odd_assignment"))
    .collect();
    cases.push(case(
        "nobody's",
        used(Value::Null),
        migrate,
        json!({"+1415": {NUMBER: {"pvt_used_by": null, "pvt_features_denied": ["port"],
                                  "pvt_features": {"e911": {}}}}}),
    ));
    hold(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_numbers_delete_nothing() {
    let start = json!({"+1415": {NUMBER: number("@A", json!({}))}, "A": {},
                       "B": {NUMBER: number("@A", json!({}))}});
    let kept = json!({"B": {NUMBER: {"pvt_assigned_to": "@A"}}, "A": {NUMBER: null}});
    let calls: [&[&str]; 6] = [
        &["fix_number", "@B", "bogus"],
        &["fix_number", "@B", "911"],
        &["fix_numbers", "@B", "*97"],
        &["copy_number_from_accountdb_to_numbdb", "@B", "bogus"],
        &["fix_numbers_apps_in_accountdb", "@B", "bogus"],
        &["migrate_unassigned_numbers", "bogus"],
    ];
    let cases = calls
        .into_iter()
        .map(|call| case("no number", start.clone(), &[call], kept.clone()).fails());
    hold(cases.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contested_and_released_numbers_are_left_to_operator() {
    let claims = json!({"+1415": {}, "A": {NUMBER: number("@A", json!({}))},
                        "B": {NUMBER: number("@B", json!({}))}});
    let released = |state: &str| {
        json!({"+1415": {NUMBER: {"pvt_type": "number", "pvt_state": state,
                                  "pvt_previously_assigned_to": "@A"}},
               "A": {NUMBER: number("@A", json!({}))}})
    };
    let decided = json!({"+1415": {NUMBER: {"pvt_assigned_to": "@B"}}});
    let copy = "copy_number_from_accountdb_to_numbdb";
    let mut cases = vec![
        case(
            "two claims",
            claims.clone(),
            &[&["copy_accounts_to_number_dbs"]],
            json!({"+1415": {NUMBER: null}}),
        )
        .prints("contested")
        .fails(),
        case(
            "two claims, decided for an account",
            claims.clone(),
            &[&["copy_single_account_to_number_dbs", "@B"]],
            decided.clone(),
        ),
        case(
            "two claims, decided for a number",
            claims.clone(),
            &[&[copy, "@B", NUMBER]],
            decided,
        ),
        case("two claims, audited", claims, &[&["audit"]], json!({}))
            .prints("contested")
            .never_prints("clean: "),
        case(
            "one claim and one copy that claims nothing",
            json!({"+1415": {}, "A": {NUMBER: number("", json!({}))},
                   "B": {NUMBER: number("@B", json!({}))}}),
            &[&["copy_accounts_to_number_dbs"]],
            json!({"+1415": {NUMBER: {"pvt_assigned_to": "@B"}}}),
        )
        .prints("save_docs-conflict")
        .fails(),
    ];
    for state in ["available", "aging", "released", "in_service"] {
        cases.push(
            case("released", released(state), &[&["audit"]], json!({}))
                .prints("former_account")
                .never_prints("clean: "),
        );
    }
    hold(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_trunks_do_not_count_as_usage() {
    let trunk = |enabled: Value| {
        let server = json!({"enabled": enabled, "DIDs": {NUMBER: {}}});
        json!({"+1415": {NUMBER: number("@A", json!({"pvt_used_by": "trunkstore"}))},
               "A": {"trunk": {"pvt_type": "sys_info", "servers": [server]}}})
    };
    let fix: &[&[&str]] = &[&["fix_apps_for_number_dbs"]];
    let used = |by: Value| json!({"+1415": {NUMBER: {"pvt_used_by": by}}});
    let mut cases = Vec::new();
    for disabled in [json!(false), json!(0), json!(""), json!(0.0)] {
        cases.push(case("disabled", trunk(disabled), fix, used(Value::Null)));
    }
    for enabled in [json!(true), json!(null), json!(1), json!("false")] {
        cases.push(case(
            "enabled",
            trunk(enabled),
            fix,
            used(json!("trunkstore")),
        ));
    }
    hold(cases).await;
}
