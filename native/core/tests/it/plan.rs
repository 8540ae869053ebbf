//! A plan changes nothing; applied, it leaves what the command leaves; it is the same for the same state; it is not applied where
//! a document changed since, and applied again after it broke off it ends right.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use std::cell::Cell;
use std::path::PathBuf;

use exact_json::json;
use kazoo_numbers::couchdb::Method;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::report::{Event, PlanChange};
use kazoo_numbers::run::{MaxDelete, Returned, Settings};
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_model::Call;
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{CommandRun, arguments, call_with, journalled, text};
use kazoo_numbers_testkit::server::{TestServer, send};
use kazoo_numbers_testkit::write_commands;
use proptest::prelude::*;

/// Clusters without the times of modification, which differ from run to run.
fn timeless(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone().without_remains();
    for database in cluster.databases.values_mut() {
        for document in database.documents.values_mut() {
            if document.contains_key("pvt_modified") {
                document.insert("pvt_modified".into(), "a time".into());
            }
        }
    }
    cluster
}

fn differences(wanted: &Cluster, found: &Cluster) -> Vec<String> {
    timeless(wanted).differences(&timeless(found))
}

/// The plan files in a folder, oldest first.
fn plans(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut plans: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "plan")
        })
        .collect();
    plans.sort();
    plans
}

fn id(plan: &std::path::Path) -> String {
    plan.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The file without its first line.
fn body(plan: &std::path::Path) -> String {
    let content = std::fs::read_to_string(plan).unwrap();
    content.split_once('\n').unwrap().1.to_owned()
}

/// Limits off, so that random clusters do not stop at them.
fn unbraked(folder: &tempfile::TempDir) -> Settings {
    Settings {
        max_delete: Some(MaxDelete::Off),
        ..journalled(folder)
    }
}

async fn plan(url: &str, given: &Call, folder: &tempfile::TempDir) -> CommandRun {
    let mut words = vec![text(&given.function)];
    words.extend(arguments(given));
    call_with(url, "plan", &words, unbraked(folder)).await
}

async fn check(
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
) -> Result<bool, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let url = &server.url;
    let (before, revisions) = server.set(cluster).await;
    let planned = plan(url, given, &folder).await;
    plan(url, given, &folder).await;
    let (same, same_revisions) = server.read().await;
    prop_assert!(
        same == before && same_revisions == revisions,
        "a plan changed something"
    );
    let files = plans(&folder);
    let reference = tempfile::tempdir().unwrap();
    let ran = call_with(
        url,
        &given.function,
        &arguments(given),
        unbraked(&reference),
    )
    .await;
    let (wanted, _) = server.read().await;
    server.set(cluster).await;
    let Some(plan) = files.first() else {
        let none = differences(&before, &wanted);
        prop_assert!(
            none.is_empty(),
            "{given} has no plan, but changes {none:#?}: {:#?}",
            planned.lines
        );
        return Ok(false);
    };
    prop_assert_eq!(files.len(), 2);
    prop_assert_eq!(
        body(plan),
        body(&files[1]),
        "the same state gives the same plan"
    );
    prop_assert!(
        planned.writes() == ran.writes(),
        "{given}: planned {:#?}\nran {:#?}",
        planned.lines,
        ran.lines
    );
    // The documents of the server have other revisions than when the plan was made.
    let planned = self::plan(url, given, &folder).await;
    let files = plans(&folder);
    let plan = id(files.last().unwrap());
    let applied = call_with(url, "apply", &[text(&plan)], unbraked(&folder)).await;
    let (after, _) = server.read().await;
    let left = differences(&wanted, &after);
    prop_assert!(
        left.is_empty(),
        "{given}: {left:#?}\nplanned: {:#?}\napplied: {:#?}",
        planned.lines,
        applied.lines
    );
    // Several passes can write one document. Its plan has one change of it.
    let has_passes = given.function == "repair";
    prop_assert!(
        applied.writes() == ran.writes()
            || has_passes && applied.writes().total() < ran.writes().total(),
        "applied {:#?}\nran {:#?}",
        applied.lines,
        ran.lines
    );
    // Applied again it finds its own changes.
    let again = call_with(url, "apply", &[text(&plan)], unbraked(&folder)).await;
    prop_assert_eq!(&again.returned, &Returned::Ok, "{:#?}", again.lines);
    prop_assert_eq!(again.writes().total(), 0, "{:#?}", again.lines);
    Ok(applied.writes().total() > 0)
}

/// Each function that writes gets the same number of cases, and must change a document in one of them.
#[test]
fn applied_plan_leaves_what_the_command_leaves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(100).div_ceil(functions).max(2);
    let check = |cluster: &Cluster, given: &Call| runtime.block_on(check(&server, cluster, given));
    write_commands::check_each(write_commands::write_commands(), "plan", count, check);
    runtime.block_on(server.end());
    println!(
        "{count} cases each of {functions} functions, seed {}",
        cases::seed()
    );
}

/// The changes of a plan in databases that exist.
async fn changes_of(
    url: &str,
    plan: &str,
    folder: &tempfile::TempDir,
    now: &Cluster,
) -> Vec<PlanChange> {
    let shown = call_with(
        url,
        "show_plan",
        &[plan, "full"].map(text),
        unbraked(folder),
    )
    .await;
    let changes = shown.events.into_iter().filter_map(|event| match event {
        Event::PlanChange(change) => Some(*change),
        _ => None,
    });
    changes
        .filter(|change| now.databases.contains_key(&plain(&change.database)))
        .collect()
}

/// The name of a database without percent encoding.
fn plain(database: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(database);
    decoded.decode_utf8().unwrap().into_owned()
}

/// Changes the document of a planned change, as another program does.
async fn change_as_another(url: &str, change: &PlanChange, before: &Cluster) {
    let id = percent_encoding::utf8_percent_encode(&change.id, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("/{}/{id}", change.database);
    let held = before.document(&plain(&change.database), &change.id);
    let mut theirs = held.cloned().unwrap_or_default();
    theirs.remove("_id");
    theirs.remove("_attachments");
    if let Some(revision) = &change.revision {
        theirs.insert("_rev".into(), revision.as_str().into());
    }
    theirs.insert("note".into(), "theirs".into());
    let body = exact_json::Value::Object(theirs).to_string();
    let put = send(url, Method::PUT, &path, Some(body)).await;
    assert!(put.status.is_success(), "{put:?}");
}

/// A plan, of which another program changes one document before it is applied: nothing is written, or all but that document.
async fn check_stale(
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
    turn: usize,
) -> Result<bool, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let url = &server.url;
    server.set(cluster).await;
    let reference = tempfile::tempdir().unwrap();
    let words = arguments(given);
    call_with(url, &given.function, &words, unbraked(&reference)).await;
    let (wanted, _) = server.read().await;
    let (before, _) = server.set(cluster).await;
    plan(url, given, &folder).await;
    let Some(plan) = plans(&folder).first().map(|file| id(file)) else {
        return Ok(false);
    };
    let changes = changes_of(url, &plan, &folder, &before).await;
    let Some(theirs) = changes.get(turn % changes.len().max(1)) else {
        return Ok(false);
    };
    change_as_another(url, theirs, &before).await;
    let (changed, revisions) = server.read().await;
    let refused = call_with(url, "apply", &[text(&plan)], unbraked(&folder)).await;
    prop_assert_eq!(
        &refused.returned,
        &Returned::Code(2),
        "{:#?}",
        refused.lines
    );
    let is_named = refused.lines.iter().any(|line| line.contains(&theirs.id));
    prop_assert!(is_named, "{}: {:#?}", theirs.id, refused.lines);
    prop_assert!(
        server.read().await == (changed.clone(), revisions),
        "a refused plan wrote"
    );
    let applied = call_with(
        url,
        "apply",
        &[plan.as_str(), "skip_stale"].map(text),
        unbraked(&folder),
    )
    .await;
    let (after, _) = server.read().await;
    let database = plain(&theirs.database);
    let of_theirs = |cluster: &Cluster| cluster.document(&database, &theirs.id).cloned();
    prop_assert_eq!(
        of_theirs(&after),
        of_theirs(&changed),
        "{:#?}",
        applied.lines
    );
    let without = |cluster: &Cluster| {
        let mut cluster = cluster.clone();
        let documents = cluster.databases.get_mut(&database);
        documents.map(|database| database.documents.remove(&theirs.id));
        cluster
    };
    let left = differences(&without(&wanted), &without(&after));
    prop_assert!(
        left.is_empty(),
        "{given}: {left:#?}\napplied: {:#?}",
        applied.lines
    );
    Ok(true)
}

#[test]
fn plan_with_a_changed_document_is_refused_or_applied_to_the_others() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(50).div_ceil(functions).max(1);
    let turn = Cell::new(0);
    let check = |cluster: &Cluster, given: &Call| {
        turn.set(turn.get() + 1);
        runtime.block_on(check_stale(&server, cluster, given, turn.get()))
    };
    write_commands::check_each(write_commands::write_commands(), "stale plan", count, check);
    runtime.block_on(server.end());
    println!(
        "{count} cases each of {functions} functions, seed {}",
        cases::seed()
    );
}

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const OTHER: &str = "00112233445566778899aabbccddeeff";
const DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const FUNCTION: &str = "remove_wrong_assigned_from_single_accountdb";

/// An account with so many numbers of another account, and so many of the account.
fn account(wrong: usize, right: usize) -> Cluster {
    let mut cluster = Cluster::default();
    let documents = cluster.databases.entry(DATABASE.into()).or_default();
    for index in 0..wrong + right {
        let id = format!("+1415555{index:04}");
        let assigned_to = if index < wrong { OTHER } else { ACCOUNT };
        let document: Document =
            json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": assigned_to})
                .as_object()
                .unwrap()
                .clone();
        documents.documents.insert(id, document);
    }
    cluster
}

fn remaining(cluster: &Cluster) -> usize {
    cluster.databases[DATABASE].documents.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_is_not_applied_where_a_document_changed_since() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = account(3, 0);
    server.set(&cluster).await;
    let words = [text(FUNCTION), text(ACCOUNT)];
    call_with(&server.url, "plan", &words, journalled(&folder)).await;
    let plan = id(&plans(&folder)[0]);
    let (_, revisions) = server.read().await;
    let rev = &revisions[DATABASE]["+14155550001"];
    let theirs =
        json!({"_rev": rev, "pvt_type": "number", "pvt_assigned_to": OTHER, "note": "theirs"});
    let path = "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/%2B14155550001";
    let put = send(&server.url, Method::PUT, path, Some(theirs.to_string())).await;
    assert!(put.status.is_success(), "{put:?}");
    let (before, revisions) = server.read().await;
    let refused = call_with(&server.url, "apply", &[text(&plan)], journalled(&folder)).await;
    assert_eq!(refused.returned, Returned::Code(2), "{:#?}", refused.lines);
    let lines = refused.lines.join("\n");
    assert!(
        lines.contains("+14155550001") && lines.contains("nothing is done"),
        "{lines}"
    );
    assert_eq!(server.read().await, (before, revisions));
    let words = [text(&plan), text("skip_stale")];
    let applied = call_with(&server.url, "apply", &words, journalled(&folder)).await;
    assert_eq!(applied.writes().deleted, 2, "{:#?}", applied.lines);
    let (after, _) = server.read().await;
    assert_eq!(remaining(&after), 1);
    assert_eq!(
        after.document(DATABASE, "+14155550001").unwrap()["note"],
        "theirs"
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_would_delete_most_numbers_saves_a_plan_and_deletes_nothing() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.set(&account(150, 50)).await;
    let stopped = call_with(&server.url, FUNCTION, &[text(ACCOUNT)], journalled(&folder)).await;
    assert_eq!(stopped.returned, Returned::Code(2));
    let lines = stopped.lines.join("\n");
    assert!(
        lines.contains("this would delete 150 of the 200 numbers"),
        "{lines}"
    );
    assert_eq!(
        (stopped.writes().total(), remaining(&server.read().await.0)),
        (0, 200)
    );
    let plan = id(&plans(&folder)[0]);
    assert!(lines.contains(&format!("apply {plan}")), "{lines}");
    let applied = call_with(&server.url, "apply", &[text(&plan)], journalled(&folder)).await;
    assert_eq!(applied.writes().deleted, 150, "{:#?}", applied.lines);
    assert_eq!(remaining(&server.read().await.0), 50);
    // Few are deleted without a question, and a limit can be set.
    for (wrong, max_delete, deleted) in [
        (100, None, 100),
        (150, Some(MaxDelete::Percent(100)), 150),
        (150, Some(MaxDelete::Off), 150),
        (3, Some(MaxDelete::Count(2)), 0),
    ] {
        server.set(&account(wrong, 0)).await;
        let settings = Settings {
            max_delete,
            ..journalled(&folder)
        };
        let ran = call_with(&server.url, FUNCTION, &[text(ACCOUNT)], settings).await;
        assert_eq!(ran.writes().deleted, deleted, "{:#?}", ran.lines);
    }
    server.end().await;
}

/// The numbers of the account itself, which the steps before the deletions look at too, count once.
#[tokio::test(flavor = "multi_thread")]
async fn brake_counts_each_number_once_and_keeps_other_changes() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = account(150, 0);
    let numbers = cluster.databases.entry("numbers/+1202".into()).or_default();
    for index in 0..100 {
        let id = format!("+1202555{index:04}");
        let number = json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": ACCOUNT, "pvt_used_by": "callflow"});
        numbers.insert(number.as_object().unwrap().clone());
    }
    server.set(&cluster).await;
    let stopped = call_with(
        &server.url,
        "fix_account_db_numbers",
        &[text(ACCOUNT)],
        journalled(&folder),
    )
    .await;
    let lines = stopped.lines.join("\n");
    assert!(
        lines.contains("this would delete 150 of the 250 numbers"),
        "{lines}"
    );
    let written = stopped.writes();
    assert_eq!(
        (written.created, written.updated, written.deleted),
        (100, 100, 0),
        "{lines}"
    );
    // It did all that it was going to do.
    assert!(
        lines.contains("services of these accounts must be reconciled"),
        "{lines}"
    );
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    assert!(runs.len() == 1 && runs[0].ended, "{runs:?}");
    let plan = id(&plans(&folder)[0]);
    call_with(&server.url, "apply", &[text(&plan)], journalled(&folder)).await;
    assert_eq!(remaining(&server.read().await.0), 100);
    server.end().await;
}

/// The accounts' copies are made from converted documents, which a plan and a dry run have on disk alone.
#[tokio::test(flavor = "multi_thread")]
async fn planned_conversion_has_copies_with_attachments_and_without_memory() {
    let server = TestServer::start().await;
    let mut cluster = Cluster::default();
    for (name, count) in [("numbers/+1415", 30), (DATABASE, 20)] {
        let database = cluster.databases.entry(name.into()).or_default();
        for index in 0..count {
            let mut number = json!({"_id": format!("+1415555{index:04}"), "pvt_type": "number", "pvt_assigned_to": ACCOUNT,
                "pvt_module_name": "knm_telnyx", "pvt_features": {}});
            if index % 3 == 0 {
                number["_attachments"] =
                    json!({"note.txt": {"content_type": "text/plain", "data": "bm90ZQ=="}});
            }
            database.insert(number.as_object().unwrap().clone());
        }
    }
    let convert = "convert_carrier_module";
    let words = [convert, "knm_telnyx", "knm_local", "+1415"].map(text);
    for memory in [Settings::default().memory, 1] {
        let folder = tempfile::tempdir().unwrap();
        let settings = || Settings {
            memory,
            ..journalled(&folder)
        };
        server.set(&cluster).await;
        let dry = Settings {
            dry_run: true,
            ..settings()
        };
        let announced = call_with(&server.url, convert, &words[1..], dry).await;
        let counts = announced.writes();
        assert_eq!(
            (counts.created, counts.updated),
            (10, 50),
            "{memory}: {:#?}",
            announced.lines
        );
        call_with(&server.url, "plan", &words, settings()).await;
        let plan = id(&plans(&folder)[0]);
        let applied = call_with(&server.url, "apply", &[text(&plan)], settings()).await;
        let written = applied.writes();
        assert_eq!(
            (written.created, written.updated),
            (10, 50),
            "{memory}: {:#?}",
            applied.lines
        );
        let (after, _) = server.read().await;
        server.set(&cluster).await;
        call_with(&server.url, convert, &words[1..], settings()).await;
        let left = differences(&server.read().await.0, &after);
        assert!(left.is_empty(), "{memory}: {left:#?}");
    }
    server.end().await;
}

/// A plan with fewer changes creates no database for the others.
#[tokio::test(flavor = "multi_thread")]
async fn limited_plan_creates_only_databases_that_it_changes() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::default();
    let documents = cluster.databases.entry(DATABASE.into()).or_default();
    for id in ["+12025550100", "+14155550100"] {
        let number = json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": ACCOUNT});
        documents.insert(number.as_object().unwrap().clone());
    }
    server.set(&cluster).await;
    let settings = Settings {
        limit: Some(1),
        ..journalled(&folder)
    };
    let words = [text("copy_accounts_to_number_dbs")];
    call_with(&server.url, "plan", &words, settings).await;
    let plan = id(&plans(&folder)[0]);
    call_with(&server.url, "apply", &[text(&plan)], journalled(&folder)).await;
    let (after, _) = server.read().await;
    let created: Vec<&str> = after.number_databases().collect();
    assert_eq!(created, ["numbers/+1202"]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_changes_hold_for_any_function() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.set(&account(5, 0)).await;
    let limited = |max_changes, limit| Settings {
        max_changes,
        limit,
        ..journalled(&folder)
    };
    let ran = call_with(
        &server.url,
        FUNCTION,
        &[text(ACCOUNT)],
        limited(Some(4), None),
    )
    .await;
    assert_eq!(
        (ran.returned, remaining(&server.read().await.0)),
        (Returned::Code(2), 5)
    );
    let ran = call_with(
        &server.url,
        FUNCTION,
        &[text(ACCOUNT)],
        limited(None, Some(2)),
    )
    .await;
    assert_eq!(ran.writes().deleted, 2, "{:#?}", ran.lines);
    let ran = call_with(
        &server.url,
        FUNCTION,
        &[text(ACCOUNT)],
        limited(Some(3), None),
    )
    .await;
    assert_eq!(ran.writes().deleted, 3, "{:#?}", ran.lines);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_listed_and_shown() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.set(&account(2, 1)).await;
    let words = [text(FUNCTION), text(ACCOUNT)];
    let planned = call_with(&server.url, "plan", &words, journalled(&folder)).await;
    let plan = id(&plans(&folder)[0]);
    assert!(
        planned.lines.contains(&format!("plan {plan} is saved")),
        "{:#?}",
        planned.lines
    );
    let listed = call_with(&server.url, "plans", &[], journalled(&folder)).await;
    assert!(
        listed.lines[0].starts_with(&plan) && listed.lines[0].contains("2 to delete"),
        "{:#?}",
        listed.lines
    );
    let path = plans(&folder)[0].display().to_string();
    for name in [plan, path] {
        let shown = call_with(
            &server.url,
            "show_plan",
            &[text(&name), text("full")],
            journalled(&folder),
        )
        .await;
        let lines = shown.lines.join("\n");
        assert!(
            lines.contains(
                "delete +14155550000: in an account, with a pvt_assigned_to of another account"
            ),
            "{lines}"
        );
    }
    for (name, expected) in [
        ("20261126T001209Z-487223", "there is no plan"),
        ("./nowhere", "nowhere"),
        ("/etc/passwd", "/etc/passwd"),
    ] {
        for function in ["show_plan", "apply"] {
            let refused =
                call_with(&server.url, function, &[text(name)], journalled(&folder)).await;
            assert_eq!(refused.returned, Returned::Code(2), "{function} {name}");
            assert!(
                refused.lines.join("\n").contains(expected),
                "{:#?}",
                refused.lines
            );
        }
    }
    server.end().await;
}
