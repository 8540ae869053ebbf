//! The host's answers (databases, notices, features), and requests that the server does not get.

use std::sync::Arc;

use async_trait::async_trait;
use kazoo_numbers::Error;
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::{Method, ServerUrl};
use kazoo_numbers::host::{ChangedRow, Host, Unannounced};
use kazoo_numbers::kazoo::{AccountId, DatabaseName};
use kazoo_numbers::report::{Event, Renderer};
use kazoo_numbers::run::{Job, Returned, run};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_sandbox::{Endpoint, SandboxConfig, Server};
use kazoo_numbers_testkit::command::{call, settings, text};
use kazoo_numbers_testkit::server::send;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const ACCOUNT_DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const NUMBER: &str = "+12005550100";
const NUMBER_DATABASE: &str = "numbers/+1200";

/// A number on both sides, each missing on the other.
async fn server() -> Server {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let mut cluster = Cluster::default();
    for (name, id) in [
        (NUMBER_DATABASE, NUMBER),
        (NUMBER_DATABASE, "+12005550101"),
        (ACCOUNT_DATABASE, NUMBER),
        (ACCOUNT_DATABASE, "+12005550102"),
    ] {
        let number = exact_json::json!({
            "_id": id, "pvt_type": "number", "pvt_state": "deleted",
            "pvt_assigned_to": ACCOUNT, "pvt_module_name": "knm_other",
        });
        let database = cluster.databases.entry(name.to_owned()).or_default();
        let number = number.as_object().unwrap().clone();
        database.documents.insert(id.to_owned(), number);
    }
    cluster.load(&server.url()).await.unwrap();
    server.reset_stats();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn command_with_named_databases_lists_none() {
    let server = server().await;
    let list = || Argument::List(vec![NUMBER_DATABASE.to_owned()]);
    for (function, arguments) in [
        ("carrier_module_usage", vec![text("+1200")]),
        ("fix_apps_for_single_number_db", vec![text("+1200")]),
        ("fix_apps_for_number_dbs", vec![list()]),
        (
            "copy_single_number_db_to_accounts",
            vec![text(NUMBER_DATABASE)],
        ),
        ("copy_number_dbs_to_accounts", vec![list()]),
        (
            "copy_single_assigned_number_db_to_account",
            vec![text(ACCOUNT), text("+1200")],
        ),
        ("copy_single_account_to_number_dbs", vec![text(ACCOUNT)]),
        (
            "remove_wrong_assigned_from_single_accountdb",
            vec![text(ACCOUNT)],
        ),
        (
            "destructively_remove_from_single_account_db_if_not_in_numdb",
            vec![text(ACCOUNT)],
        ),
        (
            "destructively_remove_from_single_numdb_if_not_in_accountdb",
            vec![text("+1200")],
        ),
        (
            "convert_carrier_module",
            vec![text("knm_other"), text("knm_local"), text("+1200")],
        ),
        ("migrate_unassigned_numbers", vec![text("numbers/+1200")]),
        ("purge_deleted", vec![text("+1200")]),
    ] {
        let ran = call(&server.url(), function, &arguments).await;
        assert!(
            matches!(ran.returned, Returned::Ok | Returned::NoReturn),
            "{function}: {:?}",
            ran.lines
        );
        let lists = server.stats().requests("GET", Endpoint::AllDbs);
        assert_eq!(lists, 0, "{function}");
    }
    // A missing database is reported as before.
    let ran = call(&server.url(), "carrier_module_usage", &[text("+1999")]).await;
    assert_eq!(
        (ran.returned, ran.lines),
        (
            Returned::Code(2),
            vec!["error: the database numbers%2F%2B1999 does not exist".to_owned()]
        )
    );
    let list = Argument::List(vec!["+1999".to_owned(), "+1200".to_owned()]);
    let ran = call(&server.url(), "copy_number_dbs_to_accounts", &[list]).await;
    assert_eq!(
        ran.lines.last().unwrap(),
        r#"{"numbers%2F%2B1999":{"last_error":"db_not_found"}}"#
    );
    // A prefix needs the list. A database that was not found was also looked up in the list.
    server.reset_stats();
    call(&server.url(), "carrier_module_usage", &[text("+12")]).await;
    assert_eq!(server.stats().requests("GET", Endpoint::AllDbs), 1);
    server.shutdown().await;
}

/// A Kazoo that does not announce one number, and that records reconciled services.
struct FakeKazoo {
    url: ServerUrl,
    deaf: &'static str,
    services: Mutex<Vec<String>>,
}

#[async_trait]
impl Host for FakeKazoo {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        Ok(self.url.clone())
    }

    async fn changed(&self, _: &DatabaseName, rows: Vec<ChangedRow>) -> Result<Unannounced, Error> {
        let ids = rows.into_iter().map(|row| row.id);
        Ok(Unannounced {
            ids: ids.filter(|id| id == self.deaf).collect(),
            reason: "pool_full".to_owned(),
        })
    }

    async fn services(&self, account: AccountId) -> Result<bool, Error> {
        self.services.lock().await.push(account.to_string());
        Ok(true)
    }
}

async fn inside(
    kazoo: &Arc<FakeKazoo>,
    function: &str,
    arguments: &[Argument],
) -> (Returned, Vec<String>) {
    let (sender, mut receiver) = mpsc::channel::<Event>(64);
    let job = Job {
        function: function.to_owned(),
        command: command::parse(function, arguments).unwrap(),
        host: kazoo.clone(),
        settings: settings(),
        events: sender,
        cancel: CancellationToken::new(),
    };
    let running = tokio::spawn(run(job));
    let mut lines = Vec::new();
    while let Some(event) = receiver.recv().await {
        lines.extend(Renderer.lines(&event));
    }
    (running.await.unwrap().returned, lines)
}

fn kazoo(server: &Server, deaf: &'static str) -> Arc<FakeKazoo> {
    Arc::new(FakeKazoo {
        url: ServerUrl::parse(&server.url()).unwrap(),
        deaf,
        services: Mutex::default(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn unannounced_number_is_written_and_reported_failed() {
    let server = server().await;
    let kazoo = kazoo(&server, "+12005550101");
    let (returned, lines) = inside(&kazoo, "copy_number_dbs_to_accounts", &[]).await;
    assert_eq!(returned, Returned::Code(2));
    let warning = format!(
        "warning: cannot announce 1 change: {} (1: +12005550101: pool_full)",
        "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789"
    );
    assert!(lines.contains(&warning), "{lines:?}");
    assert_eq!(
        lines.last().unwrap(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"failed":{"notice":["+12005550101"]}}}"#
    );
    let path = "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/%2B12005550101";
    let written = send(&server.url(), Method::GET, path, None).await;
    assert!(written.status.is_success());
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_features_reconcile_services() {
    let server = server().await;
    let kazoo = kazoo(&server, "");
    let edit = [text("cnam"), text(NUMBER)];
    for services in [1, 1] {
        let (returned, lines) = inside(&kazoo, "add_denied_feature_on_number", &edit).await;
        assert_eq!(returned, Returned::NoReturn);
        assert_eq!(lines[2], "\tFeatures denied: cnam", "{lines:?}");
        assert_eq!(kazoo.services.lock().await.len(), services);
    }
    for (function, arguments) in [
        ("feature_permissions_on_number", vec![text("+12005550199")]),
        (
            "remove_allowed_feature_on_number",
            vec![text("cnam"), text("+12005550199")],
        ),
    ] {
        let (returned, lines) = inside(&kazoo, function, &arguments).await;
        assert_eq!(returned, Returned::NoReturn);
        assert_eq!(lines, ["Error with number +12005550199: not_found"]);
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_system_features_default_to_twelve() {
    const TWELVE: &str = "\tcarrier_name cnam e911 failover force_outbound inbound_cnam mms outbound_cnam port prepend ringback sms";
    let server = server().await;
    let call = |function, arguments: Vec<Argument>| {
        let url = server.url();
        async move { call(&url, function, &arguments).await }
    };
    let ran = call("ensure_adminonly_features_are_reachable", vec![]).await;
    assert_eq!((ran.returned, ran.lines), (Returned::NoReturn, vec![]));
    let ran = call("feature_permissions_on_system_config", vec![]).await;
    assert_eq!(ran.lines[1], TWELVE);
    let ran = call("add_allowed_feature_on_system_config", vec![text("sms")]).await;
    assert_eq!(ran.lines[1], TWELVE);
    assert_eq!(server.stats().requests("POST", Endpoint::BulkDocs), 0);
    let ran = call(
        "remove_allowed_feature_on_system_config",
        vec![text("carrier_name")],
    )
    .await;
    assert_eq!(ran.lines[1], TWELVE.replace("carrier_name ", ""));
    let ran = call("ensure_adminonly_features_are_reachable", vec![]).await;
    assert_eq!(
        (ran.returned, ran.lines[1].as_str()),
        (Returned::NoReturn, TWELVE)
    );
    let ran = call(
        "reset_allowed_features_to_defaults_on_system_config",
        vec![],
    )
    .await;
    assert_eq!(ran.lines[1], TWELVE.replace(" mms", "").replace(" sms", ""));
    server.shutdown().await;
}
