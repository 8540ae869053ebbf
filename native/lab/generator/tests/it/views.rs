//! The design documents behave like Kazoo's on a server that runs them.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{self, is_live_number, text};
use couchdb::Method;
use exact_json::{Value, json};
use kazoo_numbers_generator::names::{account_of_database, encoded};
use kazoo_numbers_generator::{Cluster, Options, UglyKind, generate, number_database_design};
use kazoo_numbers_testkit::server::TestServer;

struct Views(TestServer);

impl Views {
    async fn rows(&self, database: &str, view: &str) -> Vec<(Value, Value)> {
        let (design, view) = view.split_once('/').unwrap();
        let path = format!("/{}/_design/{design}/_view/{view}", encoded(database));
        let answer = self.0.send(Method::GET, &path).await;
        assert_eq!(answer.status, 200, "{database} {design}/{view}");
        let answer: Value = exact_json::from_slice(&answer.body).unwrap();
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|row| (row["key"].clone(), row["value"].clone()))
            .collect()
    }
}

fn sorted(mut rows: Vec<Value>) -> Vec<String> {
    rows.sort_by_key(Value::to_string);
    rows.iter().map(Value::to_string).collect()
}

fn keys(rows: Vec<(Value, Value)>) -> Vec<String> {
    sorted(rows.into_iter().map(|(key, _)| key).collect())
}

async fn account_views(views: &Views, cluster: &Cluster, name: &str) {
    let account = account_of_database(name).unwrap();
    let documents = cluster.databases[name].documents.values();
    let used = common::usage(cluster, &account);

    let listed = keys(views.rows(name, "callflows/listing_by_number").await);
    let listed: BTreeSet<String> = listed.into_iter().collect();
    for (number, applications) in &used {
        // The audit also accepts the normalised spelling, which the view does not have.
        let spelled = [
            json!(number).to_string(),
            json!(number.trim_start_matches("+1")).to_string(),
        ];
        let shown = spelled.iter().any(|number| listed.contains(number));
        assert!(
            shown || !applications.contains("callflow"),
            "{name} {number}"
        );
    }
    for number in &listed {
        let number: String = exact_json::from_str(number).unwrap();
        assert!(used[&number].contains("callflow"), "{name} {number}");
    }

    assert_eq!(views.rows(name, "trunkstore/lookup_did").await, []);
    let live = |kind: &str| {
        let all = documents
            .clone()
            .filter(|d| text(d, "pvt_type") == Some(kind));
        all.filter(|d| d.get("pvt_deleted") != Some(&json!(true)))
            .count()
    };
    let trunkstores = views.rows(name, "trunkstore/crossbar_listing").await;
    let counted = trunkstores.first().map_or(json!(0), |row| row.1.clone());
    assert_eq!(counted, json!(live("sys_info")), "{name}");

    // This view has no number without a type.
    let is_typed = |d: &&kazoo_numbers_generator::Document| text(d, "pvt_type").is_some();
    let numbers = documents.clone().filter(|d| is_live_number(d));
    let numbers = numbers.filter(is_typed);
    assert_eq!(
        keys(views.rows(name, "numbers/list_by_number").await),
        sorted(numbers.map(|d| d["_id"].clone()).collect()),
        "{name}"
    );
}

async fn number_views(views: &Views, cluster: &Cluster, name: &str) {
    let documents = cluster.databases[name].documents.iter();
    let documents: Vec<_> = documents
        .filter(|(id, _)| !id.starts_with("_design/"))
        .map(|(_, document)| document)
        .collect();
    let get = |document: &kazoo_numbers_generator::Document, key: &str| {
        document.get(key).cloned().unwrap_or(Value::Null)
    };
    let counted = views.rows(name, "numbers/module_name").await;
    let counted = counted.first().map_or(json!(0), |row| row.1.clone());
    assert_eq!(counted, json!(documents.len()), "{name}");

    let assigned = documents.iter().filter(|d| {
        !["", "null", "false", "0", "\"\""]
            .contains(&get(d, "pvt_assigned_to").to_string().as_str())
    });
    let apps: Vec<Value> = assigned
        .clone()
        .filter(|d| is_live_number(d) && text(d, "pvt_type").is_some())
        .map(|d| json!([get(d, "pvt_assigned_to"), get(d, "pvt_used_by")]))
        .collect();
    let ids = assigned.map(|d| json!([get(d, "pvt_assigned_to"), d["_id"]]));
    assert_eq!(
        keys(views.rows(name, "numbers/assigned_to").await),
        sorted(ids.collect()),
        "{name}"
    );
    assert_eq!(
        keys(views.rows(name, "numbers/list_assigned_and_app").await),
        sorted(apps),
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn views_match_the_documents() {
    let server = TestServer::start().await;
    let url = server.url.clone();
    let views = Views(server);
    let mut ugly = UglyKind::all();
    // These databases have no design documents.
    ugly.retain(|kind| !matches!(kind, UglyKind::NoDesignDocuments | UglyKind::EmptyDatabases));
    let cluster = generate(&Options {
        accounts: 3,
        numbers: 150,
        number_databases: 2,
        ugly,
        ugly_share: 0.3,
        drift: 0.3,
        ..Options::default()
    })
    .cluster;
    cluster.load(&url).await.unwrap();
    for name in cluster.account_databases() {
        account_views(&views, &cluster, name).await;
    }
    for name in cluster.number_databases() {
        number_views(&views, &cluster, name).await;
    }
    Cluster::wipe(&url).await.unwrap();
}

#[test]
fn new_number_database_has_five_views() {
    let design = number_database_design();
    assert_eq!(text(&design, "_id"), Some("_design/numbers"));
    let views: BTreeMap<String, Value> = exact_json::from_value(design["views"].clone()).unwrap();
    let names: Vec<&String> = views.keys().collect();
    assert_eq!(
        names,
        [
            "assigned_to",
            "list_assigned_and_app",
            "module_name",
            "status",
            "unassigned"
        ]
    );
}
