//! The reference model and the library on the same random clusters and commands: same end state,
//! same counts, same failures, and a second run that changes no revision.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed, and
//! `KAZOO_NUMBERS_SHRINK` the number of steps to shrink a failing case.

use std::collections::BTreeSet;

use kazoo_numbers::run::Returned;
use kazoo_numbers_generator::{Cluster, Revisions};
use kazoo_numbers_model::{self as model, Call, Outcome};
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{
    CommandRun, arguments, call, clusters_and_calls, unix_seconds,
};
use kazoo_numbers_testkit::server::TestServer;
use proptest::prelude::TestCaseError;

fn same_return(expected: &model::Returned, got: &Returned) -> bool {
    match (expected, got) {
        (model::Returned::Ok, Returned::Ok) | (model::Returned::NoReturn, Returned::NoReturn) => {
            true
        }
        (model::Returned::NoReturnCode(expected), Returned::Code(got)) => expected == got,
        (model::Returned::Refused, Returned::Code(got)) => *got != 0,
        (model::Returned::OkValue(expected), Returned::Value(Ok(got))) => expected == got,
        (model::Returned::ErrorValue(start), Returned::Value(Err(got))) => got.starts_with(start),
        _ => false,
    }
}

/// The differences between an outcome and a run.
fn disagreements(given: &Call, expected: &Outcome, ran: &CommandRun) -> Vec<String> {
    let mut all = Vec::new();
    if given.function != "repair" && !same_return(&expected.returned, &ran.returned) {
        all.push(format!(
            "returned {:?}, not {:?}",
            ran.returned, expected.returned
        ));
    }
    if let Some(output) = &expected.output {
        // Warnings and the line about services come before the lines of the manual.
        let lines: Vec<&String> = ran
            .lines
            .iter()
            .filter(|line| !line.starts_with("warning: ") && !line.starts_with("services of "))
            .collect();
        if lines != output.iter().collect::<Vec<_>>() {
            all.push(format!("printed {lines:#?}, not {output:#?}"));
        }
    }
    let Some(finished) = &ran.finished else {
        return all;
    };
    let summary = &finished.summary;
    let counts = &expected.counts;
    let wanted = [
        counts.unchanged,
        counts.created,
        counts.updated,
        counts.deleted,
        counts.failed,
    ];
    let got = &summary.counts;
    let got = [
        got.unchanged,
        got.created,
        got.updated,
        got.deleted,
        got.failed,
    ];
    let is_repair = given.function == "repair";
    // The model has no counts of what a repair does not change: it runs the single commands one after the other.
    let changes = |counts: [u64; 5]| {
        let [_, created, updated, deleted, _] = counts;
        [created, updated, deleted]
    };
    if is_repair && changes(wanted) != changes(got) {
        all.push(format!("changed {got:?}, not {wanted:?}"));
    }
    if !is_repair && wanted != got {
        all.push(format!("counted {got:?}, not {wanted:?}"));
    }
    let mut failures = exact_json::to_value(&summary.failures).unwrap();
    if given.function.starts_with("convert_") {
        // The model reports only the kind of the error.
        bare_reasons(&mut failures);
    }
    let wanted = model::failure_report(&expected.failures);
    if !is_repair && failures != wanted {
        all.push(format!("failures {failures}, not {wanted}"));
    }
    let services: BTreeSet<String> = summary.services.iter().cloned().collect();
    if services != expected.services {
        all.push(format!(
            "services {services:?}, not {:?}",
            expected.services
        ));
    }
    all
}

fn bare_reasons(failures: &mut exact_json::Value) {
    for database in failures.as_object_mut().unwrap().values_mut() {
        if let Some(failed) = database.get_mut("failed") {
            let bare: exact_json::Map<String, exact_json::Value> = failed
                .as_object()
                .unwrap()
                .iter()
                .map(|(reason, numbers)| {
                    let bare = reason
                        .split_once('-')
                        .map_or(reason.as_str(), |(_, kind)| kind);
                    (bare.to_owned(), numbers.clone())
                })
                .collect();
            *failed = bare.into();
        }
    }
}

/// Documents with unchanged content must keep their revision.
fn needless_writes(before: &(Cluster, Revisions), after: &(Cluster, Revisions)) -> Vec<String> {
    let mut needless = Vec::new();
    for (name, database) in &after.0.databases {
        let Some(old) = before.0.databases.get(name) else {
            continue;
        };
        for (id, document) in &database.documents {
            let moved = before.1.get(name).and_then(|revs| revs.get(id))
                != after.1.get(name).and_then(|revs| revs.get(id));
            if moved && old.documents.get(id) == Some(document) {
                needless.push(format!("{name} {id} was written without a change"));
            }
        }
    }
    needless
}

/// The differences between what the model leaves and what a run left.
pub(crate) fn differences(
    given: &Call,
    expected: &Outcome,
    ran: &CommandRun,
    [before, after]: [&(Cluster, Revisions); 2],
    [started, ended]: [u64; 2],
) -> Vec<String> {
    let mut all = disagreements(given, expected, ran);
    all.extend(model::same_end_state(
        &expected.cluster,
        &after.0,
        started,
        ended,
    ));
    all.extend(needless_writes(before, after));
    all
}

async fn check(server: &TestServer, cluster: &Cluster, given: &Call) -> Result<(), TestCaseError> {
    let url = &server.url;
    let before = server.set(cluster).await;
    let expected = model::run(&before.0, given, model::Now::marker());
    let started = unix_seconds();
    let ran = call(url, &given.function, &arguments(given)).await;
    let ended = unix_seconds();
    let after = server.read().await;
    let mut all = differences(given, &expected, &ran, [&before, &after], [started, ended]);
    let again = call(url, &given.function, &arguments(given)).await;
    let last = server.read().await;
    if last.1 != after.1 {
        all.push(format!("a second run moved revisions: {:#?}", again.lines));
    }
    if all.is_empty() {
        return Ok(());
    }
    let lines = ran.lines.join("\n");
    Err(TestCaseError::fail(format!(
        "{given}\n{}\nit printed:\n{lines}",
        all.join("\n")
    )))
}

/// Runs one share of the cases with its own seed.
fn agree(share: u64) {
    const SHARES: u64 = 2;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let count = cases::count(if server.is_real() { 300 } else { 1000 }) / SHARES;
    let seed = cases::seed() * SHARES + share;
    let mut runner = cases::runner(count, seed, 0);
    let outcome = runner.run(&clusters_and_calls(), |(cluster, given)| {
        runtime.block_on(check(&server, &cluster, &given))
    });
    runtime.block_on(server.end());
    if let Err(error) = outcome {
        let shown = match &error {
            proptest::test_runner::TestError::Fail(reason, (cluster, given)) => {
                format!("{given}\n{reason}\n{}", readable(cluster))
            }
            other => other.to_string(),
        };
        panic!("seed {seed}: {shown}");
    }
    println!("{count} cases agree, seed {seed}");
}

/// A shrunk cluster in short form, with the fields that decide about numbers.
fn readable(cluster: &Cluster) -> String {
    const DECIDE: [&str; 9] = [
        "_id",
        "pvt_type",
        "pvt_deleted",
        "pvt_assigned_to",
        "pvt_used_by",
        "pvt_module_name",
        "pvt_features",
        "numbers",
        "servers",
    ];
    let mut lines = Vec::new();
    for (name, database) in &cluster.databases {
        lines.push(format!("{name}  deleted: {:?}", database.deleted));
        for document in database.documents.values() {
            let shown: Vec<String> = DECIDE
                .iter()
                .filter_map(|field| Some(format!("{field}={}", document.get(*field)?)))
                .collect();
            if shown.iter().any(|field| {
                [
                    "pvt_type=\"number\"",
                    "pvt_type=\"callflow\"",
                    "pvt_type=\"sys_info\"",
                ]
                .contains(&field.as_str())
            }) {
                lines.push(format!("  {}", shown.join(" ")));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn first_share_agrees() {
    agree(0);
}

#[test]
fn second_share_agrees() {
    agree(1);
}
