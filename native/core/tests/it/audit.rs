//! The audit against the reference model on random clusters, against the generator's list of drift,
//! and against the commands that the audit names.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of random cases, `KAZOO_NUMBERS_SEED` the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use exact_json::{Value, json};
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Host;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::report::{
    Audit, AuditScope, Event,
    audit::{to_csv, to_html, to_json},
    sanitise,
};
use kazoo_numbers::run::{Job, Returned, run};
use kazoo_numbers_generator::{Cluster, Document, DriftKind, Options, generate};
use kazoo_numbers_model::{self as model, arbitrary};
use kazoo_numbers_testkit::command::{CommandRun, call, settings, text};
use kazoo_numbers_testkit::server::TestServer;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const THEIRS: &str = "00112233445566778899aabbccddeeff";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const THEIRS_DB: &str = "account/00/11/2233445566778899aabbccddeeff";
const NUMBERS: &str = "numbers/+1415";

/// Findings: kind, plain database name and number.
type Findings = BTreeSet<(&'static str, String, String)>;

fn report(ran: &CommandRun) -> &Audit {
    let audits: Vec<&Audit> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Audit(audit) => Some(&**audit),
            _ => None,
        })
        .collect();
    assert_eq!(audits.len(), 1, "one report: {:#?}", ran.lines);
    audits[0]
}

fn found(audit: &Audit) -> Findings {
    let all: Findings = audit
        .findings
        .iter()
        .map(|one| {
            let database = one.database.plain().to_owned();
            (one.kind.name(), database, one.number.clone())
        })
        .collect();
    assert_eq!(all.len(), audit.findings.len(), "each finding once");
    let counted: u64 = audit.kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(counted, audit.findings.len() as u64, "all are counted");
    all
}

fn modelled(cluster: &Cluster) -> Findings {
    model::audit(cluster)
        .into_iter()
        .flat_map(|(kind, places)| {
            places
                .into_iter()
                .map(move |(database, number)| (kind.name(), database, number))
        })
        .collect()
}

// Random clusters, as a whole and in parts

/// A random cluster, and the choice of an account, a number database or a number.
fn cases() -> impl Strategy<Value = (Cluster, prop::sample::Index, u8)> {
    (
        prop_oneof![
            arbitrary::cluster(),
            kazoo_numbers_generator::arbitrary::cluster()
        ],
        any::<prop::sample::Index>(),
        0..3_u8,
    )
}

fn is_account_database(name: &str) -> bool {
    let id = account_of(name);
    id.len() == 32 && name.len() == 42 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn account_of(database: &str) -> String {
    database
        .strip_prefix("account/")
        .unwrap_or_default()
        .replace('/', "")
}

/// The account database that a document is assigned to.
fn assigned(document: &Document) -> Option<String> {
    let id = document.get("pvt_assigned_to")?.as_str()?.to_lowercase();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| format!("account/{}/{}/{}", &id[..2], &id[2..4], &id[4..]))
}

fn is_live_number(document: &Document) -> bool {
    let digits = document["_id"].as_str().and_then(|id| id.strip_prefix('+'));
    let is_old = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let kind = document.get("pvt_type");
    kind.map_or(is_old, |kind| kind == "number")
        && document.get("pvt_deleted") != Some(&json!(true))
}

fn home(number: &str) -> String {
    let first: String = number.chars().take(5).collect();
    format!("numbers/{first}")
}

/// The number database that is the source of an account's copy.
fn source(cluster: &Cluster, account: &str, number: &str) -> Option<String> {
    [
        home(number),
        "numbers/inum".to_owned(),
        "numbers/managed".to_owned(),
    ]
    .into_iter()
    .find(|database| {
        cluster
            .document(database, number)
            .is_some_and(|held| is_live_number(held) && assigned(held).as_deref() == Some(account))
    })
}

/// Whether an audit of this account or database reports a finding of the model.
fn is_of_account(cluster: &Cluster, account: &str, finding: &(&str, String, String)) -> bool {
    let (kind, database, number) = finding;
    let is_assigned = |database: &str| {
        let document = cluster.document(database, number);
        document.and_then(assigned).as_deref() == Some(account)
    };
    match *kind {
        _ if !database.starts_with("numbers/") => database == account,
        "wrong_used_by_in_number_db" | "misfiled" | "conflicted" => is_assigned(database),
        // Both number databases that assign the number concern both accounts.
        "contested" => source(cluster, account, number).is_some(),
        _ => false,
    }
}

fn is_of_database(cluster: &Cluster, chosen: &str, finding: &(&str, String, String)) -> bool {
    let (kind, database, number) = finding;
    match *kind {
        _ if database.starts_with("numbers/") => database == chosen,
        "missing_copy" | "differing_copy" | "account_missing" => {
            source(cluster, database, number).as_deref() == Some(chosen)
        }
        _ => {
            let takes_any = matches!(chosen, "numbers/inum" | "numbers/managed");
            home(number) == chosen || takes_any && cluster.document(chosen, number).is_some()
        }
    }
}

/// An argument, and the model's findings for it. None if the cluster has nothing to name.
fn part(
    cluster: &Cluster,
    index: prop::sample::Index,
    which: u8,
) -> Option<(String, Findings, u64)> {
    let all = modelled(cluster);
    let in_sync = model::in_sync(cluster);
    let pick = |names: &[String]| -> Option<String> {
        (!names.is_empty()).then(|| index.get(names).clone())
    };
    let count = |wanted: &dyn Fn(&str, &str) -> bool| {
        in_sync
            .iter()
            .filter(|(account, number)| wanted(account, number))
            .count() as u64
    };
    let names = |wanted: fn(&str) -> bool| -> Vec<String> {
        cluster
            .databases
            .keys()
            .filter(|name| wanted(name))
            .cloned()
            .collect()
    };
    match which {
        0 => {
            let account = pick(&names(is_account_database))?;
            let wanted = all
                .into_iter()
                .filter(|one| is_of_account(cluster, &account, one))
                .collect();
            let in_sync = count(&|database, _| database == account);
            Some((account_of(&account), wanted, in_sync))
        }
        1 => {
            let chosen = pick(&names(|name| name.starts_with("numbers/")))?;
            let wanted = all
                .into_iter()
                .filter(|one| is_of_database(cluster, &chosen, one))
                .collect();
            let in_sync = count(&|account, number| {
                source(cluster, account, number).as_deref() == Some(&chosen)
            });
            Some((chosen, wanted, in_sync))
        }
        _ => {
            let numbers: BTreeSet<String> = cluster
                .databases
                .values()
                .flat_map(|database| database.documents.keys())
                .filter(|id| id.starts_with('+') && id.len() > 8)
                .filter(|id| id[1..].bytes().all(|byte| byte.is_ascii_digit()))
                .cloned()
                .collect();
            let number = pick(&numbers.into_iter().collect::<Vec<_>>())?;
            let wanted = all.into_iter().filter(|one| one.2 == number).collect();
            let in_sync = count(&|_, one| one == number);
            Some((number, wanted, in_sync))
        }
    }
}

/// The numbers of an account's database, and those that number databases assign to it.
fn looked_at_of_account(cluster: &Cluster, account: &str) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for (name, database) in &cluster.databases {
        let is_own = is_account_database(name) && account_of(name) == account;
        let live = database.documents.iter();
        let live = live.filter(|(id, one)| !id.starts_with("_design/") && is_live_number(one));
        let own = live.filter(|(_, one)| {
            let is_assigned = || assigned(one).is_some_and(|name| account_of(&name) == account);
            is_own || name.starts_with("numbers/") && is_assigned()
        });
        numbers.extend(own.map(|(id, _)| id.clone()));
    }
    numbers
}

/// The fields that differ between a copy and its source.
fn differing(cluster: &Cluster, account: &str, number: &str) -> Vec<String> {
    let from = source(cluster, account, number).unwrap();
    let source = cluster.document(&from, number).unwrap();
    let copy = cluster.document(account, number).unwrap();
    let content = |document: &Document, key: &str| {
        let mut value = document.get(key).cloned();
        if let ("_attachments", Some(Value::Object(all))) = (key, &mut value) {
            for (_, one) in all.iter_mut() {
                *one = json!([one["content_type"], one["data"]]);
            }
        }
        value
    };
    let keys: BTreeSet<&String> = source.keys().chain(copy.keys()).collect();
    keys.into_iter()
        .filter(|key| *key != "_rev" && content(source, key) != content(copy, key))
        .cloned()
        .collect()
}

fn same(what: &str, got: &Audit, wanted: &Findings, in_sync: u64) -> Vec<String> {
    let mut all = Vec::new();
    let found = found(got);
    for one in found.difference(wanted) {
        all.push(format!("{what}: {one:?} is not wrong"));
    }
    for one in wanted.difference(&found) {
        all.push(format!("{what}: {one:?} is wrong"));
    }
    if got.in_sync != in_sync {
        all.push(format!("{what}: {} in sync, not {in_sync}", got.in_sync));
    }
    if got.unchecked != 0 || !got.unread.is_empty() {
        all.push(format!("{what}: something was not read: {:?}", got.unread));
    }
    // The tiles of the page.
    let counts = got.numbers;
    let with_findings: BTreeSet<&String> = wanted.iter().map(|one| &one.2).collect();
    if counts.with_findings != with_findings.len() as u64 {
        all.push(format!("{what}: {counts:?}, not {with_findings:?}"));
    }
    if counts.looked_at != counts.clean + counts.with_findings {
        all.push(format!("{what}: {counts:?} do not add up"));
    }
    for kind in &got.kinds {
        let of_kind = wanted.iter().filter(|one| one.0 == kind.kind.name());
        let numbers: BTreeSet<&String> = of_kind.map(|one| &one.2).collect();
        if kind.numbers != numbers.len() as u64 {
            all.push(format!("{what}: {kind:?}, not {numbers:?}"));
        }
    }
    let doubtful = ["missing_copy", "differing_copy", "account_missing"];
    let out = found.iter().filter(|one| doubtful.contains(&one.0)).count() as u64;
    if got.assigned != got.in_sync + out {
        all.push(format!("{what}: {} assigned", got.assigned));
    }
    all
}

async fn check(
    server: &TestServer,
    cluster: &Cluster,
    index: prop::sample::Index,
    which: u8,
) -> Result<(), TestCaseError> {
    let url = &server.url;
    let before = server.set(cluster).await;
    let ran = call(url, "audit", &[]).await;
    let in_sync = model::in_sync(&before.0).len() as u64;
    let mut all = same("all", report(&ran), &modelled(&before.0), in_sync);
    let looked_at = model::looked_at(&before.0);
    if report(&ran).numbers.looked_at != looked_at.len() as u64 {
        all.push(format!("{:?}, not {looked_at:?}", report(&ran).numbers));
    }
    for finding in &report(&ran).findings {
        if finding.kind.name() == "differing_copy" {
            let wanted = differing(&before.0, finding.database.plain(), &finding.number);
            if !finding.field_names().eq(&wanted) {
                all.push(format!("{finding:?}: the fields are {wanted:?}"));
            }
        }
    }
    if ran.returned != Returned::Ok {
        all.push(format!("returned {:?}", ran.returned));
    }
    if let Some((argument, wanted, in_sync)) = part(&before.0, index, which) {
        let ran = call(url, "audit", &[text(&argument)]).await;
        if which == 0 {
            let looked_at = looked_at_of_account(&before.0, &argument);
            if report(&ran).numbers.looked_at != looked_at.len() as u64 {
                all.push(format!("{:?}, not {looked_at:?}", report(&ran).numbers));
            }
        }
        // A configured converter can normalise a number to another one.
        if !matches!(&report(&ran).scope, AuditScope::Number(number) if *number != argument) {
            all.extend(same(&argument, report(&ran), &wanted, in_sync));
        }
    }
    if server.read().await != before {
        all.push("something was written".to_owned());
    }
    if all.is_empty() {
        Ok(())
    } else {
        Err(TestCaseError::fail(all.join("\n")))
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn audit_agrees_with_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    let cases_count = setting(
        "KAZOO_NUMBERS_CASES",
        if server.is_real() { 60 } else { 400 },
    );
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("KAZOO_NUMBERS_SEED", 20_261_123).to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases_count).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 120,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&cases(), |(cluster, index, which)| {
        runtime.block_on(check(&server, &cluster, index, which))
    });
    runtime.block_on(server.end());
    if let Err(error) = outcome {
        match error {
            TestError::Fail(reason, (cluster, ..)) => {
                let databases: Vec<String> = cluster
                    .databases
                    .iter()
                    .map(|(name, database)| {
                        let documents: Vec<String> = database
                            .documents
                            .values()
                            .filter(|document| is_live_number(document))
                            .map(|document| {
                                let shown = ["_id", "pvt_assigned_to", "pvt_used_by"];
                                let shown = shown.map(|field| document.get(field));
                                format!("  {}", json!(shown))
                            })
                            .collect();
                        format!("{name}\n{}", documents.join("\n"))
                    })
                    .collect();
                panic!("{reason}\n{}", databases.join("\n"));
            }
            other => panic!("{other}"),
        }
    }
}

// The generator's own list

fn plain(seed: u64) -> Options {
    Options {
        ugly: BTreeSet::new(),
        ..Options::tiny(seed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_finds_exactly_the_generated_drift() {
    let server = TestServer::start().await;
    let mut kinds = BTreeSet::new();
    for seed in 0..if server.is_real() { 10 } else { 60 } {
        let generated = generate(&plain(seed));
        server.replace(&generated.cluster).await;
        let ran = call(&server.url, "audit", &[]).await;
        let wanted: BTreeMap<_, _> = generated
            .drift
            .iter()
            .map(|drift| {
                let mut fields = drift.fields.clone();
                fields.sort();
                kinds.insert(drift.kind);
                let place = (drift.databases[0].clone(), drift.number.clone());
                ((drift.kind.name(), place), (drift.account.clone(), fields))
            })
            .collect();
        let got: BTreeMap<_, _> = report(&ran)
            .findings
            .iter()
            .map(|one| {
                let place = (one.database.plain().to_owned(), one.number.clone());
                let account = one.account.map(|account| account.to_string());
                let fields = one.field_names().map(str::to_owned).collect();
                ((one.kind.name(), place), (account, fields))
            })
            .collect();
        // The account is not part of the finding for a misfiled or unused number.
        let facts = |all: BTreeMap<(&'static str, _), (Option<String>, Vec<String>)>| {
            all.into_iter()
                .map(|((kind, place), (account, fields))| {
                    let account = account.filter(|_| kind != "misfiled");
                    ((kind, place), (account, fields))
                })
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(facts(got), facts(wanted), "seed {seed}");
    }
    server.end().await;
    assert_eq!(kinds, DriftKind::all(), "every kind occurred");
}

#[tokio::test(flavor = "multi_thread")]
async fn named_commands_leave_only_unrepairable_drift() {
    let server = TestServer::start().await;
    let (mut cleaned, mut whole) = (0, 0);
    let none: Document = json!({"pvt_state": null}).as_object().unwrap().clone();
    for seed in 100..if server.is_real() { 106 } else { 130 } {
        let options = Options {
            kinds: DriftKind::all(),
            numbers: 30,
            ..plain(seed)
        };
        server.replace(&generate(&options).cluster).await;
        // One command can reveal drift that another one repairs.
        for _ in 0..3 {
            let ran = call(&server.url, "audit", &[]).await;
            for kind in report(&ran).kinds.iter().filter(|kind| kind.count > 0) {
                if let Some(command) = &kind.command {
                    cleaned += kind.count;
                    call(&server.url, command, &[]).await;
                }
            }
        }
        let ran = call(&server.url, "audit", &[]).await;
        let (after, _) = server.read().await;
        // The command skips deleted and discovered numbers, and the audit says so.
        let left: BTreeSet<&str> = found(report(&ran))
            .into_iter()
            .filter(|(kind, database, number)| {
                let state = after.document(database, number).unwrap_or(&none)["pvt_state"].as_str();
                let is_past = matches!(state, Some("discovery" | "deleted"));
                !(*kind == "unassigned_but_used" && is_past)
            })
            .map(|one| one.0)
            .collect();
        let hopeless = BTreeSet::from([
            "former_account",
            "account_missing",
            "misfiled",
            "odd_assignment",
            "contested",
            "conflicted",
        ]);
        assert!(left.is_subset(&hopeless), "seed {seed}: {:#?}", ran.lines);
        whole += u64::from(report(&ran).is_clean());
        assert_eq!(
            report(&ran).is_clean(),
            ran.lines.iter().any(|line| line.starts_with("clean: ")),
        );
    }
    server.end().await;
    assert!(
        cleaned > 50,
        "{cleaned} findings were repaired, {whole} accounts ended without drift"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_for_one_account_repair_it() {
    let server = TestServer::start().await;
    let flow = json!({"_id": "cf", "pvt_type": "callflow", "numbers": ["+14155550100"]});
    let mut wrong = number("+14155550101", OURS);
    wrong["pvt_used_by"] = json!("trunkstore");
    cluster(&[
        (OURS_DB, flow),
        (NUMBERS, number("+14155550100", OURS)),
        (NUMBERS, number("+14155550102", OURS)),
        (OURS_DB, wrong),
        (OURS_DB, number("+14155550103", THEIRS)),
        (THEIRS_DB, number("+14155550104", OURS)),
    ])
    .load(&server.url)
    .await
    .unwrap();
    for _ in 0..3 {
        let ran = call(&server.url, "audit", &[text(OURS)]).await;
        for kind in report(&ran).kinds.iter().filter(|kind| kind.count > 0) {
            let command = kind.command.as_ref().unwrap();
            let (function, argument) = command.split_once(' ').unwrap();
            assert_eq!(argument, OURS, "{command}");
            call(&server.url, function, &[text(argument)]).await;
        }
    }
    let ran = call(&server.url, "audit", &[text(OURS)]).await;
    assert!(report(&ran).is_clean(), "{:#?}", ran.lines);
    let theirs = call(&server.url, "audit", &[text(THEIRS)]).await;
    assert!(!report(&theirs).is_clean(), "theirs was not touched");
    server.end().await;
}

// Output

fn number(id: &str, account: &str) -> Value {
    json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": account})
}

fn cluster(documents: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for name in [OURS_DB, THEIRS_DB, NUMBERS] {
        cluster.databases.entry(name.into()).or_default();
    }
    for (database, document) in documents {
        cluster
            .databases
            .entry((*database).into())
            .or_default()
            .insert(document.as_object().unwrap().clone());
    }
    cluster
}

async fn audited(cluster: &Cluster, arguments: &[Argument]) -> CommandRun {
    let server = TestServer::start().await;
    cluster.load(&server.url).await.unwrap();
    let ran = call(&server.url, "audit", arguments).await;
    server.end().await;
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn table_has_counts_names_and_repair_commands() {
    let mut documents = vec![
        (NUMBERS, number("+14155550100", OURS)),
        (OURS_DB, number("+14155550100", OURS)),
        (OURS_DB, number("+14155550300", THEIRS)),
        (NUMBERS, number("+14155550300", THEIRS)),
    ];
    for index in 0..12 {
        documents.push((NUMBERS, number(&format!("+141555502{index:02}"), OURS)));
    }
    let mut copy = number("+14155550300", THEIRS);
    copy["x"] = json!(1);
    documents.push((THEIRS_DB, copy));
    let ran = audited(&cluster(&documents), &[]).await;
    assert_eq!(ran.returned, Returned::Ok);
    let lines: Vec<&str> = ran.lines.iter().map(String::as_str).collect();
    let table = "\
all number databases and accounts: 1 of 14 assigned numbers are in sync
14 numbers looked at: 1 clean, 13 with findings
drift                       severity  numbers  findings  repaired by
contested                   critical        0         0  (a person decides)
account_missing             critical        0         0  (a person decides)
misfiled                    critical        0         0  (a person decides)
odd_assignment              critical        0         0  (a person decides)
only_in_account             critical        0         0  copy_accounts_to_number_dbs
missing_copy                major          12        12  copy_number_dbs_to_accounts
wrong_used_by_in_number_db  major           0         0  fix_apps_for_number_dbs
wrong_account               major           1         1  remove_wrong_assigned_from_accounts
former_account              major           0         0  remove_former_copies
conflicted                  major           0         0  (a person decides)
differing_copy              minor           1         1  copy_number_dbs_to_accounts
wrong_used_by_in_account    minor           0         0  fix_apps_for_account_dbs
unassigned_but_used         minor           0         0  migrate_unassigned_numbers
total                                      13        14
missing_copy: assigned, and the account has no copy
  account%2Fab%2Fcd%2Fef0123456789abcdef0123456789 +14155550200";
    let table: Vec<&str> = table.lines().collect();
    assert_eq!(lines[..table.len()], table);
    let manual = include_str!("../../../../docs/audit.md");
    for line in &table {
        assert!(
            manual.contains(&format!("\n    {line}\n")),
            "the manual lacks {line:?}"
        );
    }
    assert!(lines.contains(&"  and 2 more"));
    assert!(lines.contains(&"  account%2F00%2F11%2F2233445566778899aabbccddeeff +14155550300: x"));
    assert!(lines.last().unwrap().starts_with("audit: 3 databases, "));
}

fn nasty() -> Cluster {
    let mut copy = number("+14155550100", OURS);
    copy["<img src=x onerror=alert(1)>"] = json!(1);
    let mut user = number("+14155550102", "");
    user["pvt_used_by"] = json!("callflow");
    cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (NUMBERS, user),
        (OURS_DB, copy),
        (OURS_DB, number("\"><script>alert(2)</script>", OURS)),
        (
            OURS_DB,
            number("=1+1;=HYPERLINK(1), \"=quoted\"\nand broken\t@x", OURS),
        ),
        (
            OURS_DB,
            json!({"_id": OURS, "pvt_type": "account", "name": "<script>alert('x')</script> & Söhne"}),
        ),
    ])
}

/// Checks that every tag is closed in order.
fn is_well_formed(page: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    for rest in page.split('<').skip(1) {
        let Some((tag, text)) = rest.split_once('>') else {
            return Err(format!("a bare <: {rest:.40}"));
        };
        let name = tag.split(' ').next().unwrap();
        if text.contains('>') && name != "script" {
            return Err(format!("a bare >: {text:.40}"));
        }
        match name.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(name) => return Err(format!("</{name}> in {open:?}")),
            None if matches!(name, "!DOCTYPE" | "meta" | "br" | "input") => {}
            None => open.push(name),
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("never closed: {open:?}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_texts_are_escaped() {
    let ran = audited(&nasty(), &[]).await;
    let audit = report(&ran);
    assert_eq!(audit.findings.len(), 4);

    let page = to_html(audit);
    is_well_formed(&page).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(!page.contains("<img"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62; &#38; Söhne"));
    assert!(page.contains("&#34;&#62;&#60;script&#62;alert(2)&#60;/script&#62;"));
    for outside in ["src=\"", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for tag in page.split('<').filter_map(|rest| rest.split_once('>')) {
        assert!(
            !tag.0.contains("http:") && !tag.0.contains("https:"),
            "{tag:?}"
        );
    }

    let csv = to_csv(audit);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
    assert_eq!(
        header,
        [
            "kind",
            "database",
            "number",
            "account",
            "account_name",
            "number_database",
            "fields",
            "command",
            "assigned_to",
            "severity"
        ]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), audit.findings.len());
    for (row, finding) in rows.iter().zip(&audit.findings) {
        assert_eq!(&row[0], finding.kind.name());
        assert_eq!(row[1], finding.database.encoded());
        assert_eq!(row[2], sanitise::cell(&finding.number));
        // With any separator, a spreadsheet finds no formula.
        for separator in [',', ';', '\t', '|', ' '] {
            for part in row.iter().flat_map(|cell| cell.split(separator)) {
                let part = part.trim_start_matches(['"', ' ']);
                assert!(!part.starts_with(['=', '@', '-']), "{row:?}");
            }
        }
    }
    let differing = rows.iter().find(|row| &row[0] == "differing_copy").unwrap();
    assert_eq!(
        &differing[7],
        "copy_single_number_db_to_accounts numbers%2F%2B1415"
    );
    assert_eq!(&differing[9], "minor");

    let json: Value = exact_json::from_str(&to_json(audit)).unwrap();
    assert_eq!(json["scope"], json!({"of": "all"}));
    assert_eq!(json["findings"].as_array().unwrap().len(), 4);
    assert_eq!(json["kinds"].as_array().unwrap().len(), 13);
    assert_eq!(json["findings"][0]["kind"], "odd_assignment");
    assert_eq!(json["findings"][1]["kind"], "only_in_account");
    assert_eq!(
        json["findings"][1]["database"],
        DatabaseName::new(OURS_DB).unwrap().encoded()
    );
    assert_eq!(json["findings"][1]["account"], OURS);
    assert_eq!(
        json["account_names"][OURS],
        "<script>alert('x')</script> & Söhne"
    );

    for line in &ran.lines {
        assert!(!line.contains(sanitise::is_unsafe), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_of_number_checks_all_places() {
    let whole = cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (THEIRS_DB, number("+14155550100", THEIRS)),
        ("numbers/+1416", number("+14155550100", OURS)),
        (NUMBERS, number("+14155550101", OURS)),
    ]);
    for form in ["+14155550100", "4155550100"] {
        let ran = audited(&whole, &[text(form)]).await;
        let kinds: Vec<&str> = report(&ran)
            .findings
            .iter()
            .map(|one| one.kind.name())
            .collect();
        assert_eq!(
            kinds,
            ["misfiled", "missing_copy", "former_account"],
            "{form}"
        );
        assert!(
            ran.lines[0].starts_with("number +14155550100: 0 of 1 "),
            "{form}"
        );
    }
    // No command changes this number, but the audit looks for it.
    let ran = audited(&whole, &[text("123456")]).await;
    assert_eq!(ran.returned, Returned::Ok);
    assert!(
        ran.lines[0].ends_with("not_reconcilable"),
        "{:#?}",
        ran.lines
    );
    let ran = audited(&whole, &[text("+14165550100")]).await;
    assert!(report(&ran).is_clean() && report(&ran).assigned == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_accepts_databases_and_prefixes() {
    let whole = cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        ("numbers/+1416", number("+14165550100", OURS)),
        ("numbers/+1500", number("+15005550100", OURS)),
    ]);
    for (form, count) in [
        ("+1415", 1),
        ("numbers%2F%2B1415", 1),
        ("+14", 2),
        ("+1", 3),
    ] {
        let ran = audited(&whole, &[text(form)]).await;
        assert_eq!(report(&ran).findings.len(), count, "{form}");
    }
    for absent in ["+1999", "+19", "11111111111111111111111111111111", "12345"] {
        let ran = audited(&whole, &[text(absent)]).await;
        assert_eq!(ran.returned, Returned::Code(2), "{absent}");
        assert_eq!(ran.lines.len(), 1, "{absent}: {:#?}", ran.lines);
    }
    let ran = audited(&whole, &[text("bogus")]).await;
    assert!(ran.finished.is_none() && ran.lines.len() == 1, "refused");
}

// Unreadable databases

/// A host of which one database's server does not answer.
pub struct UnreachableDatabaseHost {
    pub url: ServerUrl,
    pub down: DatabaseName,
}

#[async_trait]
impl Host for UnreachableDatabaseHost {
    async fn server(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<ServerUrl, kazoo_numbers::Error> {
        if database == Some(&self.down) {
            // Port 9 is `discard`. No server listens there.
            return ServerUrl::parse("http://127.0.0.1:9");
        }
        Ok(self.url.clone())
    }
}

async fn audited_without(cluster: &Cluster, down: &str) -> (Audit, Returned, Vec<String>) {
    let server = TestServer::start().await;
    cluster.load(&server.url).await.unwrap();
    let (sender, mut receiver) = mpsc::channel(64);
    let job = Job {
        function: "audit".to_owned(),
        command: command::parse("audit", &[]).unwrap(),
        host: Arc::new(UnreachableDatabaseHost {
            url: ServerUrl::parse(&server.url).unwrap(),
            down: DatabaseName::new(down).unwrap(),
        }),
        settings: settings(),
        events: sender,
        cancel: CancellationToken::new(),
    };
    let collected = tokio::spawn(async move {
        let (mut audit, mut lines) = (None, Vec::new());
        while let Some(event) = receiver.recv().await {
            lines.extend(kazoo_numbers::report::Renderer.lines(&event));
            if let Event::Audit(report) = event {
                audit = Some(*report);
            }
        }
        (audit, lines)
    });
    let finished = run(job).await;
    let (audit, lines) = collected.await.unwrap();
    server.end().await;
    (audit.unwrap(), finished.returned, lines)
}

pub fn half_wrong() -> Cluster {
    cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (OURS_DB, number("+14155550100", OURS)),
        (NUMBERS, number("+14155550101", THEIRS)),
        (THEIRS_DB, number("+14155550101", THEIRS)),
        (OURS_DB, number("+14155550102", OURS)),
        (THEIRS_DB, number("+14165550102", OURS)),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_account_is_not_in_sync() {
    let (audit, returned, lines) = audited_without(&half_wrong(), OURS_DB).await;
    assert_eq!(returned, Returned::Code(2));
    assert_eq!((audit.assigned, audit.in_sync, audit.unchecked), (2, 1, 1));
    let kinds: Vec<&str> = audit.findings.iter().map(|one| one.kind.name()).collect();
    assert_eq!(
        kinds,
        ["only_in_account", "wrong_account"],
        "the other finding is reported"
    );
    assert_eq!(
        audit.unread.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"last_error":"connection"}}"#
    );
    assert!(lines.iter().any(|line| line.starts_with("incomplete: ")));
    let page = to_html(&audit);
    assert!(page.contains("Incomplete: ") && page.contains(": connection"));
    is_well_formed(&page).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_number_database_makes_no_number_surplus() {
    let (audit, returned, _) = audited_without(&half_wrong(), NUMBERS).await;
    assert_eq!(returned, Returned::Code(2));
    assert_eq!((audit.assigned, audit.in_sync, audit.unchecked), (0, 0, 3));
    let wrong: Findings = found(&audit);
    let theirs = |kind| (kind, THEIRS_DB.to_owned(), "+14165550102".to_owned());
    // Its own number database is known to be missing.
    assert_eq!(
        wrong,
        BTreeSet::from([theirs("wrong_account"), theirs("only_in_account")])
    );
}
