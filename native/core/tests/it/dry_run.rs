//! A dry run reports exactly the changes of the run that follows, if nothing changes in between:
//! the same databases, documents, results and fields, the same counts and failures. A dry run
//! writes nothing.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

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

/// The changed fields of an update: old and new value.
type Fields = BTreeMap<String, (Option<Value>, Option<Value>)>;

#[derive(Clone, Debug, PartialEq)]
enum DocumentChange {
    Created,
    Updated(Fields),
    Deleted,
}

/// Changes by encoded database name and id.
type DocumentChanges = BTreeMap<(String, String), DocumentChange>;

/// Removes timestamps, which are not known in advance.
fn timeless(field: &str, value: Option<Value>) -> Option<Value> {
    match value {
        Some(Value::Number(_)) if field == "pvt_modified" => Some("a time".into()),
        other => other,
    }
}

fn announced_changes(ran: &CommandRun) -> Result<DocumentChanges, TestCaseError> {
    let mut changes = DocumentChanges::new();
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

fn change_of(planned: &PlannedChange) -> DocumentChange {
    let json = |text: &Option<String>| {
        text.as_ref()
            .map(|text| exact_json::from_str::<Value>(text).unwrap())
    };
    match planned.outcome {
        "created" => DocumentChange::Created,
        "deleted" => DocumentChange::Deleted,
        _ => DocumentChange::Updated(
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

/// The differences between two states, without design documents, which come with a created
/// database.
fn actual_changes(before: &Cluster, after: &Cluster) -> DocumentChanges {
    let mut changes = DocumentChanges::new();
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
                (None, Some(_)) => DocumentChange::Created,
                (Some(_), None) => DocumentChange::Deleted,
                (Some(old), Some(new)) => {
                    let fields = differing(old, new);
                    let same_attachments = old.get("_attachments") == new.get("_attachments");
                    if fields.is_empty() && same_attachments {
                        continue;
                    }
                    DocumentChange::Updated(fields)
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

/// Runs a command as a dry run and for real. Returns the number of changed documents.
async fn both(
    server: &TestServer,
    folder: &tempfile::TempDir,
    function: &str,
    given: &[kazoo_numbers::command::Argument],
) -> Result<usize, TestCaseError> {
    let url = &server.url;
    let before = server.read().await;
    let journals = Journals::new(folder.path().to_owned());
    let runs = journals.runs().unwrap().len();
    if let Some(sandbox) = &server.sandbox {
        sandbox.reset_stats();
    }
    let planned = call_with(
        url,
        function,
        given,
        Settings {
            dry_run: true,
            ..journalled(folder)
        },
    )
    .await;
    if let Some(sandbox) = &server.sandbox {
        let stats = sandbox.stats();
        let mut keys = stats.by_endpoint.keys();
        let written = keys.find(|key| {
            let reads = matches!(key.method.as_str(), "GET" | "HEAD");
            let asks =
                key.method == "POST" && matches!(key.endpoint, Endpoint::AllDocs | Endpoint::View);
            !reads && !asks
        });
        prop_assert_eq!(written, None, "a dry run only reads");
    }
    prop_assert_eq!(journals.runs().unwrap().len(), runs, "a dry run is no run");
    let unchanged = server.read().await;
    prop_assert!(unchanged == before, "a dry run changed something");
    let ran = call_with(url, function, given, journalled(folder)).await;
    let (after, _) = server.read().await;
    let announced = announced_changes(&planned)?;
    let done = actual_changes(&before.0, &after);
    prop_assert_eq!(
        &announced,
        &done,
        "left: announced, right: done\n{:#?}\n{:#?}",
        planned.lines,
        ran.lines
    );
    let (Some(first), Some(second)) = (&planned.finished, &ran.finished) else {
        prop_assert_eq!(planned.lines, ran.lines);
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
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
) -> Result<usize, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    server.replace(cluster).await;
    let changed = both(server, &folder, &given.function, &arguments(given)).await?;
    // Also checks `undo`.
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    let undone = match runs.first() {
        Some(run) => both(server, &folder, "undo", &[text(&run.start.run)]).await?,
        None => 0,
    };
    prop_assert_eq!(undone, changed);
    Ok(changed)
}

#[test]
fn dry_run_announces_exactly_the_changes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let functions = write_commands::write_commands().count() as u64;
    let count = cases::count(if server.is_real() { 100 } else { 150 })
        .div_ceil(functions)
        .max(2);
    let seed = cases::seed();
    let documents = std::cell::Cell::new(0);
    let check = |cluster: &Cluster, given: &Call| {
        let changed = runtime.block_on(check(&server, cluster, given))?;
        documents.set(documents.get() + changed);
        Ok(changed > 0)
    };
    write_commands::check_each(write_commands::write_commands(), "dry run", count, check);
    runtime.block_on(server.end());
    println!(
        "{count} cases each of {functions} functions, seed {seed}: \
         {} documents changed as announced",
        documents.get()
    );
}
