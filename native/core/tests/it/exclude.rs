//! No command changes an excluded part of the cluster.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use exact_json::{Value, json};
use kazoo_numbers::command::exclusions;
use kazoo_numbers::report::Event;
use kazoo_numbers::run::{MaxDelete, Settings};
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_model::Call;
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::command::{arguments, call_with, settings, text};
use kazoo_numbers_testkit::server::TestServer;
use kazoo_numbers_testkit::write_commands::{check_each, write_commands};
use proptest::prelude::*;

fn excluding(part: &str) -> Settings {
    Settings {
        max_delete: Some(MaxDelete::Off),
        exclude: exclusions(&[part.to_owned()]).unwrap(),
        ..settings()
    }
}

fn account_database(id: &str) -> Option<String> {
    let id = id.to_lowercase();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| format!("account/{}/{}/{}", &id[..2], &id[2..4], &id[4..]))
}

/// Whether a document of this database belongs to the part.
fn belongs(part: &str, database: &str, id: &str, document: Option<&Document>) -> bool {
    if database == part || id == part {
        return true;
    }
    if let Some(digits) = part.strip_prefix("numbers/") {
        return id.chars().take(5).collect::<String>() == digits;
    }
    let assigned = document.and_then(|document| document.get("pvt_assigned_to"));
    assigned
        .and_then(Value::as_str)
        .and_then(account_database)
        .as_deref()
        == Some(part)
}

async fn check(
    server: &TestServer,
    cluster: &Cluster,
    given: &Call,
) -> Result<bool, TestCaseError> {
    let (before, _) = server.set(cluster).await;
    call_with(
        &server.url,
        &given.function,
        &arguments(given),
        excluding("+19999999999"),
    )
    .await;
    let (whole, _) = server.read().await;
    // The part of the first document that the command changes.
    let both = before.databases.iter().chain(&whole.databases);
    let changed = both.flat_map(|(name, database)| {
        let ids = database.documents.keys();
        ids.map(move |id| (name.clone(), id.clone()))
    });
    let mut changed =
        changed.filter(|(name, id)| before.document(name, id) != whole.document(name, id));
    let Some((database, id)) = changed.find(|(name, id)| {
        let digits = id.strip_prefix('+').unwrap_or_default();
        let is_number = digits.len() > 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number && (name.starts_with("account/") || name.starts_with("numbers/+"))
    }) else {
        return Ok(false);
    };
    for part in [database, id] {
        let (before, _) = server.set(cluster).await;
        let ran = call_with(
            &server.url,
            &given.function,
            &arguments(given),
            excluding(&part),
        )
        .await;
        let (after, _) = server.read().await;
        let names: Vec<&String> = before
            .databases
            .keys()
            .chain(after.databases.keys())
            .collect();
        for name in names {
            let ids = [&before, &after]
                .into_iter()
                .filter_map(|cluster| cluster.databases.get(name));
            let ids: Vec<&String> = ids.flat_map(|database| database.documents.keys()).collect();
            for id in ids {
                let (old, new) = (before.document(name, id), after.document(name, id));
                let is_excluded = belongs(&part, name, id, old) || belongs(&part, name, id, new);
                prop_assert!(
                    old == new || !is_excluded || id.starts_with("_design/"),
                    "{given}: {name} {id} is changed, and {part} is excluded: {:#?}",
                    ran.lines
                );
            }
        }
        // A repair finds no drift in what is excluded.
        let is_said = |line: &String| line.contains("not made: ");
        prop_assert!(
            given.function == "repair" || ran.lines.iter().any(is_said),
            "{given}, {part}: {:#?}",
            ran.lines
        );
    }
    Ok(true)
}

/// Commands that change numbers of number databases and accounts.
#[test]
fn what_is_excluded_is_not_changed() {
    let runtime = cases::network_runtime();
    let server = runtime.block_on(TestServer::start());
    let specs = write_commands()
        .filter(|spec| !spec.name.contains("system_config") && !spec.name.starts_with("ensure_"));
    let check = |cluster: &Cluster, given: &Call| runtime.block_on(check(&server, cluster, given));
    check_each(specs, "exclude", cases::count(2), check);
    runtime.block_on(server.end());
}

#[tokio::test]
async fn audit_reports_nothing_that_is_excluded() {
    let server = TestServer::start().await;
    let mut cluster = Cluster::default();
    for number in ["+14155550100", "+14155550101"] {
        let id = "abcdef0123456789abcdef0123456789";
        let document = json!({"_id": number, "pvt_type": "number", "pvt_assigned_to": id});
        let Value::Object(document) = document else {
            panic!("no object");
        };
        let database = cluster.databases.entry("numbers/+1415".into()).or_default();
        database.insert(document);
    }
    let account = "account/ab/cd/ef0123456789abcdef0123456789";
    cluster.databases.entry(account.into()).or_default();
    server.set(&cluster).await;
    for (part, left) in [
        ("+19999999999", &["+14155550100", "+14155550101"][..]),
        ("4155550100", &["+14155550101"]),
        ("+1415", &[]),
        ("+14", &[]),
        (account, &[]),
    ] {
        let ran = call_with(&server.url, "audit", &[], excluding(part)).await;
        let audit = ran.events.iter().find_map(|event| match event {
            Event::Audit(audit) => Some(audit),
            _ => None,
        });
        let findings = &audit.unwrap().findings;
        let numbers: Vec<&str> = findings.iter().map(|one| one.number.as_str()).collect();
        assert_eq!(numbers, left, "{part}");
    }
    let ran = call_with(&server.url, "audit", &[text("+1415")], settings()).await;
    assert!(!ran.lines.iter().any(|line| line.contains("excluded")));
    assert!(exclusions(&["bogus".to_owned()]).is_err());
    server.end().await;
}
