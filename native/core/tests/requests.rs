//! How many requests commands make on the embedded server, which counts them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use kazoo_numbers_cluster::{DriftKind, Options, Plan};
use kazoo_numbers_sandbox::{Endpoint, SandboxConfig, Server};
use support::{Ran, call};

const ACCOUNTS: usize = 50;
const NUMBER_DATABASES: usize = 10;

async fn cluster() -> Server {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let options = Options {
        accounts: ACCOUNTS,
        numbers: 5000,
        number_databases: NUMBER_DATABASES,
        kinds: DriftKind::all()
            .into_iter()
            // Asked for anew on every run, and never there.
            .filter(|kind| *kind != DriftKind::AccountMissing)
            .collect(),
        ..Options::default()
    };
    Plan::new(&options).load(&server.url()).await.unwrap();
    server.reset_stats();
    server
}

fn requests(ran: &Ran) -> u64 {
    ran.finished.as_ref().unwrap().summary.requests
}

/// A tenth of 500 accounts, 50 000 numbers and 100 number databases, where 2 500 requests are
/// the limit.
#[tokio::test(flavor = "multi_thread")]
async fn app_usage_is_read_once_an_account() {
    let server = cluster().await;
    let ran = call(&server.url(), "fix_apps_for_number_dbs", &[]).await;
    assert!(ran.finished.as_ref().unwrap().summary.counts.updated > 0);
    assert!(requests(&ran) < 250, "{} requests", requests(&ran));
    assert_eq!(server.stats().total.requests, requests(&ran));
    let again = call(&server.url(), "fix_apps_for_number_dbs", &[]).await;
    let written = server.stats().requests("POST", Endpoint::BulkDocs);
    assert_eq!(again.finished.unwrap().summary.counts.updated, 0);
    assert!(written <= NUMBER_DATABASES as u64, "{written} writes");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_copy_reads_each_database_once_and_writes_an_account_once() {
    let server = cluster().await;
    let ran = call(&server.url(), "copy_number_dbs_to_accounts", &[]).await;
    let stats = server.stats();
    let ranges = stats.requests("GET", Endpoint::AllDocs);
    assert_eq!(
        ranges,
        (ACCOUNTS + NUMBER_DATABASES) as u64,
        "each database is read by range once: {:?}",
        ran.lines
    );
    let writes = stats.requests("POST", Endpoint::BulkDocs);
    assert!(writes <= ACCOUNTS as u64, "{writes} writes");
    server.reset_stats();
    call(&server.url(), "copy_number_dbs_to_accounts", &[]).await;
    let again = server.stats();
    assert_eq!(again.requests("POST", Endpoint::BulkDocs), 0);
    assert_eq!(
        again.total.requests,
        ranges + 2,
        "and nothing but that when all is in sync: {again:?}"
    );
    server.shutdown().await;
}
