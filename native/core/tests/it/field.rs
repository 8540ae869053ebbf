//! Cases from production: documents with conflicts, contested numbers, released copies, unusual
//! assignments, and runs of another cluster.

use exact_json::{Value, json};
use kazoo_numbers::couchdb::Method;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::report::Event;
use kazoo_numbers::run::Returned;
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_testkit::command::{CommandRun, WriteCounts, call, call_with, journalled, text};
use kazoo_numbers_testkit::server::TestServer;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const THEIRS: &str = "00112233445566778899aabbccddeeff";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const THEIRS_DB: &str = "account/00/11/2233445566778899aabbccddeeff";
const OTHERS: &str = "ffeeddccbbaa99887766554433221100";
const OTHERS_DB: &str = "account/ff/ee/ddccbbaa99887766554433221100";
const NUMBERS: &str = "numbers/+1415";
const MANAGED: &str = "numbers/managed";
const NUMBER: &str = "+14155550100";

fn cluster(documents: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for name in [OURS_DB, THEIRS_DB, NUMBERS] {
        cluster.databases.entry(name.into()).or_default();
    }
    for (database, document) in documents {
        let document: Document = document.as_object().unwrap().clone();
        let id = document["_id"].as_str().unwrap().to_owned();
        let database = cluster.databases.entry((*database).into()).or_default();
        database.documents.insert(id, document);
    }
    cluster
}

fn number(assigned_to: &str) -> Value {
    json!({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": assigned_to, "pvt_state": "in_service"})
}

fn path(database: &str, id: &str, query: &str) -> String {
    let escaped = |text: &str| text.replace('/', "%2F").replace('+', "%2B");
    format!("/{}/{}{query}", escaped(database), escaped(id))
}

/// Adds leaves to a document, each with the revision in its `_rev`.
async fn add_leaves(server: &TestServer, database: &str, leaves: &[Value]) {
    let body = json!({"new_edits": false, "docs": leaves}).to_string();
    let path = path(database, "_bulk_docs", "");
    let response =
        kazoo_numbers_testkit::server::send(&server.url, Method::POST, &path, Some(body)).await;
    assert!(response.status.is_success(), "{response:?}");
}

fn leaf(rev: &str, fields: Value) -> Value {
    let mut leaf = fields;
    leaf["_rev"] = format!("1-{}", rev.repeat(32)).into();
    leaf
}

/// The values of `n` in the leaves of a document, the winner first. Empty if it is deleted.
async fn leaves(server: &TestServer, database: &str) -> Vec<i64> {
    let read = async |query: &str| {
        let response = server
            .send(Method::GET, &path(database, NUMBER, query))
            .await;
        exact_json::from_slice::<Value>(&response.body).unwrap()
    };
    let winner = read("?conflicts=true").await;
    let Some(n) = winner["n"].as_i64() else {
        return Vec::new();
    };
    let mut all = vec![n];
    for rev in winner["_conflicts"].as_array().into_iter().flatten() {
        let loser = read(&format!("?rev={}", rev.as_str().unwrap())).await;
        all.push(loser["n"].as_i64().unwrap());
    }
    all
}

fn with(mut document: Value, fields: &[(&str, Value)]) -> Value {
    for (name, value) in fields {
        document[*name] = value.clone();
    }
    document
}

fn n(n: i64) -> (&'static str, Value) {
    ("n", json!(n))
}

fn warned(ran: &CommandRun, text: &str) -> bool {
    let is_it = |line: &str| line.contains(text);
    ran.events
        .iter()
        .any(|event| matches!(event, Event::Warning(line) if is_it(line)))
}

#[tokio::test]
async fn deletion_removes_all_leaves_and_undo_restores_them() {
    let server = TestServer::start().await;
    server.replace(&cluster(&[(NUMBERS, number(THEIRS))])).await;
    let two = [
        leaf("a", with(number(THEIRS), &[n(1)])),
        leaf("b", with(number(THEIRS), &[n(2)])),
    ];
    add_leaves(&server, OURS_DB, &two).await;
    assert_eq!(leaves(&server, OURS_DB).await, [2, 1]);
    let folder = tempfile::tempdir().unwrap();
    let function = "remove_wrong_assigned_from_single_accountdb";
    let ran = call_with(&server.url, function, &[text(OURS)], journalled(&folder)).await;
    assert_eq!(
        (&ran.returned, ran.writes()),
        (&Returned::Ok, WriteCounts::deleted(1))
    );
    assert!(leaves(&server, OURS_DB).await.is_empty());

    let run = |nth: usize| {
        let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
        text(&runs[nth].start.run)
    };
    let undone = call_with(&server.url, "undo", &[run(0)], journalled(&folder)).await;
    assert_eq!(undone.returned, Returned::Ok, "{:?}", undone.lines);
    assert_eq!(leaves(&server, OURS_DB).await, [2, 1]);
    let undone = call_with(&server.url, "undo", &[run(1)], journalled(&folder)).await;
    assert_eq!(undone.returned, Returned::Ok, "{:?}", undone.lines);
    assert!(leaves(&server, OURS_DB).await.is_empty());
    server.end().await;
}

#[tokio::test]
async fn leaf_that_must_stay_prevents_document_deletion() {
    let server = TestServer::start().await;
    let in_state = |rev, state: &str, value| {
        let fields = [("pvt_state", json!(state)), n(value)];
        leaf(rev, with(number(OURS), &fields))
    };
    for (function, arguments, database, two) in [
        (
            "purge_deleted",
            vec![],
            NUMBERS,
            [in_state("b", "deleted", 2), in_state("a", "in_service", 1)],
        ),
        (
            "remove_wrong_assigned_from_single_accountdb",
            vec![text(OURS)],
            OURS_DB,
            [
                leaf("b", with(number(THEIRS), &[n(2)])),
                leaf("a", with(number(OURS), &[n(1)])),
            ],
        ),
        (
            "destructively_remove_from_single_numdb_if_not_in_accountdb",
            vec![text("+1415")],
            NUMBERS,
            [
                leaf("b", with(number(OURS), &[n(2)])),
                leaf("a", with(number(THEIRS), &[n(1)])),
            ],
        ),
    ] {
        server.replace(&cluster(&[])).await;
        add_leaves(&server, database, &two).await;
        let ran = call(&server.url, function, &arguments).await;
        assert_eq!(ran.writes(), WriteCounts::default(), "{function}");
        assert!(ran.failed_ids().contains(NUMBER), "{function}");
        assert!(ran.lines.join("\n").contains("conflicted"), "{function}");
        assert_eq!(leaves(&server, database).await, [2, 1], "{function}");
    }
    server.end().await;
}

#[tokio::test]
async fn conflicted_copy_is_overwritten_only_if_leaves_agree() {
    let server = TestServer::start().await;
    for (loser, expected) in [
        (with(number(OURS), &[n(1)]), vec![7, 1]),
        (with(number(THEIRS), &[n(1)]), vec![2, 1]),
        (
            with(number(OURS), &[("pvt_type", json!("user")), n(1)]),
            vec![2, 1],
        ),
        // Equal to the source.
        (with(number(OURS), &[n(7)]), vec![2, 7]),
    ] {
        let source = with(number(OURS), &[n(7)]);
        server.replace(&cluster(&[(NUMBERS, source)])).await;
        let two = [leaf("b", with(number(OURS), &[n(2)])), leaf("a", loser)];
        add_leaves(&server, OURS_DB, &two).await;
        let ran = call(&server.url, "copy_number_dbs_to_accounts", &[]).await;
        let is_overwritten = expected[0] == 7;
        assert_eq!(
            ran.writes(),
            WriteCounts::updated(u64::from(is_overwritten)),
            "{two:?}"
        );
        assert_eq!(ran.failed_ids().contains(NUMBER), !is_overwritten);
        assert_eq!(leaves(&server, OURS_DB).await, expected);
    }
    server.end().await;
}

#[tokio::test]
async fn number_claimed_by_two_accounts_is_left_to_operator() {
    let server = TestServer::start().await;
    let both = [(OURS_DB, number(OURS)), (THEIRS_DB, number(THEIRS))];
    server.replace(&cluster(&both)).await;
    let ran = call(&server.url, "copy_accounts_to_number_dbs", &[]).await;
    assert_eq!(
        (&ran.returned, ran.writes()),
        (&Returned::Code(2), WriteCounts::default())
    );
    assert!(ran.lines.join("\n").contains("contested"));
    assert!(
        warned(&ran, OURS) && warned(&ran, THEIRS),
        "{:?}",
        ran.lines
    );
    let ran = call(
        &server.url,
        "copy_single_account_to_number_dbs",
        &[text(OURS)],
    )
    .await;
    assert_eq!(
        (&ran.returned, ran.writes()),
        (&Returned::Ok, WriteCounts::created(1))
    );
    server.end().await;
}

/// A finding: kind, database, account, and the account that the number is assigned to.
type AuditFinding = (String, String, Option<String>, Option<String>);

async fn findings(server: &TestServer, target: &[&str]) -> Vec<AuditFinding> {
    let arguments: Vec<_> = target.iter().map(|target| text(target)).collect();
    let ran = call(&server.url, "audit", &arguments).await;
    let audit = ran.events.into_iter().find_map(|event| match event {
        Event::Audit(audit) => Some(audit),
        _ => None,
    });
    let found = audit.unwrap().findings.into_iter();
    found
        .map(|one| {
            (
                one.kind.name().to_owned(),
                one.database.plain().to_owned(),
                one.account.map(|account| account.to_string()),
                one.assigned_to.map(|account| account.to_string()),
            )
        })
        .collect()
}

fn finding(kind: &str, database: &str, account: Option<&str>, other: Option<&str>) -> AuditFinding {
    let own = |text: Option<&str>| text.map(str::to_owned);
    (kind.into(), database.into(), own(account), own(other))
}

#[tokio::test]
async fn audit_finds_former_copies_and_names_both_accounts() {
    let server = TestServer::start().await;
    let released = json!({"_id": NUMBER, "pvt_type": "number", "pvt_state": "available"});
    let copy_of_nobody = json!({"_id": NUMBER, "pvt_type": "number"});
    for (held, copy, other) in [
        (released.clone(), number(OURS), None),
        (
            with(released.clone(), &[("pvt_assigned_to", Value::Null)]),
            number(OURS),
            None,
        ),
        (released, copy_of_nobody.clone(), None),
        (number(THEIRS), number(OURS), Some(THEIRS)),
        (number(THEIRS), copy_of_nobody, Some(THEIRS)),
    ] {
        server
            .replace(&cluster(&[
                (NUMBERS, held.clone()),
                (OURS_DB, copy.clone()),
                (THEIRS_DB, number(THEIRS)),
            ]))
            .await;
        let found = findings(&server, &[OURS]).await;
        let expected = finding("former_account", OURS_DB, Some(OURS), other);
        assert_eq!(found, [expected], "{held} {copy}");
    }
    server.end().await;
}

#[tokio::test]
async fn audit_finds_conflicts_invalid_assignments_and_contested_numbers() {
    let server = TestServer::start().await;
    let odd = number("account%2Fab%2Fcd%2Fef0123456789abcdef0123456789");
    server
        .replace(&cluster(&[(NUMBERS, odd.clone()), (OURS_DB, odd)]))
        .await;
    let found = findings(&server, &[]).await;
    assert_eq!(
        found,
        [
            finding("odd_assignment", OURS_DB, Some(OURS), None),
            finding("odd_assignment", NUMBERS, None, None),
        ]
    );

    let both = [(OURS_DB, number(OURS)), (THEIRS_DB, number(THEIRS))];
    server.replace(&cluster(&both)).await;
    let found = findings(&server, &[]).await;
    assert_eq!(
        found,
        [
            finding("contested", THEIRS_DB, Some(THEIRS), None),
            finding("contested", OURS_DB, Some(OURS), None),
        ]
    );

    let nobodys = with(number(OTHERS), &[("pvt_assigned_to", Value::Null)]);
    let third = [both[0].clone(), both[1].clone(), (OTHERS_DB, nobodys)];
    server.replace(&cluster(&third)).await;
    for target in [&[][..], &[NUMBER], &[OTHERS]] {
        let found = findings(&server, target).await;
        let of_other = finding("contested", OTHERS_DB, Some(OTHERS), None);
        let of_number = [
            finding("contested", THEIRS_DB, Some(THEIRS), None),
            finding("contested", OURS_DB, Some(OURS), None),
            of_other.clone(),
        ];
        let wanted = match target {
            [OTHERS] => vec![of_other],
            _ => of_number.to_vec(),
        };
        assert_eq!(found, wanted, "{target:?}");
    }

    let given_twice = [
        (MANAGED, number(OURS)),
        (NUMBERS, number(THEIRS)),
        (OURS_DB, number(OURS)),
        (THEIRS_DB, number(THEIRS)),
    ];
    server.replace(&cluster(&given_twice)).await;
    for target in [&[][..], &[OURS], &[NUMBER]] {
        let found = findings(&server, target).await;
        let in_managed = finding("contested", MANAGED, Some(OURS), Some(THEIRS));
        let in_own = finding("contested", NUMBERS, Some(THEIRS), Some(OURS));
        assert_eq!(found, [in_own, in_managed], "{target:?}");
    }

    server.replace(&cluster(&[])).await;
    let two = [
        leaf("a", with(number(OURS), &[n(1)])),
        leaf("b", with(number(OURS), &[n(2)])),
    ];
    add_leaves(&server, NUMBERS, &two).await;
    add_leaves(&server, OURS_DB, &two).await;
    let found = findings(&server, &[]).await;
    assert_eq!(
        found,
        [
            finding("conflicted", OURS_DB, Some(OURS), None),
            finding("conflicted", NUMBERS, Some(OURS), None),
        ]
    );
    server.end().await;
}

#[tokio::test]
async fn run_of_other_cluster_is_undone_only_with_any_cluster() {
    let one = TestServer::embedded().await;
    let twin = TestServer::embedded().await;
    let before = cluster(&[(NUMBERS, number(OURS))]);
    let folder = tempfile::tempdir().unwrap();
    one.replace(&before).await;
    twin.replace(&before).await;
    for server in [&one, &twin] {
        let settings = journalled(&folder);
        call_with(&server.url, "copy_number_dbs_to_accounts", &[], settings).await;
    }
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let run = text(&runs[0].start.run);
    let only = std::slice::from_ref(&run);
    let refused = call_with(&twin.url, "undo", only, journalled(&folder)).await;
    assert_eq!(
        (&refused.returned, refused.writes()),
        (&Returned::Code(2), WriteCounts::default())
    );
    assert!(
        refused.lines.join("\n").contains("another cluster"),
        "{:?}",
        refused.lines
    );
    let insisting = [run.clone(), text("any_cluster")];
    let undone = call_with(&twin.url, "undo", &insisting, journalled(&folder)).await;
    // The twin's run wrote the same revision.
    assert_eq!(
        (&undone.returned, undone.writes()),
        (&Returned::Ok, WriteCounts::deleted(1))
    );
    let undone = call_with(&one.url, "undo", &[run], journalled(&folder)).await;
    assert_eq!(
        (&undone.returned, undone.writes()),
        (&Returned::Ok, WriteCounts::deleted(1))
    );
    one.end().await;
    twin.end().await;
}

#[tokio::test]
async fn command_without_usable_number_is_refused() {
    let server = TestServer::start().await;
    let wrong = [(NUMBERS, number(THEIRS)), (OURS_DB, number(THEIRS))];
    server.replace(&cluster(&wrong)).await;
    for (function, arguments) in [
        ("fix_number", vec![text(OURS), text("bogus")]),
        (
            "fix_numbers_apps_in_accountdb",
            vec![text(OURS), text("bogus")],
        ),
        (
            "copy_numbers_from_accountdb_to_numbdbs",
            vec![text(OURS), text("911")],
        ),
        ("fix_numbers_apps_in_numbdb", vec![text("bogus")]),
        ("migrate_unassigned_numbers", vec![text("+1")]),
    ] {
        let ran = call(&server.url, function, &arguments).await;
        assert_eq!(
            (&ran.returned, ran.writes()),
            (&Returned::Code(2), WriteCounts::default()),
            "{function}"
        );
        assert!(
            ran.finished
                .is_none_or(|ran| ran.summary.documents_read == 0),
            "{function}"
        );
    }
    server.end().await;
}

/// Every command that scans number databases leaves a misfiled number alone, and names it.
#[tokio::test]
async fn misfiled_number_is_left_alone_with_a_warning() {
    let server = TestServer::start().await;
    for (function, arguments) in [
        ("copy_number_dbs_to_accounts", &[][..]),
        ("fix_apps_for_number_dbs", &[]),
        (
            "destructively_remove_from_number_dbs_if_not_in_accountdb",
            &[],
        ),
        ("convert_carrier_module", &["knm_old", "knm_local"]),
        ("purge_deleted", &[]),
        ("migrate_unassigned_numbers", &[]),
        ("fix_account_db_numbers", &[OURS]),
    ] {
        let misfiled = json!({
            "_id": "+12025550100", "pvt_type": "number", "pvt_assigned_to": OURS,
            "pvt_state": "deleted", "pvt_module_name": "knm_old", "pvt_used_by": "callflow",
        });
        let before = cluster(&[(NUMBERS, misfiled)]);
        server.replace(&before).await;
        let arguments: Vec<_> = arguments.iter().map(|argument| text(argument)).collect();
        let ran = call(&server.url, function, &arguments).await;
        let named = |line: &String| {
            line.starts_with(
                "warning: 1 number belongs in another number database and is left alone: ",
            ) && line.ends_with(" (1: +12025550100)")
        };
        assert!(ran.lines.iter().any(named), "{function}: {:?}", ran.lines);
        assert_eq!(ran.writes().total(), 0, "{function}");
        let (after, _) = server.read().await;
        assert_eq!(after.databases[NUMBERS], before.databases[NUMBERS]);
    }
    server.end().await;
}
