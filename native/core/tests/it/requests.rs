//! The number of requests of commands, counted by the embedded server.

use exact_json::{Map, Value};
use kazoo_numbers::command::Argument;
use kazoo_numbers::couchdb::{Method, encoded};
use kazoo_numbers::run::Settings;
use kazoo_numbers_generator::{DriftKind, Options, Plan};
use kazoo_numbers_sandbox::{Endpoint, SandboxConfig, Server};
use kazoo_numbers_testkit::command::{CommandRun, call, call_with};
use kazoo_numbers_testkit::server::send;

const ACCOUNTS: usize = 50;
const NUMBER_DATABASES: usize = 11;

async fn cluster() -> Server {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let options = Options {
        accounts: ACCOUNTS,
        numbers: 5000,
        // `numbers/managed` is added.
        number_databases: NUMBER_DATABASES - 1,
        kinds: DriftKind::all()
            .into_iter()
            // Looked up on every run and never found.
            .filter(|kind| *kind != DriftKind::AccountMissing)
            .collect(),
        ..Options::default()
    };
    Plan::new(&options).load(&server.url()).await.unwrap();
    server.reset_stats();
    server
}

fn requests(ran: &CommandRun) -> u64 {
    ran.finished.as_ref().unwrap().summary.requests
}

/// A tenth of 500 accounts, 50 000 numbers and 100 number databases, for which the limit is 2 500
/// requests.
#[tokio::test(flavor = "multi_thread")]
async fn app_usage_is_read_once_per_account() {
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
async fn full_copy_reads_and_writes_each_database_once() {
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
    // Numbers in `numbers/managed` are looked up in their own number databases.
    let looked_up = NUMBER_DATABASES as u64;
    assert!(
        again <= looked_up,
        "what was read is not read again: {again}"
    );
    server.reset_stats();
    call(&server.url(), "copy_number_dbs_to_accounts", &[]).await;
    let again = server.stats();
    assert_eq!(again.requests("POST", Endpoint::BulkDocs), 0);
    assert!(
        again.total.requests <= ranges + 2 + looked_up,
        "and nothing but that when all is in sync: {again:?}"
    );
    server.shutdown().await;
}

/// Documents that number databases have are not kept in memory, so that there is room for those
/// that they lack: a tenth of the documents would fill this memory.
#[tokio::test(flavor = "multi_thread")]
async fn missing_documents_are_kept_in_memory() {
    let server = cluster().await;
    let settings = Settings {
        memory: 200_000,
        ..kazoo_numbers_testkit::command::settings()
    };
    let function = "copy_accounts_to_number_dbs";
    let ran = call_with(&server.url(), function, &[], settings).await;
    let created = ran.finished.as_ref().unwrap().summary.counts.created;
    assert!(created > 20, "{created}");
    let again = server.stats().requests("POST", Endpoint::AllDocs);
    // The two ranges of an account's numbers are one request, and the system configuration is
    // another.
    assert!(again <= ACCOUNTS as u64 + 1, "{again} requests");
    server.shutdown().await;
}

/// Accounts have no common index, so each is asked for the number. The documents that use it come from one scan of its account.
#[tokio::test(flavor = "multi_thread")]
async fn show_asks_each_database_once() {
    let server = cluster().await;
    let (data, _) = kazoo_numbers_generator::ClusterServer::at(&server.url())
        .unwrap()
        .read()
        .await
        .unwrap();
    let in_sync = kazoo_numbers_model::in_sync(&data);
    let (_, number) = in_sync.first().unwrap();
    server.reset_stats();
    let ran = call(&server.url(), "show", &[Argument::Text(number.clone())]).await;
    let stats = server.stats();
    let keyed = stats.requests("POST", Endpoint::AllDocs);
    // One for the system configuration.
    assert_eq!(keyed, (ACCOUNTS + NUMBER_DATABASES) as u64 + 1);
    assert!(requests(&ran) <= keyed + 4, "{} requests", requests(&ran));
    server.shutdown().await;
}

/// Copies that seem to differ are read again, but not their sources.
#[tokio::test(flavor = "multi_thread")]
async fn audit_reads_again_once_per_account() {
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
    // One for the system configuration, and some for the content of `numbers/managed`.
    let further = 1 + NUMBER_DATABASES as u64;
    assert!(again > further, "nothing seemed to differ");
    assert!(again <= ACCOUNTS as u64 + further, "{again} requests");
    server.shutdown().await;
}

/// A destructive command makes its second lookups by database, not by pairs of account and number
/// database.
#[tokio::test(flavor = "multi_thread")]
async fn second_lookups_are_batched_by_database() {
    for function in [
        "destructively_remove_from_account_db_if_not_in_numdb",
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
    ] {
        let server = cluster().await;
        let ran = call(&server.url(), function, &[]).await;
        assert!(ran.finished.as_ref().unwrap().summary.counts.deleted > 0);
        // Both sides are read; then each database may be read and written once more.
        let most = 3 * ACCOUNTS as u64 + 4 * NUMBER_DATABASES as u64;
        assert!(requests(&ran) <= most, "{function}: {}", requests(&ran));
        server.shutdown().await;
    }
}

/// The same for numbers that did not fit into memory.
#[tokio::test(flavor = "multi_thread")]
async fn spilled_numbers_are_read_again_by_database() {
    for (function, owners) in [
        (
            "destructively_remove_from_account_db_if_not_in_numdb",
            ACCOUNTS,
        ),
        (
            "destructively_remove_from_number_dbs_if_not_in_accountdb",
            NUMBER_DATABASES,
        ),
    ] {
        let server = cluster().await;
        let settings = Settings {
            memory: 1,
            ..kazoo_numbers_testkit::command::settings()
        };
        let ran = call_with(&server.url(), function, &[], settings).await;
        let deleted = ran.finished.as_ref().unwrap().summary.counts.deleted;
        assert!(deleted > owners as u64, "{function}: {deleted}");
        let most = 3 * ACCOUNTS as u64 + 4 * NUMBER_DATABASES as u64 + owners as u64;
        assert!(requests(&ran) <= most, "{function}: {}", requests(&ran));
        server.shutdown().await;
    }
}

/// The numbers of an account and the ids of everything else: one request.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_account_are_read_in_one_request() {
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

async fn get(server: &str, path: &str) -> Value {
    let answer = send(server, Method::GET, path, None).await;
    exact_json::from_slice(&answer.body).unwrap()
}

/// The databases of a server with this prefix.
async fn databases(server: &str, start: &str) -> Vec<String> {
    let all = get(server, "/_all_dbs").await;
    let names = all.as_array().unwrap().iter().filter_map(Value::as_str);
    names
        .filter(|name| name.starts_with(start))
        .map(str::to_owned)
        .collect()
}

/// Changes the views of each number database; the first has index 0.
async fn change_views(server: &str, change: impl Fn(usize, &mut Map<String, Value>)) {
    let databases = databases(server, "numbers/").await;
    for (index, database) in databases.iter().enumerate() {
        let path = format!("/{}/_design/numbers", encoded(database));
        let mut design = get(server, &path).await;
        change(index, design["views"].as_object_mut().unwrap());
        let put = send(server, Method::PUT, &path, Some(design.to_string())).await;
        assert!(put.status.is_success());
    }
}

/// The numbers of one account come from the index of a number database, without the documents of
/// other accounts. An index that is missing, of another kind or empty is not used.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_account_come_from_kazoos_index() {
    let mut reported = Vec::new();
    for usable in [true, false] {
        let server = cluster().await;
        let url = server.url();
        let accounts = databases(&url, "account/").await;
        let account = [Argument::Text(accounts[7].clone())];
        if !usable {
            let of_another_kind = "function(doc) { emit(doc.pvt_assigned_to, null); }";
            let empty = "function(doc) { Iterator(doc); emit([doc.pvt_assigned_to, doc._id]); }";
            change_views(&url, |index, views| match index % 3 {
                0 => drop(views.remove("assigned_to")),
                1 => views["assigned_to"]["map"] = of_another_kind.into(),
                _ => views["assigned_to"]["map"] = empty.into(),
            })
            .await;
        }
        if usable {
            // Builds the index first, because the command would not wait for it on a slow machine.
            for database in databases(&url, "numbers/").await {
                let path = format!(
                    "/{}/_design/numbers/_view/assigned_to?limit=0",
                    encoded(&database)
                );
                let built = send(&url, Method::GET, &path, None).await;
                assert!(built.status.is_success(), "{path}");
            }
        }
        let mut counts = Vec::new();
        for function in [
            "fix_apps_in_number_dbs_for_single_account",
            "copy_assigned_number_dbs_to_account",
            "fix_account_db_numbers",
        ] {
            server.reset_stats();
            let ran = call(&url, function, &account).await;
            let summary = &ran.finished.as_ref().unwrap().summary;
            counts.push(summary.counts);
            let ranges = server.stats().requests("GET", Endpoint::AllDocs);
            if usable {
                // At most one, of the account's own database.
                assert!(ranges <= 1, "{function}: {ranges}");
                assert!(summary.documents_read < 1000, "{function}: {summary:?}");
            } else {
                assert!(ranges >= NUMBER_DATABASES as u64, "{function}: {ranges}");
            }
        }
        assert!(counts[..2].iter().all(|one| one.updated > 0), "{counts:?}");
        reported.push(counts);
        server.shutdown().await;
    }
    assert_eq!(reported[0], reported[1]);
}

fn counted(lines: &[String]) -> Vec<String> {
    let totals = lines.iter().skip_while(|line| *line != "Totals:");
    totals.cloned().collect()
}

/// An index with a row for each document takes one request a database. An incomplete or missing
/// index is not used.
#[tokio::test(flavor = "multi_thread")]
async fn carriers_are_counted_by_complete_index() {
    let server = cluster().await;
    let by_index = call(&server.url(), "carrier_module_usage", &[]).await;
    assert_eq!(requests(&by_index), NUMBER_DATABASES as u64 + 2);
    change_views(&server.url(), |index, views| {
        if index % 2 == 0 {
            views.remove("module_name");
        } else {
            views["module_name"]["map"] =
                "function(doc) { if (doc.pvt_assigned_to) emit(doc.pvt_module_name, 1); }".into();
        }
    })
    .await;
    let by_documents = call(&server.url(), "carrier_module_usage", &[]).await;
    assert!(requests(&by_documents) > 2 * NUMBER_DATABASES as u64);
    assert_eq!(counted(&by_documents.lines), counted(&by_index.lines));
    assert!(counted(&by_index.lines).len() > 2);
    server.shutdown().await;
}
