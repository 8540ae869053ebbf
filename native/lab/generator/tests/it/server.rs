//! Clusters on a server: the embedded one, or the one at `COUCHDB_URL`, which is refused if it
//! holds foreign databases.

use couchdb::Method;
use exact_json::json;
use kazoo_numbers_generator::{Cluster, MARKER, Options, Plan, ServerError, UglyKind, generate};
use kazoo_numbers_generator::{Generated, claim, refuse_if_occupied};
use kazoo_numbers_testkit::server::TestServer;

async fn comes_back(url: &str, generated: &Generated, note: &str) {
    generated.cluster.load(url).await.unwrap();
    let (read, revisions) = Cluster::read(url).await.unwrap();
    let differences = generated.cluster.differences(&read);
    assert!(differences.is_empty(), "{note}: {differences:#?}");
    for (name, database) in &read.databases {
        let ids: Vec<&String> = revisions[name].keys().collect();
        let mut known: Vec<&String> = database.documents.keys().chain(&database.deleted).collect();
        known.sort();
        assert_eq!(ids, known, "every revision of {name}");
        assert!(revisions[name].values().all(|rev| rev.starts_with("1-")));
    }
    let (_, again) = Cluster::read(url).await.unwrap();
    assert_eq!(again, revisions);
}

#[tokio::test(flavor = "multi_thread")]
async fn loaded_cluster_is_read_back() {
    let target = TestServer::start().await;
    for seed in 0..12 {
        let tiny = generate(&Options::tiny(seed));
        comes_back(&target.url, &tiny, &format!("seed {seed}")).await;
        Cluster::wipe(&target.url).await.unwrap();
    }
    let all = generate(&Options {
        ugly: UglyKind::all(),
        ugly_share: 0.3,
        ..Options::default()
    });
    comes_back(&target.url, &all, "all of it").await;
    Cluster::wipe(&target.url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_are_read_back_in_winning_order() {
    let target = TestServer::start().await;
    let leaf = |note: &str, attachment: bool| {
        let mut leaf = json!({"_id": "+14155550100", "pvt_type": "number", "note": note});
        if attachment {
            let text = json!({"content_type": "text/plain", "data": "bm90ZQ=="});
            leaf["_attachments"] = json!({"note.txt": text});
        }
        leaf.as_object().unwrap().clone()
    };
    let mut cluster = Cluster::default();
    let database = cluster.databases.entry("numbers/+1415".into()).or_default();
    database.insert(leaf("winner", true));
    for (note, attachment) in [("second", false), ("third", true), ("second", false)] {
        database.insert_conflict(leaf(note, attachment));
    }
    cluster.load(&target.url).await.unwrap();
    let (read, revisions) = Cluster::read(&target.url).await.unwrap();
    assert_eq!(cluster.differences(&read), Vec::<String>::new());
    assert_eq!(read.databases["numbers/+1415"].conflicts.len(), 1);

    let path = "/numbers%2F%2B1415/%2B14155550100";
    let winner = &revisions["numbers/+1415"]["+14155550100"];
    let winner = format!("{path}?rev={winner}");
    let deleted = target.send(Method::DELETE, &winner).await;
    assert!(deleted.status.is_success());
    let (read, _) = Cluster::read(&target.url).await.unwrap();
    let database = &read.databases["numbers/+1415"];
    let notes: Vec<_> = database
        .leaves("+14155550100")
        .map(|leaf| leaf["note"].clone())
        .collect();
    assert_eq!(notes, ["second", "third", "second"]);
    target.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_is_loaded_without_whole_cluster_in_memory() {
    let target = TestServer::start().await;
    let options = Options {
        // More documents in a database than one request reads or writes.
        numbers: 2_500,
        accounts: 3,
        number_databases: 2,
        ..Options::default()
    };
    Plan::new(&options).load(&target.url).await.unwrap();
    let (read, _) = Cluster::read(&target.url).await.unwrap();
    assert_eq!(
        generate(&options).cluster.differences(&read),
        Vec::<String>::new()
    );
    Cluster::wipe(&target.url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wipe_deletes_databases_of_commands_and_nothing_else() {
    let target = TestServer::start().await;
    let foreign = "/kazoo_bystander";
    target.send(Method::PUT, foreign).await;

    generate(&Options::tiny(3))
        .cluster
        .load(&target.url)
        .await
        .unwrap();
    target.send(Method::PUT, "/numbers%2F%2B9999").await;
    let (read, _) = Cluster::read(&target.url).await.unwrap();
    assert!(read.databases.contains_key("numbers/+9999"));
    assert!(!read.databases.contains_key("kazoo_bystander"));
    Cluster::wipe(&target.url).await.unwrap();

    let (read, _) = Cluster::read(&target.url).await.unwrap();
    assert_eq!(read, Cluster::default());
    assert_eq!(target.send(Method::GET, foreign).await.status, 200);
    let marker = target.send(Method::GET, &format!("/{MARKER}")).await;
    assert_eq!(marker.status, 404);
    target.send(Method::DELETE, foreign).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_databases_are_refused() {
    let target = TestServer::start().await;
    refuse_if_occupied(&target.url).await.unwrap();
    for name in [
        "account%2Fab%2Fcd%2Fx",
        "numbers%2F%2B1415",
        "system_config",
    ] {
        let database = format!("/{name}");
        target.send(Method::PUT, &database).await;
        let refused = refuse_if_occupied(&target.url).await.unwrap_err();
        assert!(matches!(refused, ServerError::Occupied(_)), "{refused}");
        let refused = Cluster::wipe(&target.url).await.unwrap_err();
        assert!(matches!(refused, ServerError::Occupied(_)), "{refused}");
        assert_eq!(target.send(Method::GET, &database).await.status, 200);
        claim(&target.url).await.unwrap();
        refuse_if_occupied(&target.url).await.unwrap();
        target.send(Method::DELETE, &format!("/{MARKER}")).await;
        target.send(Method::DELETE, &database).await;
    }
    // Our own databases are accepted even after an interrupted run.
    generate(&Options::tiny(1))
        .cluster
        .load(&target.url)
        .await
        .unwrap();
    refuse_if_occupied(&target.url).await.unwrap();
    Cluster::wipe(&target.url).await.unwrap();
}

#[tokio::test]
async fn error_names_operation_and_no_password() {
    let refused = Cluster::read("http://admin:secret@127.0.0.1:9")
        .await
        .unwrap_err();
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("db_list"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let refused = Cluster::read("localhost").await.unwrap_err();
    assert!(matches!(refused, ServerError::CouchDb(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_row_is_an_error() {
    let target = TestServer::start().await;
    let mut cluster = Cluster::default();
    let document = json!({"_id": "+14155550100", "pvt_type": "number"});
    let database = cluster
        .databases
        .entry(String::from("numbers/+1415"))
        .or_default();
    database.insert(document.as_object().unwrap().clone());
    cluster.load(&target.url).await.unwrap();
    let refused = cluster.load(&target.url).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("numbers/+1415: +14155550100 was not written: conflict"),
        "{refused}"
    );
    Cluster::wipe(&target.url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn extended_foreign_cluster_is_not_wiped() {
    let server = TestServer::embedded().await;
    let url = server.url.clone();
    let theirs = generate(&Options::tiny(1)).cluster;
    theirs.load(&url).await.unwrap();
    let deleted = server.send(Method::DELETE, &format!("/{MARKER}")).await;
    assert!(deleted.status.is_success());
    let mut ours = Cluster::default();
    ours.databases.entry("numbers/+9999".into()).or_default();
    ours.load(&url).await.unwrap();
    assert!(matches!(
        Cluster::wipe(&url).await,
        Err(ServerError::Occupied(_))
    ));
}
