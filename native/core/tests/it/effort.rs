//! How often a document is parsed and copied between the page that it comes in and the request that writes it.

use exact_json::{Value, json};
use kazoo_numbers::document::effort;
use kazoo_numbers_generator::{Cluster, Document};
use kazoo_numbers_testkit::command::{call_with, journalled};
use kazoo_numbers_testkit::server::EmbeddedServer;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const ACCOUNT_DB: &str = "account/ab/cd/ef0123456789abcdef0123456789";
const OTHER: &str = "00112233445566778899aabbccddeeff";
const NUMBERS: &str = "numbers/+1415";
const DOCUMENTS: u64 = 40;

/// The most parses and copies of the texts of one changed document: the document that is read, the one that it becomes, and the one on
/// the other side.
const MOST_PARSES: f64 = 3.0;
const MOST_COPIES: f64 = 4.0;

fn number(index: u64, fields: Value) -> Document {
    let mut document: Document = fields.as_object().unwrap().clone();
    document.insert("_id".into(), format!("+14155550{index:03}").into());
    document.insert("pvt_type".into(), "number".into());
    // The size of a usual number document.
    document.insert("pvt_features".into(), json!({"note": "x".repeat(800)}));
    document
}

/// Both sides hold these; `None`: nothing.
fn cluster(account: Option<Value>, numbers: Option<Value>) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, fields) in [(ACCOUNT_DB, account), (NUMBERS, numbers)] {
        let database = cluster.databases.entry(name.into()).or_default();
        for index in 0..DOCUMENTS {
            if let Some(fields) = fields.clone() {
                let document = number(index, fields);
                let id = document["_id"].as_str().unwrap().to_owned();
                database.documents.insert(id, document);
            }
        }
    }
    cluster
}

#[test]
fn changed_document_is_parsed_three_times_and_copied_four_times_at_most() {
    let ours = || json!({"pvt_assigned_to": ACCOUNT});
    let used = || json!({"pvt_assigned_to": ACCOUNT, "pvt_used_by": "callflow"});
    for (function, account, numbers) in [
        ("copy_number_dbs_to_accounts", Some(used()), Some(ours())),
        ("copy_number_dbs_to_accounts", None, Some(ours())),
        ("copy_accounts_to_number_dbs", Some(ours()), None),
        ("fix_apps_for_account_dbs", Some(used()), None),
        ("fix_apps_for_number_dbs", None, Some(used())),
        (
            "remove_wrong_assigned_from_accounts",
            Some(json!({"pvt_assigned_to": OTHER})),
            None,
        ),
        (
            "destructively_remove_from_account_db_if_not_in_numdb",
            Some(ours()),
            None,
        ),
        (
            "destructively_remove_from_number_dbs_if_not_in_accountdb",
            None,
            Some(ours()),
        ),
        ("purge_deleted", None, Some(json!({"pvt_state": "deleted"}))),
        (
            "migrate_unassigned_numbers",
            None,
            Some(json!({"pvt_used_by": "callflow"})),
        ),
    ] {
        let server = EmbeddedServer::start();
        server.load(&cluster(account, numbers));
        let folder = tempfile::tempdir().unwrap();
        // The work of the run is on this thread alone, and so in its counters.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let before = effort::of_this_thread();
        let ran = runtime.block_on(call_with(&server.url(), function, &[], journalled(&folder)));
        let after = effort::of_this_thread();
        assert_eq!(ran.writes().total(), DOCUMENTS, "{:?}", ran.lines);
        let longest = json!({"_rev": "1-".to_owned() + ACCOUNT, "pvt_assigned_to": ACCOUNT, "pvt_used_by": "callflow"});
        let text = exact_json::to_string(&number(0, longest)).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (parses, copies) = (
            (after.parses - before.parses) as f64 / DOCUMENTS as f64,
            (after.copied - before.copied) as f64 / (DOCUMENTS as f64 * text.len() as f64),
        );
        println!("{function}: {parses:.2} parses, {copies:.2} copies");
        assert!(parses <= MOST_PARSES, "{function}: {parses} parses");
        assert!(copies <= MOST_COPIES, "{function}: {copies} copies");
    }
}
