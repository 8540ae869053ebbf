//! `show` against the reference model on random clusters, what it prints, and the commands that it names.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Value, json};
use kazoo_numbers::couchdb::Method;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::report::{DocumentState, Event, NumberReport};
use kazoo_numbers::run::Returned;
use kazoo_numbers_generator::{Cluster, DriftKind, Options, generate};
use kazoo_numbers_model::{self as model, ShownNumber};
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{CommandRun, call, clusters, text};
use kazoo_numbers_testkit::server::{TestServer, send};
use proptest::prelude::*;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const THEIRS: &str = "00112233445566778899aabbccddeeff";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const THEIRS_DB: &str = "account/00/11/2233445566778899aabbccddeeff";
const NUMBERS: &str = "numbers/+1415";
const NUMBER: &str = "+14155550100";

fn report(ran: &CommandRun) -> &NumberReport {
    let found = ran.events.iter().find_map(|event| match event {
        Event::Number(report) => Some(&**report),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{:#?}", ran.lines))
}

fn plain(encoded: &str) -> String {
    encoded.replace("%2F", "/").replace("%2B", "+")
}

/// The report in the terms of the model.
fn shown(report: &NumberReport) -> ShownNumber {
    let database_of = |account: &str| {
        let (first, rest) = account.split_at(2);
        let (second, rest) = rest.split_at(2);
        format!("account/{first}/{second}/{rest}")
    };
    let existing = report.accounts.iter().filter(|one| one.has_database);
    let uses = existing.map(|one| {
        let uses = one.used_by.iter();
        let uses = uses.map(|used| (used.application, used.id.clone()));
        (database_of(&one.account), uses.collect())
    });
    let kinds: BTreeMap<&str, DriftKind> = DriftKind::all()
        .into_iter()
        .map(|kind| (kind.name(), kind))
        .collect();
    let drift = report.findings.iter().map(|one| {
        let kind = kinds[one.finding.kind.name()];
        (kind, one.finding.database.plain().to_owned())
    });
    ShownNumber {
        documents: report
            .documents
            .iter()
            .map(|document| plain(&document.database))
            .collect(),
        uses: uses.collect(),
        drift: drift.collect(),
    }
}

async fn check(
    server: &TestServer,
    cluster: &Cluster,
    index: prop::sample::Index,
) -> Result<bool, TestCaseError> {
    let before = server.set(cluster).await;
    let numbers = numbers(&before.0);
    if numbers.is_empty() {
        return Ok(false);
    }
    let number = &numbers[index.index(numbers.len())];
    let ran = call(&server.url, "show", &[text(number)]).await;
    let Some(Event::Number(report)) = ran
        .events
        .iter()
        .find(|event| matches!(event, Event::Number(_)))
    else {
        // An id that no argument can name.
        return Ok(false);
    };
    prop_assert_eq!(&report.number, number);
    prop_assert_eq!(shown(report), model::show(&before.0, number));
    // A month's database of an account is no database of the account.
    let returned = if report.documents.is_empty() {
        Returned::Code(2)
    } else {
        Returned::Ok
    };
    prop_assert_eq!(&ran.returned, &returned);
    for document in &report.documents {
        let wanted = before
            .0
            .document(&plain(&document.database), number)
            .unwrap();
        let place = report
            .documents
            .iter()
            .position(|one| one == document)
            .unwrap();
        let wanted: BTreeMap<&str, &Value> = wanted
            .iter()
            .filter(|(field, _)| {
                !["_id", "_rev", "_conflicts", "_attachments"].contains(&field.as_str())
            })
            .map(|(field, value)| (field.as_str(), value))
            .collect();
        let mut got = BTreeMap::new();
        for field in report
            .fields
            .iter()
            .filter(|one| one.field != "_attachments")
        {
            if let Some(json) = &field.values[place] {
                got.insert(field.field.as_str(), exact_json::from_str(json).unwrap());
            }
        }
        prop_assert_eq!(
            got.iter()
                .map(|(field, value)| (*field, value))
                .collect::<BTreeMap<_, _>>(),
            wanted
        );
    }
    prop_assert_eq!(server.read().await, before, "something was written");
    Ok(!report.findings.is_empty())
}

/// The ids of Kazoo's databases that start as numbers do.
fn numbers(cluster: &Cluster) -> Vec<String> {
    let databases = cluster.databases.iter();
    let databases = databases
        .filter(|(name, _)| name.starts_with("numbers/") || name.starts_with("account/"))
        .flat_map(|(_, database)| database.documents.keys());
    let ids: BTreeSet<&String> = databases.filter(|id| id.starts_with('+')).collect();
    ids.into_iter().cloned().collect()
}

#[test]
fn show_agrees_with_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let count = cases::count(if server.is_real() { 40 } else { 200 });
    let drifted = std::cell::Cell::new(0);
    let mut runner = cases::named_runner(count, cases::seed(), "show");
    let cases = (clusters(), any::<prop::sample::Index>());
    runner
        .run(&cases, |(cluster, index)| {
            let has_drift = runtime.block_on(check(&server, &cluster, index))?;
            drifted.set(drifted.get() + u64::from(has_drift));
            Ok(())
        })
        .unwrap();
    runtime.block_on(server.end());
    assert!(drifted.get() >= count / 5, "{} of {count}", drifted.get());
}

/// The commands that `show` names repair the drift of the number, and no other number changes if they name the number.
#[tokio::test(flavor = "multi_thread")]
async fn named_commands_repair_the_number() {
    let server = TestServer::start().await;
    let mut repaired = BTreeSet::new();
    for seed in 100..if server.is_real() { 102 } else { 112 } {
        let options = Options {
            ugly: BTreeSet::new(),
            kinds: DriftKind::all(),
            numbers: 30,
            ..Options::tiny(seed)
        };
        let generated = generate(&options);
        server.replace(&generated.cluster).await;
        for drift in &generated.drift {
            for _ in 0..3 {
                let ran = call(&server.url, "show", &[text(&drift.number)]).await;
                let finding = report(&ran)
                    .findings
                    .iter()
                    .find(|one| one.command.is_some());
                let Some(finding) = finding else {
                    break;
                };
                let command = finding.command.as_ref().unwrap();
                let (before, _) = server.read().await;
                let words: Vec<&str> = command.split(' ').collect();
                let arguments: Vec<_> = words[1..].iter().map(|word| text(word)).collect();
                let did = call(&server.url, words[0], &arguments).await;
                assert!(did.finished.is_some(), "{command}: {:?}", did.lines);
                let again = call(&server.url, "show", &[text(&drift.number)]).await;
                let is_left = report(&again)
                    .findings
                    .iter()
                    .any(|one| one.finding == finding.finding);
                assert!(!is_left, "{command}: {:#?}", again.lines);
                repaired.insert(finding.finding.kind.name());
                if words[1..].contains(&drift.number.as_str()) {
                    let (after, _) = server.read().await;
                    let is_new = "database only on the right";
                    let differences = before.differences(&after);
                    for changed in differences.iter().filter(|one| !one.ends_with(is_new)) {
                        assert!(changed.contains(&drift.number), "{command}: {changed}");
                    }
                }
            }
        }
    }
    let is_real = server.is_real();
    server.end().await;
    // A real server gets too few clusters for all kinds.
    let wanted = [
        "missing_copy",
        "differing_copy",
        "wrong_used_by_in_number_db",
        "wrong_used_by_in_account",
        "wrong_account",
        "only_in_account",
        "unassigned_but_used",
    ];
    for kind in wanted {
        assert!(is_real || repaired.contains(kind), "{kind} of {repaired:?}");
    }
}

fn cluster(documents: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for name in [OURS_DB, THEIRS_DB, NUMBERS] {
        cluster.databases.entry(name.into()).or_default();
    }
    for (database, document) in documents {
        let database = cluster.databases.entry((*database).into()).or_default();
        database.insert(document.as_object().unwrap().clone());
    }
    cluster
}

/// A number that is assigned to one account, which has a differing copy, while another account has a former copy.
fn drifted() -> Cluster {
    let source = json!({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": OURS, "pvt_state": "in_service", "pvt_used_by": "callflow"});
    let mut copy = source.clone();
    copy["pvt_used_by"] = json!("trunkstore");
    copy["note"] = json!("x".repeat(80));
    let mut former = source.clone();
    former["pvt_assigned_to"] = json!(THEIRS);
    cluster(&[
        (NUMBERS, source),
        (OURS_DB, copy),
        (
            OURS_DB,
            json!({"_id": OURS, "pvt_type": "account", "name": "Acme"}),
        ),
        (
            OURS_DB,
            json!({"_id": "0123456789abcdef0123456789abcde1", "pvt_type": "callflow", "numbers": ["4155550100"]}),
        ),
        (
            OURS_DB,
            json!({"_id": "0123456789abcdef0123456789abcde2", "pvt_type": "callflow", "numbers": ["+14155550101"]}),
        ),
        (THEIRS_DB, former),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_have_documents_side_by_side_uses_and_commands() {
    let server = TestServer::start().await;
    drifted().load(&server.url).await.unwrap();
    // Normalised as other numbers are.
    let ran = call(&server.url, "show", &[text("4155550100")]).await;
    server.end().await;
    assert_eq!(ran.returned, Returned::Ok);
    let long = "x".repeat(80);
    let revision = |index: usize| report(&ran).documents[index].rev.clone().unwrap();
    let wanted = format!(
        "\
+14155550100: 3 documents, 4 cases of drift
  A  numbers%2F%2B1415
     revision {}, live, assigned to {OURS} (Acme)
  B  account%2Fab%2Fcd%2Fef0123456789abcdef0123456789  account {OURS} (Acme)
     revision {}, live, assigned to {OURS} (Acme)
  C  account%2F00%2F11%2F2233445566778899aabbccddeeff  account {THEIRS}
     revision {}, live, assigned to {THEIRS}
  field            A                                   B             C
* note
      A  (none)
      B  \"{long}\"
      C  =
* pvt_assigned_to  \"{OURS}\"  =             \"{THEIRS}\"
  pvt_state        \"in_service\"                        =             =
  pvt_type         \"number\"                            =             =
* pvt_used_by      \"callflow\"                          \"trunkstore\"  =
account {OURS} (Acme): used by
  callflow 0123456789abcdef0123456789abcde1
account {THEIRS}: no callflow or trunkstore document uses the number
",
        revision(0),
        revision(1),
        revision(2)
    );
    let lines = ran.lines.join("\n") + "\n";
    let (facts, drift) = lines.split_at(lines.find("former_account in").unwrap());
    assert_eq!(facts, wanted);
    for line in [
        "differing_copy in account%2Fab%2Fcd%2Fef0123456789abcdef0123456789: assigned, and the account's copy differs: note, pvt_used_by\n  repaired by: copy_number_from_db_to_assigned_account +14155550100\n",
        &format!("  repaired by: fix_numbers_apps_in_accountdb {OURS} +14155550100\n"),
        &format!("(assigned to {OURS})\n  repaired by: remove_former_copies {THEIRS}\n  ("),
    ] {
        assert!(drift.contains(line), "{line}\n{drift}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn number_in_no_database_is_a_failure() {
    let server = TestServer::start().await;
    cluster(&[]).load(&server.url).await.unwrap();
    let ran = call(&server.url, "show", &[text(NUMBER)]).await;
    assert_eq!(ran.returned, Returned::Code(2));
    assert_eq!(
        ran.lines,
        [
            "+14155550100: in no database",
            r#"{"numbers%2F%2B1415":{"failed":{"open_doc-not_found":["+14155550100"]}}}"#
        ]
    );
    server.end().await;
}

/// Four documents are too wide for columns. The states of soft-deleted documents, documents of other types and losing leaves are
/// printed.
#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_no_copies_and_losing_leaves_are_shown() {
    let server = TestServer::start().await;
    let third = "account/ff/ff/ffffffffffffffffffffffffffff";
    let number = json!({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": OURS});
    let mut deleted = number.clone();
    deleted["pvt_deleted"] = json!(true);
    cluster(&[
        (NUMBERS, number.clone()),
        (OURS_DB, number),
        (THEIRS_DB, deleted),
        (third, json!({"_id": NUMBER, "pvt_type": "user"})),
    ])
    .load(&server.url)
    .await
    .unwrap();
    let leaf_rev = format!("1-{}", "0".repeat(32));
    let leaf = json!({"new_edits": false, "docs": [{"_id": NUMBER, "_rev": leaf_rev, "pvt_type": "number", "pvt_assigned_to": OURS}]});
    let database = DatabaseName::new(NUMBERS).unwrap().encoded();
    let sent = send(
        &server.url,
        Method::POST,
        &format!("/{database}/_bulk_docs"),
        Some(leaf.to_string()),
    )
    .await;
    assert!(sent.status.is_success());
    let ran = call(&server.url, "show", &[text(NUMBER)]).await;
    server.end().await;
    let states: Vec<DocumentState> = report(&ran).documents.iter().map(|one| one.state).collect();
    assert_eq!(
        states,
        [
            DocumentState::Live,
            DocumentState::Live,
            DocumentState::SoftDeleted,
            DocumentState::OtherType
        ]
    );
    assert_eq!(
        report(&ran).documents[0].conflicts,
        std::slice::from_ref(&leaf_rev)
    );
    assert!(report(&ran).in_sync);
    for line in [
        "+14155550100: 4 documents, 1 case of drift",
        "* pvt_deleted",
        "      A  (none)",
        "      B  =",
        "      C  true",
    ] {
        assert!(
            ran.lines.iter().any(|one| one == line),
            "{line}: {:#?}",
            ran.lines
        );
    }
    assert!(
        ran.lines
            .iter()
            .any(|one| one.ends_with(&format!(", conflicts: {leaf_rev}")))
    );
}
