//! The defects of Kazoo's module that this one must not have, one test each.

use std::sync::Arc;

use async_trait::async_trait;
use exact_json::{Value, json};
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Host;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers::report::Summary;
use kazoo_numbers::run::{Job, MaxDelete, Returned, Settings, run};
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_testkit::command::{CommandRun, call, call_with, settings, text};
use kazoo_numbers_testkit::server::TestServer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const OURS: &str = "abcdef0123456789abcdef0123456789";
const THEIRS: &str = "00112233445566778899aabbccddeeff";
const OURS_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const THEIRS_DB: &str = "account/00/11/2233445566778899aabbccddeeff";
const NUMBERS: &str = "numbers/+1415";

/// A cluster of two accounts and one number database, with these documents.
fn cluster(documents: &[(&str, Value)]) -> Cluster {
    let mut cluster = Cluster::default();
    for name in [OURS_DB, THEIRS_DB, NUMBERS] {
        cluster.databases.entry(name.into()).or_default();
    }
    for (database, document) in documents {
        put(&mut cluster, database, document);
    }
    cluster
}

fn put(cluster: &mut Cluster, database: &str, document: &Value) {
    let document: Document = document.as_object().unwrap().clone();
    let id = document["_id"].as_str().unwrap().to_owned();
    cluster
        .databases
        .entry(database.into())
        .or_default()
        .documents
        .insert(id, document);
}

fn number(id: &str, account: &str) -> Value {
    json!({"_id": id, "pvt_type": "number", "pvt_assigned_to": account, "pvt_state": "in_service"})
}

fn used(id: &str, account: &str, app: &str) -> Value {
    let mut document = number(id, account);
    document["pvt_used_by"] = app.into();
    document
}

fn callflow(id: &str, numbers: &[&str]) -> Value {
    json!({"_id": id, "pvt_type": "callflow", "numbers": numbers})
}

fn trunkstore(id: &str, number: &str) -> Value {
    json!({"_id": id, "pvt_type": "sys_info", "servers": [{"DIDs": {number: {}}}]})
}

/// Runs a command on a cluster. Returns the result and the cluster afterwards.
async fn after(cluster: &Cluster, function: &str, arguments: &[Argument]) -> (CommandRun, Cluster) {
    after_with(cluster, function, arguments, settings()).await
}

async fn after_with(
    cluster: &Cluster,
    function: &str,
    arguments: &[Argument],
    settings: Settings,
) -> (CommandRun, Cluster) {
    let server = TestServer::start().await;
    cluster.load(&server.url).await.unwrap();
    let ran = call_with(&server.url, function, arguments, settings).await;
    let (read, _) = Cluster::read(&server.url).await.unwrap();
    server.end().await;
    (ran, read)
}

fn summary(ran: &CommandRun) -> &Summary {
    &ran.finished.as_ref().unwrap().summary
}

fn document<'a>(cluster: &'a Cluster, database: &str, id: &str) -> Option<&'a Document> {
    cluster.databases.get(database)?.documents.get(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_wrong_documents_are_deleted_in_one_run() {
    let mut whole = cluster(&[(OURS_DB, number("+14155550100", OURS))]);
    for index in 0..5000 {
        put(
            &mut whole,
            OURS_DB,
            &number(&format!("+1415600{index:04}"), THEIRS),
        );
    }
    let settings = Settings {
        max_delete: Some(MaxDelete::Off),
        ..settings()
    };
    let (ran, read) = after_with(
        &whole,
        "remove_wrong_assigned_from_single_accountdb",
        &[text(OURS)],
        settings,
    )
    .await;
    assert_eq!(ran.returned, Returned::Ok);
    assert_eq!(summary(&ran).counts.deleted, 5000);
    let left: Vec<&String> = read.databases[OURS_DB].documents.keys().collect();
    assert_eq!(left, ["+14155550100"]);
}

struct UnreachableDatabaseHost {
    url: ServerUrl,
    down: DatabaseName,
}

#[async_trait]
impl Host for UnreachableDatabaseHost {
    async fn server(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<ServerUrl, kazoo_numbers::Error> {
        if database == Some(&self.down) {
            // Port 9 is `discard`. No server listens there.
            return ServerUrl::parse("http://127.0.0.1:9");
        }
        Ok(self.url.clone())
    }
}

/// Runs a command while our account's database is unreachable. Returns the output and the cluster
/// afterwards.
async fn after_with_unreachable_database(
    cluster: &Cluster,
    function: &str,
    arguments: &[Argument],
) -> (Summary, Cluster) {
    let server = TestServer::start().await;
    cluster.load(&server.url).await.unwrap();
    let host = Arc::new(UnreachableDatabaseHost {
        url: ServerUrl::parse(&server.url).unwrap(),
        down: DatabaseName::new(OURS_DB).unwrap(),
    });
    let (sender, mut receiver) = mpsc::channel(64);
    let job = Job {
        function: function.to_owned(),
        command: command::parse(function, arguments).unwrap(),
        host,
        settings: settings(),
        events: sender,
        cancel: CancellationToken::new(),
    };
    let drained = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    let finished = run(job).await;
    drained.await.unwrap();
    let (read, _) = Cluster::read(&server.url).await.unwrap();
    server.end().await;
    assert_eq!(finished.returned, Returned::Code(2));
    (finished.summary, read)
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_usage_removes_nothing() {
    let whole = cluster(&[
        (NUMBERS, used("+14155550100", OURS, "callflow")),
        (NUMBERS, used("+14155550101", THEIRS, "callflow")),
        (OURS_DB, callflow("cf", &["+14155550100"])),
    ]);
    let (report, read) =
        after_with_unreachable_database(&whole, "fix_apps_for_number_dbs", &[]).await;
    assert_eq!(
        report.failures.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"failed":{"app_usage-connection":["+14155550100"]}}}"#
    );
    let used_by = |id| document(&read, NUMBERS, id).unwrap().get("pvt_used_by");
    assert_eq!(used_by("+14155550100"), Some(&json!("callflow")));
    // The other account was read and does not use the number.
    assert_eq!(used_by("+14155550101"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_of_one_account_does_not_stop_others() {
    let whole = cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (NUMBERS, number("+14155550101", THEIRS)),
    ]);
    let (report, read) =
        after_with_unreachable_database(&whole, "copy_number_dbs_to_accounts", &[]).await;
    assert_eq!((report.counts.created, report.counts.failed), (1, 1));
    assert!(document(&read, THEIRS_DB, "+14155550101").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_database_causes_no_deletion() {
    let whole = cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (NUMBERS, number("+14155550101", THEIRS)),
    ]);
    let (_, read) = after_with_unreachable_database(
        &whole,
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        &[],
    )
    .await;
    assert!(document(&read, NUMBERS, "+14155550100").is_some());
    assert!(document(&read, NUMBERS, "+14155550101").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_or_unassigned_number_does_not_stop_run() {
    let mut unassigned = number("+14155550101", OURS);
    unassigned
        .as_object_mut()
        .unwrap()
        .remove("pvt_assigned_to");
    let whole = cluster(&[
        (NUMBERS, number("+14155550102", OURS)),
        (NUMBERS, unassigned),
    ]);
    let numbers = ["+14155550100", "+14155550101", "+14155550102", "bogus"];
    let list = Argument::List(numbers.map(str::to_owned).to_vec());
    let (ran, read) = after(
        &whole,
        "copy_numbers_from_dbs_to_assigned_accounts",
        &[list],
    )
    .await;
    assert_eq!(ran.returned, Returned::Code(2));
    assert!(document(&read, OURS_DB, "+14155550102").is_some());
    assert_eq!(
        summary(&ran).failures.to_json(),
        r#"{"numbers%2F%2B1415":{"failed":{"not_assigned":["+14155550101"],"open_doc-not_found":["+14155550100"]}},"numbers%2Fbogus":{"failed":{"not_reconcilable":["bogus"]}}}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn number_used_by_both_is_unchanged_with_warning() {
    let whole = cluster(&[
        (NUMBERS, used("+14155550100", OURS, "callflow")),
        (OURS_DB, callflow("cf", &["+14155550100"])),
        (OURS_DB, trunkstore("ts", "+14155550100")),
    ]);
    let list = Argument::List(vec!["+14155550100".into()]);
    let (ran, read) = after(&whole, "fix_numbers_apps_in_numbdb", &[list]).await;
    assert_eq!(ran.returned, Returned::Ok);
    assert_eq!(
        document(&read, NUMBERS, "+14155550100").unwrap()["pvt_used_by"],
        json!("callflow")
    );
    assert!(
        ran.lines
            .iter()
            .any(|line| line.starts_with("warning: ") && line.contains("+14155550100"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trunkstore_usage_is_kept_without_view() {
    let silent = json!({"_id": "_design/trunkstore", "language": "javascript", "views":
        {"lookup_did": {"map": "function(doc) { for (var n in Iterator(doc.servers)) emit(n); }"}}});
    let whole = cluster(&[
        (NUMBERS, used("+14155550100", OURS, "trunkstore")),
        (OURS_DB, used("+14155550100", OURS, "trunkstore")),
        (OURS_DB, trunkstore("ts", "+14155550100")),
        (OURS_DB, silent),
    ]);
    for function in ["fix_apps_for_number_dbs", "fix_apps_for_account_dbs"] {
        let (ran, read) = after(&whole, function, &[]).await;
        assert_eq!(summary(&ran).counts.unchanged, 1, "{function}");
        assert!(whole.differences(&read).is_empty(), "{function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_deletions_are_made() {
    let whole = cluster(&[
        (NUMBERS, number("+14155550100", OURS)),
        (NUMBERS, number("+14155550101", OURS)),
        (OURS_DB, number("+14155550101", OURS)),
    ]);
    let function = "destructively_remove_from_single_numdb_if_not_in_accountdb";
    let (ran, read) = after(&whole, function, &[text("+1415")]).await;
    assert_eq!(summary(&ran).counts.deleted, 1);
    assert!(document(&read, NUMBERS, "+14155550100").is_none());
    assert!(document(&read, NUMBERS, "+14155550101").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn emergency_number_has_no_number_database() {
    let whole = cluster(&[
        (OURS_DB, number("911", OURS)),
        (OURS_DB, number("4155550100", OURS)),
    ]);
    let (ran, read) = after(&whole, "copy_single_account_to_number_dbs", &[text(OURS)]).await;
    assert_eq!(
        summary(&ran).failures.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"failed":{"no_number_db":["911"]}}}"#
    );
    assert!(document(&read, "numbers/41555", "4155550100").is_some());
    assert!(document(&read, "numbers/41555", "_design/numbers").is_some());
}

/// No server listens there. A request would be retried for 75 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn bad_target_is_checked_first_without_server() {
    let number = "+14155550100";
    let as_people_write = "+1 (415) 555-0100";
    for (function, given) in [
        ("convert_carrier_module_number", [number].as_slice()),
        ("convert_carrier_module_number", &[as_people_write]),
        ("convert_carrier_module", &["knm_local"]),
        ("convert_carrier_module", &["knm_local", number]),
    ] {
        let converted = async |target: &str| {
            let mut arguments: Vec<Argument> = given.iter().copied().map(text).collect();
            arguments.insert(1, text(target));
            call("http://127.0.0.1:9", function, &arguments).await
        };
        let ran = converted("knm_bandwid").await;
        assert_eq!(ran.lines, ["Bad carrier module: knm_bandwid"]);
        assert_eq!(ran.returned, Returned::Code(2));
        if given == [as_people_write] || given.len() == 2 {
            let ran = converted("knm_telnyx").await;
            assert_eq!(ran.lines.len(), 1, "{:?}", ran.lines);
            assert!(ran.lines[0].starts_with(&format!("error: {function}: ")));
            assert_eq!(ran.returned, Returned::Code(2));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_database_prints_one_line() {
    let whole = cluster(&[(NUMBERS, number("+14155550100", OURS))]);
    let missing = "ffffffffffffffffffffffffffffffff";
    for (function, argument, line) in [
        (
            "carrier_module_usage",
            "+1999",
            "the database numbers%2F%2B1999 does not exist",
        ),
        (
            "carrier_module_usage",
            "+9",
            "there is no number database that starts with +9",
        ),
        (
            "fix_account_db_numbers",
            missing,
            "the database account%2Fff%2Fff%2Fffffffffffffffffffffffffffff does not exist",
        ),
    ] {
        let (ran, read) = after(&whole, function, &[text(argument)]).await;
        assert_eq!(ran.returned, Returned::Code(2), "{function}");
        assert_eq!(ran.lines.len(), 1, "{function}: {:?}", ran.lines);
        assert!(ran.lines[0].contains(line), "{function}: {:?}", ran.lines);
        assert!(whole.differences(&read).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_list_changes_nothing_and_is_reported() {
    let whole = cluster(&[(OURS_DB, number("+14155550100", OURS))]);
    let none = Argument::List(Vec::new());
    let (ran, read) = after(&whole, "copy_accounts_to_number_dbs", &[none]).await;
    assert_eq!(ran.returned, Returned::Ok);
    assert_eq!(ran.lines, ["nothing to do: the list is empty"]);
    assert_eq!(summary(&ran).requests, 0);
    assert!(whole.differences(&read).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_argument_makes_no_request() {
    // No server listens there. A request would fail.
    let ran = call(
        "http://127.0.0.1:9",
        "copy_single_account_to_number_dbs",
        &[text("bogus")],
    )
    .await;
    assert_eq!(ran.returned, Returned::Code(2));
    assert!(ran.finished.is_none());
    assert_eq!(ran.lines.len(), 1);
}

/// Found by a random case: `011` is reconcilable but too short for any number database.
#[tokio::test(flavor = "multi_thread")]
async fn number_too_short_for_database_is_not_found() {
    let whole = cluster(&[(NUMBERS, number("+14155550100", OURS))]);
    let list = Argument::List(vec!["011".into(), "+14155550100".into()]);
    let (ran, read) = after(
        &whole,
        "copy_numbers_from_dbs_to_assigned_accounts",
        &[list],
    )
    .await;
    assert_eq!(
        summary(&ran).failures.to_json(),
        r#"{"numbers%2F011":{"failed":{"open_doc-not_found":["011"]}}}"#
    );
    assert!(document(&read, OURS_DB, "+14155550100").is_some());

    let (ran, _) = after(
        &whole,
        "copy_single_number_to_account_db",
        &[text("011"), text(OURS)],
    )
    .await;
    assert_eq!(
        ran.returned,
        Returned::Value(Err(
            "can read number '011' from 'numbers%2F011': not_found".into()
        ))
    );
    assert_eq!(summary(&ran).counts.failed, 1);
}

/// Found by a random case: an account in the list that cannot be checked for existence may have the
/// copy with precedence.
#[tokio::test(flavor = "multi_thread")]
async fn unreachable_listed_account_may_have_precedence() {
    let whole = cluster(&[
        (OURS_DB, number("+14155550100", OURS)),
        (THEIRS_DB, used("+14155550100", OURS, "callflow")),
        (THEIRS_DB, number("+14155550101", THEIRS)),
    ]);
    let list = Argument::List(vec![OURS.into(), THEIRS.into()]);
    let (report, read) =
        after_with_unreachable_database(&whole, "copy_accounts_to_number_dbs", &[list]).await;
    assert_eq!(
        report.failures.to_json(),
        r#"{"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789":{"last_error":"connection"},"numbers%2F%2B1415":{"failed":{"open_doc-connection":["+14155550100"]}}}"#
    );
    assert!(document(&read, NUMBERS, "+14155550100").is_none());
    assert!(document(&read, NUMBERS, "+14155550101").is_some());
}

/// Found by a random case: a number is also in `numbers/inum`, and its account has no database. The
/// failed copy belongs to the number database with precedence; in `numbers/inum` the number is
/// converted.
#[tokio::test(flavor = "multi_thread")]
async fn failure_is_attributed_to_the_right_number_database() {
    let mut number = number("+14155550100", "ffffffffffffffffffffffffffffffff");
    number["pvt_module_name"] = "knm_telnyx".into();
    let whole = cluster(&[(NUMBERS, number.clone()), ("numbers/inum", number)]);
    let arguments = ["knm_telnyx", "knm_bandwidth2"].map(|text| Argument::Text(text.into()));
    let (ran, _) = after(&whole, "convert_carrier_module", &arguments).await;
    assert_eq!(ran.returned, Returned::Code(2));
    let listed: Vec<&str> = ran
        .lines
        .iter()
        .map(String::as_str)
        .skip_while(|line| !line.starts_with("attempt"))
        // Warnings are no part of the output.
        .filter(|line| !line.starts_with("warning: "))
        .collect();
    assert_eq!(
        listed,
        [
            "attempt to convert numbers with carrier module knm_telnyx to knm_bandwidth2 in database numbers%2F%2B1415",
            "updated carrier module to knm_bandwidth2 for 0:",
            "updating carrier module failed for 1:",
            "+14155550100: db_not_found",
            "attempt to convert numbers with carrier module knm_telnyx to knm_bandwidth2 in database numbers%2Finum",
            "updated carrier module to knm_bandwidth2 for 1:",
            "+14155550100",
            "updating carrier module failed for 0:",
        ]
    );
}
