//! Kinds, accepted findings, streamed findings, and the history of audits.

use std::collections::BTreeSet;
use std::path::PathBuf;

use exact_json::{Value, json};
use kazoo_numbers::plan::Drift;
use kazoo_numbers::report::audit::{finding_line, last_line};
use kazoo_numbers::report::{Audit, Event, Finding, NumberCounts};
use kazoo_numbers::run::{AuditSettings, ReportTo, Returned, Settings};
use kazoo_numbers_generator::{Cluster, DriftKind, Options, generate};
use kazoo_numbers_testkit::command::{CommandRun, call_with, journalled, settings, text};
use kazoo_numbers_testkit::server::TestServer;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const NUMBERS: &str = "numbers/+1415";

fn audit_of(ran: &CommandRun) -> &Audit {
    let mut audits = ran.events.iter().filter_map(|event| match event {
        Event::Audit(audit) => Some(&**audit),
        _ => None,
    });
    audits.next().unwrap_or_else(|| panic!("{:#?}", ran.lines))
}

fn streamed(ran: &CommandRun) -> Vec<Finding> {
    let events = ran.events.iter();
    let findings = events.filter_map(|event| match event {
        Event::Finding(finding) => Some((**finding).clone()),
        _ => None,
    });
    findings.collect()
}

fn warnings(ran: &CommandRun) -> Vec<&str> {
    let lines = ran.lines.iter();
    lines
        .filter_map(|line| line.strip_prefix("warning: "))
        .collect()
}

fn adds_up(counts: NumberCounts) -> bool {
    counts.looked_at == counts.clean + counts.with_findings + counts.set_aside + counts.unchecked
}

fn with(audit: AuditSettings) -> Settings {
    Settings {
        audit,
        ..settings()
    }
}

fn number(id: &str) -> Value {
    json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": OURS})
}

/// A number that is right, one without a copy, and one that only the account has.
fn cluster() -> Cluster {
    let mut cluster = Cluster::default();
    for (database, document) in [
        (NUMBERS, number("+14155550100")),
        (OURS_DB, number("+14155550100")),
        (NUMBERS, number("+14155550101")),
        (OURS_DB, number("+14155550102")),
    ] {
        let database = cluster.databases.entry(database.into()).or_default();
        database.insert(document.as_object().unwrap().clone());
    }
    cluster
}

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.replace(&cluster()).await;
    server
}

/// The counts of the three numbers of [`server`], of which one has only findings that are not asked for or are accepted.
const ONE_SET_ASIDE: NumberCounts = NumberCounts {
    looked_at: 3,
    clean: 1,
    with_findings: 1,
    set_aside: 1,
    unchecked: 0,
};

#[tokio::test(flavor = "multi_thread")]
async fn only_chosen_kinds_are_reported() {
    let server = server().await;
    let settings = with(AuditSettings {
        kinds: [Drift::MissingCopy].into(),
        ..AuditSettings::default()
    });
    let ran = call_with(&server.url, "audit", &[], settings).await;
    let audit = audit_of(&ran);
    let found: Vec<Drift> = audit.findings.iter().map(|one| one.kind).collect();
    assert_eq!(found, [Drift::MissingCopy]);
    assert_eq!(audit.count(), 1);
    assert_eq!(audit.numbers, ONE_SET_ASIDE);
    assert!(!ran.finished.unwrap().audit.unwrap().is_whole);
    server.end().await;
}

/// A file of accepted findings in this folder.
fn accepted(folder: &tempfile::TempDir, content: &str) -> AuditSettings {
    let path: PathBuf = folder.path().join("accepted.toml");
    std::fs::write(&path, content).unwrap();
    AuditSettings {
        accepted: Some(path),
        ..AuditSettings::default()
    }
}

const ACCEPTED: &str = r#"
[[accepted]]
kind = "missing_copy"
number = "+14155550101"
reason = "ticket 4711"
expires = 2999-01-01

[[accepted]]
kind = "only_in_account"
account = "abcdef0123456789abcdef0123456789"
reason = "old"
expires = 2001-01-01

[[accepted]]
kind = "misfiled"
number = "+14155550101"
reason = "gone"
expires = 2999-01-01
"#;

#[tokio::test(flavor = "multi_thread")]
async fn accepted_findings_are_counted_apart_and_old_entries_reported() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = with(accepted(&folder, ACCEPTED));
    let ran = call_with(&server.url, "audit", &[], settings.clone()).await;
    let audit = audit_of(&ran);
    let found: Vec<Drift> = audit.findings.iter().map(|one| one.kind).collect();
    assert_eq!(
        found,
        [Drift::OnlyInAccount],
        "the expired entry accepts nothing"
    );
    assert_eq!(audit.numbers, ONE_SET_ASIDE);
    let entries: Vec<(u64, bool)> = audit
        .accepted
        .iter()
        .map(|entry| (entry.findings, entry.is_expired))
        .collect();
    assert_eq!(entries, [(1, false), (1, true), (0, false)]);
    let warnings = warnings(&ran);
    let file = folder.path().join("accepted.toml");
    let file = file.display();
    assert_eq!(
        warnings,
        [
            format!(
                "line 8 of {file}: the accepted only_in_account expired on 2001-01-01; 1 findings of it are reported"
            ),
            format!(
                "line 14 of {file}: the accepted misfiled is no longer found; remove the entry"
            ),
        ]
    );
    assert!(
        ran.lines
            .iter()
            .any(|line| line.ends_with(": 1, until 2999-01-01: ticket 4711"))
    );
    // An audit of one number does not know whether the others are still found.
    let ran = call_with(&server.url, "audit", &[text("+14155550101")], settings).await;
    assert_eq!(audit_of(&ran).count(), 0);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_accepted_file_is_refused_before_anything_is_read() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let entry = "[[accepted]]\nkind = \"mising_copy\"\nreason = \"a\"\nexpires = 2999-01-01\n";
    let settings = with(accepted(&folder, entry));
    let ran = call_with(&server.url, "audit", &[], settings).await;
    assert_eq!(ran.returned, Returned::Code(2));
    assert_eq!(ran.lines.len(), 1, "{:#?}", ran.lines);
    let line = &ran.lines[0];
    assert!(
        line.starts_with("error: cannot use the accepted findings: /"),
        "{line}"
    );
    assert!(
        line.contains("accepted.toml: line 2: unknown kind of drift \"mising_copy\""),
        "{line}"
    );
    assert!(line.ends_with("; did you mean missing_copy?"), "{line}");
    assert_eq!(ran.finished.unwrap().summary.requests, 0);
    let missing = AuditSettings {
        accepted: Some(folder.path().join("none.toml")),
        ..AuditSettings::default()
    };
    let ran = call_with(&server.url, "audit", &[], with(missing)).await;
    assert!(
        ran.lines[0].contains("none.toml: No such file"),
        "{:#?}",
        ran.lines
    );
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_findings_are_those_of_the_audit() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..if server.is_real() { 5 } else { 20 } {
        let options = Options {
            kinds: DriftKind::all(),
            ..Options::tiny(seed)
        };
        server.replace(&generate(&options).cluster).await;
        let whole = call_with(&server.url, "audit", &[], settings()).await;
        let whole = audit_of(&whole);
        let streams = AuditSettings {
            streams: true,
            ..AuditSettings::default()
        };
        let ran = call_with(&server.url, "audit", &[], with(streams.clone())).await;
        let audit = audit_of(&ran);
        let mut findings = streamed(&ran);
        findings.sort();
        assert_eq!(findings, whole.findings, "seed {seed}");
        assert!(audit.findings.is_empty());
        assert_eq!((audit.numbers, &audit.kinds), (whole.numbers, &whole.kinds));
        assert_eq!(audit.account_names, whole.account_names);
        assert!(adds_up(audit.numbers), "{:?}", audit.numbers);
        // Each line is one object, and the last one is the audit.
        for finding in &findings {
            let line: Value = exact_json::from_str(&finding_line(finding)).unwrap();
            assert_eq!(line["type"], "finding");
            assert_eq!(line["severity"], finding.kind.severity().name());
        }
        let last = last_line(audit);
        let line: Value = exact_json::from_str(&last).unwrap();
        assert!(line["type"] == "audit" && !last.contains('\n'));
        // A report has them, too.
        let path = folder.path().join("report.json");
        let settings = Settings {
            report: Some(ReportTo::File(path.clone())),
            ..with(streams)
        };
        call_with(&server.url, "audit", &[], settings).await;
        let report = std::fs::read_to_string(path).unwrap();
        let report: Value = exact_json::from_str(&report).unwrap();
        let reported = report["audit"]["findings"].as_array().unwrap();
        assert_eq!(reported.len(), findings.len());
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audits_of_the_whole_cluster_have_a_history() {
    let (server, other) = (server().await, TestServer::embedded().await);
    other.replace(&cluster()).await;
    let folder = tempfile::tempdir().unwrap();
    let trend = async |url: &str| {
        let ran = call_with(url, "audit", &[text("trend")], journalled(&folder)).await;
        assert_eq!(ran.returned, Returned::Ok);
        ran.lines
    };
    let lines = trend(&server.url).await;
    assert_eq!(lines, ["no audit of this whole cluster is recorded here"]);
    for (arguments, kinds) in [
        (vec![], BTreeSet::new()),
        (vec![text("+1415")], BTreeSet::new()),
        (vec![], BTreeSet::from([Drift::MissingCopy])),
        (vec![], BTreeSet::new()),
    ] {
        let settings = Settings {
            audit: AuditSettings {
                kinds,
                ..AuditSettings::default()
            },
            ..journalled(&folder)
        };
        call_with(&server.url, "audit", &arguments, settings).await;
    }
    call_with(&other.url, "audit", &[], journalled(&folder)).await;
    let lines = trend(&server.url).await;
    let recorded = "two audits of this whole cluster, none of the other or of a part";
    assert_eq!(lines.len(), 4, "{recorded}: {lines:#?}");
    assert!(lines[0].ends_with(": 2"), "{lines:#?}");
    assert!(lines[1].starts_with("time  "), "{lines:#?}");
    let cells: Vec<&str> = lines[3].split_whitespace().skip(1).collect();
    assert_eq!(cells, ["3", "2", "1", "1", "1", "0", "2", "="]);
    // Without journals there is no history.
    let ran = call_with(&server.url, "audit", &[text("trend")], settings()).await;
    assert_eq!(ran.returned, Returned::Code(2));
    let ran = call_with(&server.url, "audit", &[], settings()).await;
    assert_eq!(audit_of(&ran).history.len(), 1);
    server.end().await;
    other.end().await;
}
