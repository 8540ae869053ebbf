//! A run that is interrupted and repeated ends in the same state as an undisturbed run, and its
//! changes can be undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::{ChangedRow, Host, Unannounced};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::run::{Job, Returned, Settings, run};
use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_testkit::command::{call_with, text};
use kazoo_numbers_testkit::server::TestServer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How a run is interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Interruption {
    Killed,
    Cancelled,
}

/// A host that interrupts a run after a number of batches.
struct InterruptingHost {
    url: ServerUrl,
    left: AtomicUsize,
    early: Interruption,
    cancel: CancellationToken,
}

#[async_trait]
impl Host for InterruptingHost {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, kazoo_numbers::Error> {
        Ok(self.url.clone())
    }

    async fn changed(
        &self,
        _: &DatabaseName,
        _: Vec<ChangedRow>,
    ) -> Result<Unannounced, kazoo_numbers::Error> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match (left, self.early) {
            (Ok(_), _) => {}
            (Err(_), Interruption::Killed) => std::future::pending().await,
            (Err(_), Interruption::Cancelled) => self.cancel.cancel(),
        }
        Ok(Unannounced::default())
    }
}

fn journalled(folder: &tempfile::TempDir) -> Settings {
    Settings {
        journals: Some(Journals::new(folder.path().to_owned())),
        databases_at_once: 2,
        ..kazoo_numbers_testkit::command::settings()
    }
}

/// Runs a command and interrupts it after `batches` batches.
async fn interrupt_after(
    (batches, early): (usize, Interruption),
    url: &str,
    function: &str,
    arguments: &[Argument],
    folder: &tempfile::TempDir,
) {
    let (events, mut received) = mpsc::channel(64);
    let drained = tokio::spawn(async move { while received.recv().await.is_some() {} });
    let cancel = CancellationToken::new();
    let job = Job {
        function: function.to_owned(),
        command: command::parse(function, arguments).unwrap(),
        host: Arc::new(InterruptingHost {
            url: ServerUrl::parse(url).unwrap(),
            left: AtomicUsize::new(batches),
            early,
            cancel: cancel.clone(),
        }),
        settings: journalled(folder),
        events,
        cancel,
    };
    let running = tokio::spawn(run(job));
    let abort = running.abort_handle();
    // Until it ends or blocks. Then it is dropped like a killed process.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(700), running).await;
    abort.abort();
    drained.abort();
}

fn cluster(seed: u64) -> Cluster {
    generate(&Options {
        seed,
        accounts: 6,
        numbers: 120,
        number_databases: 4,
        drift: 0.4,
        ..Options::default()
    })
    .cluster
}

/// Documents without timestamps of writes.
fn documents(cluster: Cluster) -> Cluster {
    let mut cluster = cluster.without_tombstones();
    for database in cluster.databases.values_mut() {
        for document in database.documents.values_mut() {
            document.remove("pvt_modified");
        }
    }
    cluster
}

async fn read(server: &TestServer) -> Cluster {
    documents(server.read().await.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_run_is_completed_by_next_and_undone() {
    let server = TestServer::start().await;
    let url = server.url.as_str();
    let commands: [(&str, Vec<Argument>); 5] = [
        ("copy_number_dbs_to_accounts", vec![]),
        ("fix_apps_for_number_dbs", vec![]),
        ("remove_wrong_assigned_from_accounts", vec![]),
        ("copy_accounts_to_number_dbs", vec![]),
        (
            "convert_carrier_module",
            vec![text("knm_bandwidth2"), text("knm_telnyx")],
        ),
    ];
    let mut died = 0;
    for (index, (function, arguments)) in commands.iter().enumerate() {
        let cluster = cluster(index as u64);
        server.replace(&cluster).await;
        call_with(
            url,
            function,
            arguments,
            kazoo_numbers_testkit::command::settings(),
        )
        .await;
        let wanted = read(&server).await;
        for death in [
            (0, Interruption::Killed),
            (1, Interruption::Killed),
            (2, Interruption::Killed),
            (0, Interruption::Cancelled),
        ] {
            let folder = tempfile::tempdir().unwrap();
            server.replace(&cluster).await;
            let before = read(&server).await;
            interrupt_after(death, url, function, arguments, &folder).await;
            let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
            let Some(broken) = runs.first().filter(|run| !run.ended) else {
                continue;
            };
            died += 1;
            let completed = call_with(url, function, arguments, journalled(&folder)).await;
            let differences = wanted.differences(&read(&server).await);
            assert!(
                differences.is_empty(),
                "{function} {death:?}: {differences:#?}\n{}",
                completed.lines.join("\n")
            );

            let folder = tempfile::tempdir().unwrap();
            server.replace(&cluster).await;
            interrupt_after(death, url, function, arguments, &folder).await;
            let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
            // On a slow server it may die before its first change.
            let Some(again) = runs.first() else {
                continue;
            };
            assert_eq!(again.start.command, broken.start.command);
            let id = &again.start.run;
            let undone = call_with(url, "undo", &[text(id)], journalled(&folder)).await;
            assert_eq!(undone.returned, Returned::Ok, "{:?}", undone.lines);
            let restored = read(&server).await;
            let differences: Vec<String> = before
                .differences(&restored)
                .into_iter()
                .filter(|line| !line.contains("_design/"))
                .collect();
            assert!(
                differences.is_empty(),
                "undo {function} {death:?}: {differences:#?}"
            );
        }
    }
    assert!(died >= 14, "only {died} runs died");
    server.end().await;
}

/// Found by a random case: a number is in `numbers/inum` and in its own database, both for the same
/// account. The account's copy belongs to the own database, and stays so when an interrupted
/// conversion of `numbers/inum` is completed.
#[tokio::test(flavor = "multi_thread")]
async fn conversion_is_completed_only_for_its_own_copies() {
    const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
    let server = TestServer::start().await;
    let url = server.url.as_str();
    let mut cluster = Cluster::default();
    for (database, module) in [
        ("numbers/inum", "knm_telnyx"),
        ("numbers/+1415", "knm_flowroute"),
        (
            "account/ab/cd/ef0123456789abcdef0123456789",
            "knm_flowroute",
        ),
    ] {
        let document = exact_json::json!({
            "_id": "+14155550100",
            "pvt_type": "number",
            "pvt_assigned_to": ACCOUNT,
            "pvt_module_name": module,
        });
        let database = cluster.databases.entry(database.into()).or_default();
        database
            .documents
            .insert("+14155550100".into(), document.as_object().unwrap().clone());
    }
    let function = "convert_carrier_module";
    let arguments = ["knm_telnyx", "knm_local", "numbers%2Finum"].map(text);
    server.replace(&cluster).await;
    call_with(
        url,
        function,
        &arguments,
        kazoo_numbers_testkit::command::settings(),
    )
    .await;
    let wanted = read(&server).await;

    server.replace(&cluster).await;
    let folder = tempfile::tempdir().unwrap();
    interrupt_after(
        (0, Interruption::Killed),
        url,
        function,
        &arguments,
        &folder,
    )
    .await;
    let runs = Journals::new(folder.path().to_owned()).runs().unwrap();
    assert!(!runs[0].ended);
    call_with(url, function, &arguments, journalled(&folder)).await;
    let differences = wanted.differences(&read(&server).await);
    server.end().await;
    assert!(differences.is_empty(), "{differences:#?}");
}
