//! The cluster lock on a server with outages or `Retry-After`.

use std::time::{Duration, Instant};

use kazoo_numbers::lease::Lock;
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_faults::{Fault, RequestFilter, RequestKind, RetryAfter, Rule, Schedule};
use kazoo_numbers_generator::{Cluster, Database};
use kazoo_numbers_testkit::cases::Fixture;
use kazoo_numbers_testkit::command::call_with;

use crate::support::ProxiedServer;

fn settings() -> Settings {
    let mut settings = Settings {
        lock: Lock::Refuse,
        ..kazoo_numbers_testkit::command::settings()
    };
    settings.http.first_pause = Duration::from_millis(10);
    settings.http.longest_pause = Duration::from_millis(700);
    settings.http.read_timeout = Duration::from_millis(300);
    settings
}

/// A rule that always applies, up to a maximum count.
fn rule(on: RequestFilter, fault: Fault, at_most: u32) -> Rule {
    Rule {
        fault,
        on,
        per_thousand: 1000,
        at_most,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_taken_despite_long_retry_after() {
    let server = ProxiedServer::begin().await;
    let limited = Fault::Status {
        code: 429,
        acted: false,
        html: false,
        retry_after: Some(RetryAfter::Seconds(4_000_000_000)),
    };
    server
        .proxy
        .arm(Schedule::first(2, RequestFilter::Writes, limited));
    let began = Instant::now();
    let ran = call_with(&server.proxy.url(), "purge_deleted", &[], settings()).await;
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert!(began.elapsed() < Duration::from_secs(20));
    let (_, hits) = server.proxy.disarm().await;
    assert_eq!(hits, [2]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_skipped_only_on_refusal_from_couchdb() {
    let server = ProxiedServer::begin().await;
    for (html, returned) in [(true, Returned::Code(2)), (false, Returned::NoReturn)] {
        let forbidden = Fault::Status {
            code: 403,
            acted: false,
            html,
            retry_after: None,
        };
        let lock = rule(RequestFilter::Only(RequestKind::Other), forbidden, 100);
        server.proxy.arm(Schedule {
            seed: 1,
            rules: vec![lock],
        });
        let ran = call_with(&server.proxy.url(), "purge_deleted", &[], settings()).await;
        assert_eq!(ran.returned, returned, "{:?}", ran.lines);
        let warned = ran
            .lines
            .iter()
            .any(|line| line.contains("goes on without a lock"));
        assert_eq!(warned, !html, "{:?}", ran.lines);
        assert!(server.proxy.disarm().await.1[0] > 0);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_taken_and_renewed_during_outage() {
    let server = ProxiedServer::begin().await;
    // More faults than a request has attempts, in a shorter time than the patience.
    let writes = rule(RequestFilter::Writes, Fault::ResetBefore, 8);
    let renewals = rule(
        RequestFilter::Only(RequestKind::Other),
        Fault::ResetBefore,
        25,
    );
    server.proxy.arm(Schedule {
        seed: 1,
        rules: vec![writes],
    });
    let mut slow = settings();
    let ran = call_with(&server.proxy.url(), "purge_deleted", &[], slow.clone()).await;
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert_eq!(server.proxy.disarm().await.1, [8]);
    // Reads of the lock fail for some time in a run that takes longer than its lease.
    let mut cluster = Cluster::default();
    for prefix in 200..215 {
        let database = format!("numbers/+1{prefix}");
        cluster.databases.insert(database, Database::default());
    }
    server.set(&cluster).await;
    slow.lease = Duration::from_secs(6);
    slow.http.per_second = Some(1.0);
    let url = server.proxy.url();
    let running = tokio::spawn(async move { call_with(&url, "purge_deleted", &[], slow).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.proxy.arm(Schedule {
        seed: 1,
        rules: vec![renewals],
    });
    let ran = running.await.unwrap();
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert_eq!(server.proxy.disarm().await.1, [25]);
    server.end().await;
}
