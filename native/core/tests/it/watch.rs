//! The events of a watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exact_json::Value;
use kazoo_numbers::couchdb::{DatabaseName, Method, ServerUrl};
use kazoo_numbers::host::{Host, Standalone};
use kazoo_numbers::run::{IndexSettings, Settings};
use kazoo_numbers::watch::{WatchEvent, WatchJob, WatchSettings, watch};
use kazoo_numbers_testkit::command::settings;
use kazoo_numbers_testkit::server::{TestServer, send};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::audit::{UnreachableDatabaseHost, half_wrong};

/// Audits that cannot read everything are reported once, and do not start the watch.
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_audits_are_reported_once() {
    let server = TestServer::start().await;
    let cluster = half_wrong();
    cluster.load(&server.url).await.unwrap();
    let url = ServerUrl::parse(&server.url).unwrap();
    let down = cluster.account_databases().next().unwrap();
    let down = DatabaseName::new(down).unwrap();
    let runs = AtomicUsize::new(0);
    let host = move || -> Arc<dyn Host> {
        // For the first two audits; then another database, which does not exist.
        let down = match runs.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => down.clone(),
            _ => DatabaseName::new("none").unwrap(),
        };
        let url = url.clone();
        Arc::new(UnreachableDatabaseHost { url, down })
    };
    let (events, mut receiver) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let watching = tokio::spawn(watch(WatchJob {
        watch: WatchSettings {
            interval: Duration::from_millis(10),
            grace: Duration::ZERO,
            ..WatchSettings::default()
        },
        host: Box::new(host),
        settings: settings(),
        events,
        cancel: cancel.clone(),
    }));
    let (mut lines, mut audits) = (Vec::new(), 0);
    while audits < 4 {
        let event = receiver.recv().await.unwrap();
        audits += usize::from(matches!(event, WatchEvent::Audited { .. }));
        lines.extend(event.line());
    }
    cancel.cancel();
    while receiver.recv().await.is_some() {}
    watching.await.unwrap();
    server.end().await;
    assert_eq!(
        lines,
        [
            "warning: audits are incomplete: 1 databases or numbers could not be read, 1 documents could not be checked in full; their drift is not followed",
            "watch: audits are complete again",
            "watch: 4 numbers, 3 findings; from now on changes are reported",
        ]
    );
}

/// While nothing changes, the watch asks the feed of updates and nothing else. Then it finds what changed.
#[tokio::test(flavor = "multi_thread")]
async fn unchanged_cluster_is_not_read_again() {
    let server = TestServer::start().await;
    let cluster = half_wrong();
    cluster.load(&server.url).await.unwrap();
    server.send(Method::PUT, "/_global_changes").await;
    let folder = tempfile::TempDir::new().unwrap();
    let url = ServerUrl::parse(&server.url).unwrap();
    let (events, mut receiver) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let watching = tokio::spawn(watch(WatchJob {
        watch: WatchSettings {
            interval: Duration::from_millis(10),
            grace: Duration::ZERO,
            ..WatchSettings::default()
        },
        host: Box::new(move || -> Arc<dyn Host> { Standalone::new(url.clone()) }),
        settings: Settings {
            index: Some(IndexSettings::of(folder.path().to_owned())),
            ..settings()
        },
        events,
        cancel: cancel.clone(),
    }));
    let mut last = None;
    // The first audits make the index, and learn the states.
    let mut unchanged = 0;
    while unchanged < 3 {
        if let WatchEvent::Audited { audit, finished } = receiver.recv().await.unwrap() {
            let findings = last.replace(audit.findings.clone());
            assert!(findings.is_none_or(|before| before == audit.findings));
            let is_unchanged = finished.audit.is_none();
            unchanged += u32::from(is_unchanged);
            if is_unchanged {
                assert_eq!(finished.summary.documents_read, 0);
                assert_eq!(audit.taken_at - audit.as_of, 5);
            }
        }
    }
    // A number without a copy, in a known database.
    let database = cluster.number_databases().next().unwrap();
    let (id, number) = cluster.databases[database].documents.iter().next().unwrap();
    let number = Value::Object(number.clone()).to_string();
    let path = format!(
        "/{}/%2B14155550199",
        DatabaseName::new(database).unwrap().encoded()
    );
    let number = number.replace(id, "+14155550199");
    let sent = send(&server.url, Method::PUT, &path, Some(number)).await;
    assert!(sent.status.is_success(), "{sent:?}");
    let found = async {
        loop {
            let line = receiver.recv().await.unwrap().line();
            if line.is_some_and(|line| line.starts_with("drift: missing_copy +14155550199 ")) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap();
    cancel.cancel();
    while receiver.recv().await.is_some() {}
    watching.await.unwrap();
    server.end().await;
}
