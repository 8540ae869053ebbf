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
    let again = stats.requests("POST", Endpoint::AllDocs);
    assert_eq!(again, 0, "what was read is not read again");
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

/// Copies that seem to differ are read again, and what they are copies of is not.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_looks_again_once_an_account() {
    let server = cluster().await;
    let ran = call(&server.url(), "audit", &[]).await;
    let stats = server.stats();
    assert_eq!(
        stats.requests("GET", Endpoint::AllDocs),
        (ACCOUNTS + NUMBER_DATABASES) as u64,
        "each database is read by range once: {:?}",
        ran.lines
    );
    let again = stats.requests("POST", Endpoint::AllDocs);
    // One is for the system config.
    assert!(again > 1, "nothing seemed to differ");
    assert!(again <= ACCOUNTS as u64 + 1, "{again} requests");
    server.shutdown().await;
}

/// What a destructive command looks up once more is asked for a database at a time, not an
/// account and a number database at a time.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_looked_up_again_a_database_at_a_time() {
    for function in [
        "destructively_remove_from_account_db_if_not_in_numdb",
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
    ] {
        let server = cluster().await;
        let ran = call(&server.url(), function, &[]).await;
        assert!(ran.finished.as_ref().unwrap().summary.counts.deleted > 0);
        // Both sides are read; then each may be asked once more, and written.
        let most = 3 * ACCOUNTS as u64 + 4 * NUMBER_DATABASES as u64;
        assert!(requests(&ran) <= most, "{function}: {}", requests(&ran));
        server.shutdown().await;
    }
}

/// The numbers of an account and the ids of everything else: one request.
#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_numbers_are_read_by_one_request() {
    let server = cluster().await;
    call(&server.url(), "remove_wrong_assigned_from_accounts", &[]).await;
    server.reset_stats();
    let again = call(&server.url(), "remove_wrong_assigned_from_accounts", &[]).await;
    let reads = server.stats().requests("POST", Endpoint::AllDocs);
    assert!(
        reads <= ACCOUNTS as u64 + 1,
        "{reads} reads of {ACCOUNTS} accounts and the lock: {:?}",
        again.lines
    );
    assert_eq!(server.stats().requests("GET", Endpoint::AllDocs), 0);
    server.shutdown().await;
}

fn counted(lines: &[String]) -> Vec<String> {
    let totals = lines.iter().skip_while(|line| *line != "Totals:");
    totals.cloned().collect()
}

/// An index that has a row a document is a request a database; one that leaves documents out, or
/// is not there, is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn carriers_are_counted_by_the_index_where_it_is_whole() {
    let server = cluster().await;
    let by_index = call(&server.url(), "carrier_module_usage", &[]).await;
    assert_eq!(requests(&by_index), NUMBER_DATABASES as u64 + 2);
    let client = reqwest::Client::new();
    let get = async |url: &str| {
        let answer = client.get(url).send().await.unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.bytes().await.unwrap()).unwrap()
    };
    let all = get(&format!("{}/_all_dbs", server.url())).await;
    let databases: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_str)
        .filter(|name| name.starts_with("numbers/"))
        .collect();
    for (index, database) in databases.iter().enumerate() {
        let url = format!(
            "{}/{}/_design/numbers",
            server.url(),
            database.replace('/', "%2F").replace('+', "%2B")
        );
        let mut design = get(&url).await;
        let views = design["views"].as_object_mut().unwrap();
        if index % 2 == 0 {
            views.remove("module_name");
        } else {
            views["module_name"]["map"] =
                "function(doc) { if (doc.pvt_assigned_to) emit(doc.pvt_module_name, 1); }".into();
        }
        let put = client
            .put(&url)
            .body(design.to_string())
            .send()
            .await
            .unwrap();
        assert!(put.status().is_success());
    }
    let by_documents = call(&server.url(), "carrier_module_usage", &[]).await;
    assert!(requests(&by_documents) > 2 * NUMBER_DATABASES as u64);
    assert_eq!(counted(&by_documents.lines), counted(&by_index.lines));
    assert!(counted(&by_index.lines).len() > 2);
    server.shutdown().await;
}
