//! What a dry run announces is what the run then does, if nothing changes in between: the same
//! databases, documents, outcomes and fields, the same counts and failures. And a dry run writes
//! nothing.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases, `KAZOO_NUMBERS_SEED` from which seed.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::Value;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::report::{Event, PlannedChange};
use kazoo_numbers::run::Settings;
use kazoo_numbers_generator::{Cluster, Database, Document};
use kazoo_numbers_model::Call;
use kazoo_numbers_sandbox::Endpoint;
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{CommandRun, arguments, call_with, journalled, text};
use kazoo_numbers_testkit::server::TestServer;
use kazoo_numbers_testkit::write_commands;
use proptest::prelude::*;
use proptest::test_runner::TestError;

/// The fields of an update: what they were, what they are.
type Fields = BTreeMap<String, (Option<Value>, Option<Value>)>;

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Created,
    Updated(Fields),
    Deleted,
}

/// By encoded database and id.
type Changes = BTreeMap<(String, String), Change>;

/// When something was changed is not known beforehand.
fn timeless(field: &str, value: Option<Value>) -> Option<Value> {
    match value {
        Some(Value::Number(_)) if field == "pvt_modified" => Some("a time".into()),
        other => other,
    }
}

fn announced(ran: &CommandRun) -> Result<Changes, TestCaseError> {
    let mut changes = Changes::new();
    for event in &ran.events {
        let Event::Planned(planned) = event else {
            continue;
        };
        let place = (planned.database.clone(), planned.id.clone());
        let earlier = changes.insert(place, change_of(planned));
        prop_assert!(earlier.is_none(), "announced twice: {planned:?}");
    }
    Ok(changes)
}

fn change_of(planned: &PlannedChange) -> Change {
    let json = |text: &Option<String>| {
        text.as_ref()
            .map(|text| exact_json::from_str::<Value>(text).unwrap())
    };
    match planned.outcome {
        "created" => Change::Created,
        "deleted" => Change::Deleted,
        _ => Change::Updated(
            planned
                .fields
                .iter()
                .map(|change| {
                    let old = json(&change.old);
                    let new = timeless(&change.field, json(&change.new));
                    (change.field.clone(), (old, new))
                })
                .filter(|(field, _)| field != "_attachments")
                .collect(),
        ),
    }
}

/// What differs between two states, design documents aside: those of a database that is created
/// come with it.
fn done(before: &Cluster, after: &Cluster) -> Changes {
    let mut changes = Changes::new();
    let none = Database::default();
    let names: BTreeSet<&String> = before
        .databases
        .keys()
        .chain(after.databases.keys())
        .collect();
    for name in names {
        let before = &before.databases.get(name).unwrap_or(&none).documents;
        let after = &after.databases.get(name).unwrap_or(&none).documents;
        let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for id in ids.into_iter().filter(|id| !id.starts_with("_design/")) {
            let change = match (before.get(id), after.get(id)) {
                (None, Some(_)) => Change::Created,
                (Some(_), None) => Change::Deleted,
                (Some(old), Some(new)) => {
                    let fields = differing(old, new);
                    let same_attachments = old.get("_attachments") == new.get("_attachments");
                    if fields.is_empty() && same_attachments {
                        continue;
                    }
                    Change::Updated(fields)
                }
                (None, None) => continue,
            };
            let encoded = DatabaseName::new(name).unwrap().encoded();
            changes.insert((encoded, id.clone()), change);
        }
    }
    changes
}

fn differing(old: &Document, new: &Document) -> Fields {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| *name != "_rev" && *name != "_attachments")
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| {
            let new = timeless(name, new.get(name).cloned());
            (name.clone(), (old.get(name).cloned(), new))
        })
        .collect()
}

/// A rehearsal and the run. Returns how many documents changed.
async fn both(
    stage: &TestServer,
    folder: &tempfile::TempDir,
    function: &str,
    given: &[kazoo_numbers::command::Argument],
) -> Result<usize, TestCaseError> {
    let url = &stage.url;
    let before = stage.read().await;
    let journals = Journals::new(folder.path().to_owned());
    let runs = journals.runs().unwrap().len();
    if let Some(sandbox) = &stage.sandbox {
        sandbox.reset_stats();
    }
    let rehearsed = call_with(
        url,
        function,
        given,
        Settings {
            dry_run: true,
            ..journalled(folder)
        },
    )
    .await;
    if let Some(sandbox) = &stage.sandbox {
        let stats = sandbox.stats();
        let mut asked = stats.by_endpoint.keys();
        let written = asked.find(|asked| {
            let reads = matches!(asked.method.as_str(), "GET" | "HEAD");
            let asks = asked.method == "POST"
                && matches!(asked.endpoint, Endpoint::AllDocs | Endpoint::View);
            !reads && !asks
        });
        prop_assert_eq!(written, None, "a dry run only reads");
    }
    prop_assert_eq!(journals.runs().unwrap().len(), runs, "a dry run is no run");
    let unchanged = stage.read().await;
    prop_assert!(unchanged == before, "a dry run changed something");
    let ran = call_with(url, function, given, journalled(folder)).await;
    let (after, _) = stage.read().await;
    let announced = announced(&rehearsed)?;
    let done = done(&before.0, &after);
    prop_assert_eq!(
        &announced,
        &done,
        "left: announced, right: done\n{:#?}\n{:#?}",
        rehearsed.lines,
        ran.lines
    );
    let (Some(first), Some(second)) = (&rehearsed.finished, &ran.finished) else {
        prop_assert_eq!(rehearsed.lines, ran.lines);
        return Ok(0);
    };
    prop_assert!(first.summary.dry_run && !second.summary.dry_run);
    prop_assert_eq!(&first.returned, &second.returned, "{:#?}", ran.lines);
    prop_assert_eq!(first.summary.counts, second.summary.counts);
    prop_assert_eq!(
        first.summary.failures.to_json(),
        second.summary.failures.to_json()
    );
    Ok(done.len())
}

async fn check(
    stage: &TestServer,
    cluster: &Cluster,
    given: &Call,
) -> Result<usize, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    stage.replace(cluster).await;
    let changed = both(stage, &folder, &given.function, &arguments(given)).await?;
    // `undo` writes as well.
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let undone = match runs.first() {
        Some(run) => both(stage, &folder, "undo", &[text(&run.start.run)]).await?,
        None => 0,
    };
    prop_assert_eq!(undone, changed);
    Ok(changed)
}

#[test]
fn what_is_announced_is_done() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(if stage.is_real() { 100 } else { 150 })
        .div_ceil(functions)
        .max(2);
    let seed = cases::seed();
    let mut documents = 0;
    for (number, spec) in write_commands::write_commands().enumerate() {
        let changed = std::cell::Cell::new(0);
        let mut runner = cases::runner(
            count * write_commands::case_factor(spec),
            seed,
            100 + u8::try_from(number).unwrap(),
        );
        let outcome = runner.run(&write_commands::cases_for(spec), |(cluster, given)| {
            let one = runtime.block_on(check(&stage, &cluster, &given))?;
            changed.set(changed.get() + one);
            Ok(())
        });
        if let Err(TestError::Fail(reason, (_, given))) = &outcome {
            panic!("seed {seed}: {given}\n{reason}");
        }
        outcome.unwrap();
        let name = write_commands::signature(spec);
        assert!(changed.get() > 0, "{name} never changed anything");
        documents += changed.get();
    }
    runtime.block_on(stage.end());
    println!(
        "{count} cases each of {functions} functions, seed {seed}: \
         {documents} documents changed as announced"
    );
}
