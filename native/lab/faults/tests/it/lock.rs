//! The lock on a server that does not answer or sends `Retry-After`.

use std::time::{Duration, Instant};

use kazoo_numbers::lease::Lock;
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_faults::{Fault, Kind, On, RetryAfter, Rule, Schedule};
use kazoo_numbers_generator::{Cluster, Database};
use kazoo_numbers_testkit::cases::Scene;
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

/// A rule that strikes so often, and always.
fn rule(on: On, fault: Fault, at_most: u32) -> Rule {
    Rule {
        fault,
        on,
        per_thousand: 1000,
        at_most,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_taken_though_the_server_asks_for_a_century_of_patience() {
    let stage = ProxiedServer::begin().await;
    let limited = Fault::Status {
        code: 429,
        acted: false,
        html: false,
        retry_after: Some(RetryAfter::Seconds(4_000_000_000)),
    };
    stage.proxy.arm(Schedule::first(2, On::Writes, limited));
    let began = Instant::now();
    let ran = call_with(&stage.proxy.url(), "purge_deleted", &[], settings()).await;
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert!(began.elapsed() < Duration::from_secs(20));
    let (_, hits) = stage.proxy.disarm().await;
    assert_eq!(hits, [2]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_left_out_on_the_word_of_couchdb_alone() {
    let stage = ProxiedServer::begin().await;
    for (html, returned) in [(true, Returned::Code(2)), (false, Returned::NoReturn)] {
        let forbidden = Fault::Status {
            code: 403,
            acted: false,
            html,
            retry_after: None,
        };
        let lock = rule(On::Only(Kind::Other), forbidden, 100);
        stage.proxy.arm(Schedule {
            seed: 1,
            rules: vec![lock],
        });
        let ran = call_with(&stage.proxy.url(), "purge_deleted", &[], settings()).await;
        assert_eq!(ran.returned, returned, "{:?}", ran.lines);
        let warned = ran
            .lines
            .iter()
            .any(|line| line.contains("goes on without a lock"));
        assert_eq!(warned, !html, "{:?}", ran.lines);
        assert!(stage.proxy.disarm().await.1[0] > 0);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_is_taken_and_renewed_through_an_outage() {
    let stage = ProxiedServer::begin().await;
    // More often than a request is tried, and for a shorter time than a server may be away.
    let writes = rule(On::Writes, Fault::ResetBefore, 8);
    let renewals = rule(On::Only(Kind::Other), Fault::ResetBefore, 25);
    stage.proxy.arm(Schedule {
        seed: 1,
        rules: vec![writes],
    });
    let mut slow = settings();
    let ran = call_with(&stage.proxy.url(), "purge_deleted", &[], slow.clone()).await;
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert_eq!(stage.proxy.disarm().await.1, [8]);
    // Reads of the lock fail for a while, in a run that takes longer than its lease.
    let mut cluster = Cluster::default();
    for prefix in 200..215 {
        let database = format!("numbers/+1{prefix}");
        cluster.databases.insert(database, Database::default());
    }
    stage.set(&cluster).await;
    slow.lease = Duration::from_secs(6);
    slow.http.per_second = Some(1.0);
    let url = stage.proxy.url();
    let running = tokio::spawn(async move { call_with(&url, "purge_deleted", &[], slow).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.proxy.arm(Schedule {
        seed: 1,
        rules: vec![renewals],
    });
    let ran = running.await.unwrap();
    assert_eq!(ran.returned, Returned::NoReturn, "{:?}", ran.lines);
    assert_eq!(stage.proxy.disarm().await.1, [25]);
    stage.end().await;
}
