//! `repair` on random clusters: it does what the model does, leaves only what a person must decide, and changes nothing the second
//! time. A repair of a part changes each document as a repair of the whole does, or not at all.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use std::collections::BTreeSet;

use exact_json::{Value, json};
use kazoo_numbers::command::{Argument, exclusions};
use kazoo_numbers::kazoo::number_database_of;
use kazoo_numbers::plan::{Drift, Remedy};
use kazoo_numbers::report::Event;
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_model as model;
use kazoo_numbers_testkit::cases::{self, Fixture};
use kazoo_numbers_testkit::command::{CommandRun, call, call_with, clusters, text, unix_seconds};
use kazoo_numbers_testkit::server::TestServer;
use proptest::prelude::*;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const THEIRS: &str = "00112233445566778899aabbccddeeff";
const THEIRS_DB: &str = "account/00/11/2233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";
const OTHER_DB: &str = "account/ff/ee/ddccbbaa99887766554433221100";
const NUMBERS: &str = "numbers/+1415";
const NUMBER: &str = "+14155550100";

/// A kind of drift with its plain database name and number.
type Left = BTreeSet<(Drift, String, String)>;

struct Server(TestServer);

impl Fixture for Server {
    async fn begin() -> Self {
        Self(TestServer::start().await)
    }

    async fn end(self) {
        self.0.end().await;
    }
}

/// Random clusters are small, and most of their copies can be wrong.
fn unbraked() -> Settings {
    Settings {
        max_delete: Some(kazoo_numbers::run::MaxDelete::Off),
        ..kazoo_numbers_testkit::command::settings()
    }
}

async fn repair(url: &str, parts: &[String]) -> CommandRun {
    let arguments = match parts {
        [] => Vec::new(),
        parts => vec![Argument::List(parts.to_vec())],
    };
    call_with(url, "repair", &arguments, unbraked()).await
}

async fn drift(url: &str, parts: &[String]) -> Left {
    let arguments = match parts {
        [] => Vec::new(),
        parts => vec![Argument::List(parts.to_vec())],
    };
    let ran = call(url, "audit", &arguments).await;
    let audit = ran.events.iter().find_map(|event| match event {
        Event::Audit(audit) => Some(audit),
        _ => None,
    });
    let findings = audit.unwrap().findings.iter();
    findings
        .map(|one| {
            (
                one.kind,
                one.database.plain().to_owned(),
                one.number.clone(),
            )
        })
        .collect()
}

/// The findings that a repair should not leave: their numbers have none in `all` that a person must decide.
fn decidable(cluster: &Cluster, left: &Left, all: &Left) -> Vec<String> {
    let undecidable: BTreeSet<&str> = all
        .iter()
        .filter(|(kind, _, _)| matches!(kind.remedy(), Remedy::Decision(_)))
        .map(|(_, _, number)| number.as_str())
        .collect();
    let is_kept = |(kind, database, number): &&(Drift, String, String)| {
        let document = cluster.document(database, number);
        let field = |name: &str| document.and_then(|document| document.get(name)).cloned();
        match kind {
            // An id that names no number database.
            Drift::OnlyInAccount | Drift::WrongAccount => number_database_of(number).is_none(),
            // Somebody else's document has the id of the copy.
            Drift::MissingCopy | Drift::DifferingCopy => {
                field("pvt_type").is_some_and(|kind| kind != "number")
                    || document.is_some() && field("pvt_type").is_none() && !number.starts_with('+')
            }
            _ => false,
        }
    };
    left.iter()
        .filter(|(_, _, number)| !undecidable.contains(number.as_str()))
        .filter(|one| !is_kept(one))
        .map(|one| format!("{one:?} is left"))
        .collect()
}

async fn check(server: &TestServer, cluster: &Cluster) -> Result<(), TestCaseError> {
    let url = &server.url;
    let (before, _) = server.set(cluster).await;
    let call = model::Call::new("repair", []);
    let expected = model::run(&before, &call, model::Now::marker());
    let started = unix_seconds();
    let ran = repair(url, &[]).await;
    let (after, revisions) = server.read().await;
    let mut all = model::same_end_state(&expected.cluster, &after, started, unix_seconds());
    let left = drift(url, &[]).await;
    all.extend(decidable(&after, &left, &left));
    let again = repair(url, &[]).await;
    if again.writes().total() != 0 || server.read().await.1 != revisions {
        all.push(format!("a second repair writes: {:#?}", again.lines));
    }
    prop_assert!(all.is_empty(), "{all:#?}\n{:#?}", ran.lines);
    Ok(())
}

#[test]
fn repair_leaves_only_what_a_person_decides() {
    cases::run_cases::<Server, _, _>("repair", 100, clusters, |runtime, server, cluster| {
        runtime.block_on(check(&server.0, &cluster))
    });
}

/// Up to three accounts, number databases and numbers of a cluster.
fn parts_of(cluster: &Cluster, choices: &[prop::sample::Index]) -> Vec<String> {
    let number_databases = cluster.number_databases().map(str::to_owned);
    let accounts = cluster.account_databases().map(str::to_owned);
    let numbers = cluster
        .databases
        .values()
        .flat_map(|database| database.documents.keys())
        .filter(|id| id.starts_with("+1") && id.len() == 12)
        .cloned();
    let all: BTreeSet<String> = number_databases.chain(accounts).chain(numbers).collect();
    let all: Vec<String> = all.into_iter().collect();
    if all.is_empty() {
        return Vec::new();
    }
    let chosen: BTreeSet<&String> = choices.iter().map(|index| index.get(&all)).collect();
    chosen.into_iter().cloned().collect()
}

async fn check_part(
    server: &TestServer,
    cluster: &Cluster,
    choices: &[prop::sample::Index],
) -> Result<(), TestCaseError> {
    let url = &server.url;
    let parts = parts_of(cluster, choices);
    if parts.is_empty() {
        return Ok(());
    }
    let (before, _) = server.set(cluster).await;
    repair(url, &[]).await;
    let (whole, _) = server.read().await;
    server.set(cluster).await;
    let ran = repair(url, &parts).await;
    let (after, _) = server.read().await;
    let left = drift(url, &[]).await;
    let mut all = decidable(&after, &drift(url, &parts).await, &left);
    for (name, database) in &after.databases {
        for (id, document) in &database.documents {
            let app_aside = |document: &Document| {
                let mut document = document.clone();
                document.remove("pvt_used_by");
                document
            };
            // The number database of the copy can be out of the parts, while the number is in them: its application is not repaired.
            let is_known = [&whole, &before]
                .iter()
                .any(|known| known.document(name, id).map(app_aside) == Some(app_aside(document)));
            if !is_known {
                all.push(format!("{name} {id} is neither as before nor as repaired"));
            }
        }
    }
    for (name, database) in &before.databases {
        for id in database.documents.keys() {
            let is_gone = after.document(name, id).is_none();
            if is_gone && whole.document(name, id).is_some() {
                all.push(format!("{name} {id} is deleted only here"));
            }
        }
    }
    prop_assert!(all.is_empty(), "{parts:?}: {all:#?}\n{:#?}", ran.lines);
    Ok(())
}

#[test]
fn repair_of_a_part_does_what_a_repair_of_the_whole_does_there() {
    let strategy = || {
        (
            clusters(),
            prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        )
    };
    cases::run_cases::<Server, _, _>("repair of a part", 60, strategy, |runtime, server, case| {
        runtime.block_on(check_part(&server.0, &case.0, &case.1))
    });
}

/// A cluster of these documents, with both accounts.
fn cluster(documents: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for name in [OURS_DB, THEIRS_DB, OTHER_DB, NUMBERS] {
        cluster.databases.entry(name.to_owned()).or_default();
    }
    for (database, document) in documents {
        let Value::Object(document) = document.clone() else {
            panic!("no object");
        };
        let database = cluster.databases.entry((*database).to_owned());
        database.or_default().insert(document);
    }
    cluster
}

fn number(assigned_to: &str) -> Value {
    json!({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": assigned_to})
}

#[tokio::test]
async fn contested_number_is_left_with_all_its_copies() {
    let server = TestServer::start().await;
    let (before, _) = server
        .set(&cluster(&[
            (OURS_DB, number(OURS)),
            (THEIRS_DB, number(THEIRS)),
        ]))
        .await;
    let ran = repair(&server.url, &[]).await;
    assert_eq!(ran.returned, Returned::Ok, "{:#?}", ran.lines);
    assert_eq!(server.read().await.0, before);
    let left = ran
        .lines
        .iter()
        .find(|line| line.starts_with("left to you: "));
    assert_eq!(
        left.map(String::as_str),
        Some("left to you: contested, 1 number: +14155550100")
    );
    server.end().await;
}

/// The claims are no findings that were asked for, or excluded, and decide nevertheless.
#[tokio::test]
async fn contested_number_is_left_where_its_claims_are_not_looked_for() {
    let server = TestServer::start().await;
    let (before, _) = server
        .set(&cluster(&[
            (OURS_DB, number("")),
            (THEIRS_DB, number(THEIRS)),
            (OTHER_DB, number(OTHER)),
        ]))
        .await;
    let mut kinds = unbraked();
    kinds.audit.kinds = [Drift::OnlyInAccount].into();
    let excluded = Settings {
        exclude: exclusions(&[THEIRS.to_owned(), OTHER.to_owned()]).unwrap(),
        ..unbraked()
    };
    for settings in [kinds, excluded] {
        let ran = call_with(&server.url, "repair", &[], settings).await;
        assert_eq!(ran.writes().total(), 0, "{:#?}", ran.lines);
        assert_eq!(server.read().await.0, before, "{:#?}", ran.lines);
    }
    server.end().await;
}

/// Deleting the only document of a number would lose it.
#[tokio::test]
async fn wrong_copy_is_deleted_only_where_a_number_database_has_the_number() {
    let server = TestServer::start().await;
    server.set(&cluster(&[(OURS_DB, number(THEIRS))])).await;
    let ran = repair(&server.url, &[]).await;
    let (after, _) = server.read().await;
    assert!(
        after.document(NUMBERS, NUMBER).is_some(),
        "{:#?}",
        ran.lines
    );
    assert!(after.document(THEIRS_DB, NUMBER).is_some());
    assert!(after.document(OURS_DB, NUMBER).is_none());
    server.end().await;
}

/// The number database that assigns the number to the account is out of the part.
#[tokio::test]
async fn wrong_copy_of_an_assigned_number_is_corrected_in_a_repair_of_a_part() {
    let server = TestServer::start().await;
    let documents = [
        (NUMBERS, json!({"_id": NUMBER, "pvt_type": "number"})),
        ("numbers/inum", number(OURS)),
        (OURS_DB, number(THEIRS)),
    ];
    server.set(&cluster(&documents)).await;
    let ran = repair(&server.url, &[NUMBERS.to_owned()]).await;
    let (after, _) = server.read().await;
    let copy = after.document(OURS_DB, NUMBER);
    assert_eq!(copy.unwrap()["pvt_assigned_to"], OURS, "{:#?}", ran.lines);
    server.end().await;
}

#[tokio::test]
async fn empty_list_repairs_nothing() {
    let server = TestServer::start().await;
    let (before, _) = server.set(&cluster(&[(OURS_DB, number(OURS))])).await;
    let ran = call(&server.url, "repair", &[Argument::List(Vec::new())]).await;
    assert_eq!(ran.lines, ["nothing to do: the list is empty"]);
    assert_eq!(server.read().await.0, before);
    let ran = call(&server.url, "repair", &[text("bogus")]).await;
    assert_ne!(ran.returned, Returned::Ok);
    assert_eq!(server.read().await.0, before);
    server.end().await;
}
