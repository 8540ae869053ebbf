//! Undo after any command restores every document of every database, and keeps documents that
//! another client has changed since.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use kazoo_numbers::journal::Journals;
use kazoo_numbers::run::Returned;
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_model::Call;
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{arguments, call_with, journalled, text};
use kazoo_numbers_testkit::server::TestServer;
use kazoo_numbers_testkit::write_commands;
use proptest::prelude::*;

fn differences(wanted: &Cluster, found: &Cluster) -> Vec<String> {
    let wanted = wanted.clone().without_remains();
    wanted.differences(&found.clone().without_remains())
}

/// Statistics of one function over all its cases.
#[derive(Clone, Copy, Debug, Default)]
struct FunctionStatistics {
    changed: u64,
    deleted: u64,
    attachments: u64,
}

async fn check(
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
) -> Result<FunctionStatistics, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let url = &server.url;
    let (before, _) = server.set(cluster).await;
    call_with(url, &given.function, &arguments(given), journalled(&folder)).await;
    let journals = Journals::new(folder.path().to_owned());
    let runs = journals.runs().unwrap();
    let (after, _) = server.read().await;
    let Some(run) = runs.first() else {
        let same = differences(&before, &after);
        prop_assert!(same.is_empty(), "changed without a journal: {same:#?}");
        return Ok(FunctionStatistics::default());
    };
    prop_assert!(run.ended && run.landed > 0 && runs.len() == 1);
    let id = &run.start.run;
    let undone = call_with(url, "undo", &[text(id)], journalled(&folder)).await;
    prop_assert_eq!(&undone.returned, &Returned::Ok, "{:?}", undone.lines);
    let (restored, _) = server.read().await;
    let left = differences(&before, &restored);
    prop_assert!(left.is_empty(), "{given}: {left:#?}");
    // An undo is a run and can itself be undone.
    let runs = journals.runs().unwrap();
    let back = &runs
        .iter()
        .find(|run| run.start.run != *id)
        .unwrap()
        .start
        .run;
    call_with(url, "undo", &[text(back)], journalled(&folder)).await;
    let (again, _) = server.read().await;
    let left = differences(&after, &again);
    prop_assert!(left.is_empty(), "{given}, undo undone: {left:#?}");
    let gone: Vec<&Document> = before
        .databases
        .iter()
        .flat_map(|(name, database)| {
            let after = &after;
            database
                .documents
                .iter()
                .filter(move |(id, _)| after.document(name, id).is_none())
        })
        .map(|(_, document)| document)
        .collect();
    let attachments = gone.iter().filter(|one| one.contains_key("_attachments"));
    Ok(FunctionStatistics {
        changed: 1,
        deleted: gone.len() as u64,
        attachments: attachments.count() as u64,
    })
}

/// Each function that writes gets the same number of cases and must change a document in one of
/// them. Each function that deletes must delete a document, including one with attachments.
#[test]
fn undo_restores_every_document() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(150).div_ceil(functions).max(2);
    let seed = cases::seed();
    let (mut undone, mut deleted, mut attachments) = (0, 0, 0);
    for spec in write_commands::write_commands() {
        let seen = std::cell::Cell::new(FunctionStatistics::default());
        let check = |cluster: &Cluster, given: &Call| {
            let one = runtime.block_on(check(&server, cluster, given))?;
            let all = seen.get();
            seen.set(FunctionStatistics {
                changed: all.changed + one.changed,
                deleted: all.deleted + one.deleted,
                attachments: all.attachments + one.attachments,
            });
            Ok(())
        };
        let deletes =
            spec.name.starts_with("destructively_") || spec.name.starts_with("remove_wrong_");
        let is_enough = || seen.get().changed > 0 && (!deletes || seen.get().deleted > 0);
        write_commands::check_cases(spec, "undo", count, check, is_enough);
        let seen = seen.get();
        undone += seen.changed;
        deleted += seen.deleted;
        attachments += seen.attachments;
    }
    runtime.block_on(server.end());
    println!(
        "{count} cases each of {functions} functions, seed {seed}: {undone} undone, \
         {deleted} documents deleted and back, {attachments} of them with attachments"
    );
    assert!(attachments > 0, "no attachment was deleted");
}

/// Runs `repair` and a command, and undoes both in one order. Returns whether both changed the same document.
async fn check_two(
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
    newest_first: bool,
) -> Result<bool, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let url = &server.url;
    let (before, _) = server.set(cluster).await;
    call_with(url, "repair", &[], journalled(&folder)).await;
    let (repaired, _) = server.read().await;
    call_with(url, &given.function, &arguments(given), journalled(&folder)).await;
    let (after, _) = server.read().await;
    let journals = Journals::new(folder.path().to_owned());
    let runs = journals.runs().unwrap();
    let ids: Vec<&str> = runs.iter().map(|run| run.start.run.as_str()).collect();
    let &[repair, second] = ids.as_slice() else {
        return Ok(false);
    };
    let done = |run| journals.done(run).unwrap();
    let (of_repair, of_second) = (done(repair), done(second));
    let is_shared = of_repair.iter().any(|(database, documents)| {
        let second = of_second.get(database);
        second.is_some_and(|second| documents.keys().any(|id| second.contains_key(id)))
    });
    let undo = async |run: &str| {
        let run = text(run);
        call_with(url, "undo", &[run], journalled(&folder)).await
    };
    if newest_first {
        undo(second).await;
        let (undone, _) = server.read().await;
        let left = differences(&repaired, &undone);
        prop_assert!(left.is_empty(), "{given}: {left:#?}");
    } else {
        // Documents that both changed stay as they are.
        let first = undo(repair).await;
        prop_assert!(
            is_shared || first.returned == Returned::Ok,
            "{:?}",
            first.lines
        );
        undo(second).await;
    }
    // "again": if the second run had deleted all that the repair wrote, the repair counts as undone.
    let again = [text(repair), text("again")];
    let last = call_with(url, "undo", &again, journalled(&folder)).await;
    prop_assert_eq!(&last.returned, &Returned::Ok, "{:?}", last.lines);
    let (undone, _) = server.read().await;
    let left = differences(&before, &undone);
    prop_assert!(left.is_empty(), "{given}: {left:#?}");
    // The same runs made again, oldest first, by undoing their undos.
    let runs = journals.runs().unwrap();
    let undo_of = |run: &str| {
        let mut undos = runs.iter().rev();
        let undo = undos.find(|one| one.start.undoes() == Some(run));
        undo.unwrap().start.run.clone()
    };
    if newest_first {
        for run in [repair, second] {
            let again = undo(&undo_of(run)).await;
            prop_assert_eq!(&again.returned, &Returned::Ok, "{:?}", again.lines);
        }
        let (again, _) = server.read().await;
        let left = differences(&after, &again);
        prop_assert!(left.is_empty(), "{given}, made again: {left:#?}");
    }
    Ok(is_shared)
}

#[test]
fn two_runs_are_undone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(50).div_ceil(functions).max(1);
    let shared = std::cell::Cell::new([0_u64; 2]);
    for newest_first in [true, false] {
        let stream = format!("two runs {newest_first}");
        write_commands::check_each(
            write_commands::write_commands(),
            &stream,
            count,
            |cluster, given| {
                let is_shared =
                    runtime.block_on(check_two(&server, cluster, given, newest_first))?;
                let mut all = shared.get();
                all[usize::from(newest_first)] += u64::from(is_shared);
                shared.set(all);
                Ok(true)
            },
        );
    }
    runtime.block_on(server.end());
    let [oldest_first, newest_first] = shared.get();
    println!(
        "{count} cases each of {functions} functions, seed {}: both runs changed a document in {newest_first} cases, undone oldest first in {oldest_first}",
        cases::seed()
    );
    assert!(newest_first > 0 && oldest_first > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_keeps_later_changes_of_others() {
    let account = "abcdef0123456789abcdef0123456789";
    let other = "00112233445566778899aabbccddeeff";
    let database = "account/ab/cd/ef0123456789abcdef0123456789";
    let number = |id: &str, note: &str| exact_json::json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": other, "note": note});
    let mut cluster = Cluster::default();
    let documents = cluster.databases.entry(database.into()).or_default();
    for id in ["+14155550100", "+14155550101"] {
        let document = number(id, "ours").as_object().unwrap().clone();
        documents.documents.insert(id.into(), document);
    }
    let server = TestServer::start().await;
    cluster.load(&server.url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let function = "remove_wrong_assigned_from_single_accountdb";
    call_with(&server.url, function, &[text(account)], journalled(&folder)).await;
    // Another client creates one of them again.
    let mut theirs = Cluster::default();
    theirs
        .databases
        .entry(database.into())
        .or_default()
        .documents
        .insert(
            "+14155550101".into(),
            number("+14155550101", "theirs")
                .as_object()
                .unwrap()
                .clone(),
        );
    theirs.load(&server.url).await.unwrap();
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let id = &runs[0].start.run;
    let undone = call_with(&server.url, "undo", &[text(id)], journalled(&folder)).await;
    let (read, _) = Cluster::read(&server.url).await.unwrap();
    server.end().await;
    assert_eq!(undone.returned, Returned::Code(2));
    assert_eq!(
        undone.finished.unwrap().summary.failures.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"failed":{"changed_since":["+14155550101"]}}}"#
    );
    let note = |id: &str| read.document(database, id).unwrap()["note"].clone();
    assert_eq!(note("+14155550100"), "ours");
    assert_eq!(note("+14155550101"), "theirs");
}
