//! Replays recorded requests of Apache CouchDB 3.4.3 and compares the answers: on the sandbox, or
//! on the server at `COUCHDB_URL`.
//!
//! Numbers are compared by spelling. Every scenario creates databases with its own prefix and
//! deletes them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end so")]

mod client;
mod compare;
mod json;
mod variables;

use client::{ActualAnswer, Target};
use compare::Comparison;
use json::Value;
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinSet;
use variables::Variables;

/// Scenarios that the sandbox does not pass, with the reason. A scenario that passes must not be
/// listed.
const UNSUPPORTED: &[(&str, &str)] = &[];

/// Scenarios with different answers on different real servers, with the reason.
const DIFFERS_BETWEEN_SERVERS: &[(&str, &str)] = &[(
    "bulk_unknown_rev",
    "shows the state of one shard; with several shards some answers differ",
)];

const TRIES: u32 = 20;

fn transcripts() -> Vec<Value> {
    let text = include_str!("../data/transcripts.json");
    let all = Value::parse(text).expect("the transcripts are JSON");
    all.get("scenarios").unwrap().list().to_vec()
}

fn name(scenario: &Value) -> &str {
    scenario.get("name").and_then(Value::text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_equal_recorded_answers() {
    let url = std::env::var("COUCHDB_URL").ok();
    let server = match url {
        Some(_) => None,
        None => Some(Server::start(SandboxConfig::default()).await.unwrap()),
    };
    let target = match (&url, &server) {
        (Some(url), _) => Target::from_url(url),
        (None, Some(server)) => Target::from_url(&server.url()),
        (None, None) => unreachable!(),
    };
    let expected_failures = if url.is_some() {
        DIFFERS_BETWEEN_SERVERS
    } else {
        UNSUPPORTED
    };
    let prefix = format!("t{:08x}_", std::process::id());
    let scenarios = transcripts();
    assert!(scenarios.len() >= 61, "the transcripts have become fewer");
    for (listed, _) in UNSUPPORTED.iter().chain(DIFFERS_BETWEEN_SERVERS) {
        assert!(
            scenarios.iter().any(|scenario| name(scenario) == *listed),
            "{listed}?"
        );
    }
    let mut runs = JoinSet::new();
    for scenario in scenarios {
        let (target, prefix) = (target.clone(), prefix.clone());
        runs.spawn(async move {
            let mismatches = replay(&scenario, &target, &prefix).await;
            (name(&scenario).to_owned(), mismatches)
        });
    }
    let mut wrong = Vec::new();
    while let Some(run) = runs.join_next().await {
        let (name, mismatches) = run.unwrap();
        let is_expected = expected_failures.iter().any(|(listed, _)| *listed == name);
        if !is_expected {
            wrong.extend(mismatches);
        } else if mismatches.is_empty() && url.is_none() {
            wrong.push(format!("{name} passes: remove it from UNSUPPORTED"));
        }
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    if let Some(server) = server {
        server.shutdown().await;
    }
}

/// Runs one scenario and returns the differences.
async fn replay(scenario: &Value, target: &Target, prefix: &str) -> Vec<String> {
    let mut variables = Variables::new(HashMap::from([
        ("prefix", prefix.to_owned()),
        ("base", format!("http://{}", target.address)),
        ("user", target.user.clone()),
        ("password", target.password.clone()),
    ]));
    let mut wrong = Vec::new();
    for (index, step) in scenario.get("steps").unwrap().list().iter().enumerate() {
        let may_wait = step.get("eventually") == Some(&Value::Bool(true));
        let mut tries = if may_wait { TRIES } else { 1 };
        let mismatches = loop {
            let mismatches = match target.step(step, &variables).await {
                Ok(answer) => check(step, &mut variables, &answer),
                Err(error) => vec![error],
            };
            tries -= 1;
            if mismatches.is_empty() || tries == 0 {
                break mismatches;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let text = |name| step.get(name).and_then(Value::text).unwrap();
        let label = format!("{} #{} {}", name(scenario), index + 1, text("method"));
        let path = text("path");
        wrong.extend(
            mismatches
                .iter()
                .map(|mismatch| format!("{label} {path}: {mismatch}")),
        );
    }
    for database in scenario.get("databases").unwrap().list() {
        let name = variables
            .fill(database.text().unwrap(), str::to_owned)
            .unwrap();
        target.delete(&format!("/{name}")).await;
    }
    wrong
}

/// The differences between an answer and its recording.
fn check(step: &Value, variables: &mut Variables, answer: &ActualAnswer) -> Vec<String> {
    let mut check = Comparison::new(variables, step);
    let status = Value::Number(answer.status.to_string());
    if step.get("status") != Some(&status) {
        check.note(&["status".into()], step.get("status"), Some(&status));
    }
    let body = String::from_utf8_lossy(&answer.body);
    for (header, expected) in step
        .get("response_headers")
        .map(Value::fields)
        .unwrap_or_default()
    {
        let actual = answer
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok());
        let actual = actual.map_or(Value::Null, |text| Value::Text(text.into()));
        check.compare(expected, &actual, &[format!("header {header}")]);
    }
    let recorded = step
        .get("response_json")
        .map(|text| Value::parse(text.text().unwrap()).unwrap());
    if let Some(expected) = recorded.as_ref().or(step.get("response")) {
        match Value::parse(&body) {
            Some(actual) => check.compare(expected, &actual, &[]),
            None if check.ignores_all() => {}
            None => check.note(&[], Some(expected), Some(&Value::Text(body.into_owned()))),
        }
    } else if let Some(expected) = step.get("response_text") {
        let actual = Value::Text(body.trim_end_matches('\n').to_owned());
        check.compare(expected, &actual, &[]);
    } else if let Some(expected) = step.get("response_base64") {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(&answer.body);
        check.compare(expected, &Value::Text(encoded), &[]);
    }
    check.mismatches
}
