//! The events of a watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Host;
use kazoo_numbers::watch::{WatchEvent, WatchJob, WatchSettings, watch};
use kazoo_numbers_testkit::command::settings;
use kazoo_numbers_testkit::server::TestServer;
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
    let down = kazoo_numbers::couchdb::DatabaseName::new(down).unwrap();
    let runs = AtomicUsize::new(0);
    let host = move || -> Arc<dyn Host> {
        // For the first two audits; then another database, which does not exist.
        let down = match runs.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => down.clone(),
            _ => kazoo_numbers::couchdb::DatabaseName::new("none").unwrap(),
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
