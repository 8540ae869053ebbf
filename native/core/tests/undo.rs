//! Undo after any command restores every document of every database, and leaves alone what
//! somebody else has changed since.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases, `KAZOO_NUMBERS_SEED` from which seed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use kazoo_numbers::command::Argument;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_cluster::Cluster;
use kazoo_numbers_model::{self as model, Call, arbitrary};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use support::{Stage, call_with, text};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn arguments(call: &Call) -> Vec<Argument> {
    call.arguments
        .iter()
        .map(|argument| match argument {
            model::Argument::Text(text) => Argument::Text(text.clone()),
            model::Argument::List(all) => Argument::List(all.clone()),
        })
        .collect()
}

fn journalled(folder: &tempfile::TempDir) -> Settings {
    Settings {
        journals: Some(Journals::new(folder.path().to_owned())),
        ..support::settings()
    }
}

/// Documents alone: a database that a command made stays, with nothing but its design document.
fn documents(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone().without_tombstones();
    for database in cluster.databases.values_mut() {
        database
            .documents
            .retain(|id, _| !id.starts_with("_design/"));
    }
    cluster
        .databases
        .retain(|_, database| !database.documents.is_empty());
    cluster
}

async fn check(url: &str, cluster: &Cluster, given: &Call) -> Result<bool, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    Cluster::wipe(url).await.unwrap();
    cluster.load(url).await.unwrap();
    let (before, _) = Cluster::read(url).await.unwrap();
    call_with(url, &given.function, &arguments(given), journalled(&folder)).await;
    let journals = Journals::new(folder.path().to_owned());
    let runs = journals.runs().unwrap();
    let (after, _) = Cluster::read(url).await.unwrap();
    let Some(run) = runs.first() else {
        let same = documents(&before).differences(&documents(&after));
        prop_assert!(same.is_empty(), "changed without a journal: {same:#?}");
        return Ok(false);
    };
    prop_assert!(run.ended && run.landed > 0 && runs.len() == 1);
    let id = &run.start.run;
    let undone = call_with(url, "undo", &[text(id)], journalled(&folder)).await;
    prop_assert_eq!(&undone.returned, &Returned::Ok, "{:?}", undone.lines);
    let (restored, _) = Cluster::read(url).await.unwrap();
    let differences = documents(&before).differences(&documents(&restored));
    prop_assert!(differences.is_empty(), "{given}: {differences:#?}");
    // An undo is a run, and can be undone.
    let runs = journals.runs().unwrap();
    let back = &runs
        .iter()
        .find(|run| run.start.run != *id)
        .unwrap()
        .start
        .run;
    call_with(url, "undo", &[text(back)], journalled(&folder)).await;
    let (again, _) = Cluster::read(url).await.unwrap();
    let differences = documents(&after).differences(&documents(&again));
    prop_assert!(
        differences.is_empty(),
        "{given}, undo undone: {differences:#?}"
    );
    Ok(true)
}

#[test]
fn undo_restores_every_document() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::new());
    let count = setting(
        "KAZOO_NUMBERS_CASES",
        if stage.is_real() { 60 } else { 300 },
    );
    let seed = setting("KAZOO_NUMBERS_SEED", 20_261_123);
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(count).unwrap(),
        failure_persistence: None,
        max_shrink_iters: u32::try_from(setting("KAZOO_NUMBERS_SHRINK", 0)).unwrap(),
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let cases = prop_oneof![
        arbitrary::cluster(),
        kazoo_numbers_cluster::arbitrary::cluster()
    ]
    .prop_flat_map(|cluster| {
        let call = arbitrary::call(&cluster);
        (Just(cluster), call)
    });
    let changed = std::cell::Cell::new(0);
    let outcome = TestRunner::new_with_rng(config, rng).run(&cases, |(cluster, given)| {
        if runtime.block_on(check(&stage.url, &cluster, &given))? {
            changed.set(changed.get() + 1);
        }
        Ok(())
    });
    runtime.block_on(stage.end());
    if let Err(proptest::test_runner::TestError::Fail(reason, (_, given))) = &outcome {
        panic!("seed {seed}: {given}\n{reason}");
    }
    outcome.unwrap();
    println!(
        "{count} cases, {} of them undone, seed {seed}",
        changed.get()
    );
    assert!(changed.get() > count / 5, "too few changed anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_since_is_left_alone() {
    let account = "abcdef0123456789abcdef0123456789";
    let other = "00112233445566778899aabbccddeeff";
    let database = "account/ab/cd/ef0123456789abcdef0123456789";
    let number = |id: &str, note: &str| serde_json::json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": other, "note": note});
    let mut cluster = Cluster::default();
    let documents = cluster.databases.entry(database.into()).or_default();
    for id in ["+14155550100", "+14155550101"] {
        let document = number(id, "ours").as_object().unwrap().clone();
        documents.documents.insert(id.into(), document);
    }
    let stage = Stage::new().await;
    cluster.load(&stage.url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let function = "remove_wrong_assigned_from_single_accountdb";
    call_with(&stage.url, function, &[text(account)], journalled(&folder)).await;
    // Somebody else makes one of them again.
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
    theirs.load(&stage.url).await.unwrap();
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let id = &runs[0].start.run;
    let undone = call_with(&stage.url, "undo", &[text(id)], journalled(&folder)).await;
    let (read, _) = Cluster::read(&stage.url).await.unwrap();
    stage.end().await;
    assert_eq!(undone.returned, Returned::Code(2));
    assert_eq!(
        undone.finished.unwrap().summary.failures.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"failed":{"changed_since":["+14155550101"]}}}"#
    );
    let note = |id: &str| read.document(database, id).unwrap()["note"].clone();
    assert_eq!(note("+14155550100"), "ours");
    assert_eq!(note("+14155550101"), "theirs");
}
