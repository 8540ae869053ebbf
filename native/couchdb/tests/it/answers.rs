//! How the client classifies answers and describes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kazoo_numbers_couchdb::{Attachments, HttpSettings, Kind, Landed, Revision, Write};

use crate::support::{Fake, ReceivedRequest, Reply, database, ids, settings};

fn impatient() -> HttpSettings {
    HttpSettings {
        longest_pause: Duration::from_millis(2),
        ..settings()
    }
}

fn deletions(ids: &[String]) -> Vec<Write<'_>> {
    let deletion = |id| Write {
        id,
        rev: None,
        body: None,
        losers: Vec::new(),
    };
    ids.iter().map(String::as_str).map(deletion).collect()
}

#[tokio::test]
async fn nodedown_shows_reason_and_is_temporary_for_reads_and_writes() {
    let fake = Fake::start(|_| Reply::error(412, "nodedown", "progress not possible"));
    let server = fake.server_with(impatient());
    let error = server
        .read_documents(&database(), &["+14155550100"], Attachments::Stubs, 10)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::ServerError);
    assert!(
        error
            .to_string()
            .ends_with(": nodedown: progress not possible (412)"),
        "{error}"
    );
    let before = fake.requests();
    let ids = ids(200);
    let writes = deletions(&ids);
    let landed = server.bulk_docs(&database(), &writes, 500).await;
    assert_eq!(landed.len(), writes.len());
    for landed in landed {
        let Landed::Failed(error) = landed else {
            panic!("{landed:?}");
        };
        assert_eq!(error.kind(), Kind::ServerError);
        assert!(
            error.to_string().contains("progress not possible"),
            "{error}"
        );
    }
    assert_eq!(fake.requests() - before, 1, "one request for 200 documents");
}

#[tokio::test]
async fn refusal_from_proxy_does_not_split_the_batch() {
    let fake = Fake::start(|_| Reply::Of(400, "<html><title>Blocked</title></html>".into()));
    let ids = ids(100);
    let writes = deletions(&ids);
    let landed = fake.server().bulk_docs(&database(), &writes, 500).await;
    assert!(landed.iter().all(|one| matches!(one, Landed::Failed(_))));
    assert_eq!(fake.requests(), 1);
}

/// The winner is deleted, so "another client was faster, nothing happened" would be false.
#[tokio::test]
async fn deletion_with_losing_leaf_in_conflict_counts_as_lost_answer() {
    let rows = r#"[{"ok":true,"id":"+1","rev":"2-a"},{"id":"+1","error":"conflict","reason":"x"}]"#;
    let fake = Fake::start(move |_| Reply::Of(201, rows.into()));
    let (winner, loser) = (Revision::parse("1-a"), Revision::parse("1-b"));
    let write = Write {
        id: "+1",
        rev: Some(&winner),
        body: None,
        losers: vec![&loser],
    };
    let landed = fake.server().bulk_docs(&database(), &[write], 500).await;
    let [Landed::Failed(error)] = &landed[..] else {
        panic!("{landed:?}");
    };
    assert!(error.is_temporary(), "{error}");
    assert_eq!(fake.requests(), 1);
}

#[tokio::test]
async fn reason_is_shown_for_every_status() {
    for status in [400, 403, 404, 405, 406, 409, 412, 416, 500, 503] {
        let fake = Fake::start(move |_| Reply::error(status, "odd", "because of this"));
        let server = fake.server_with(impatient());
        let database = database();
        let read = server.read_revisions(&database, &["+1"], 1);
        let error = read.await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("odd: because of this ({status})")),
            "{error}"
        );
        let error = server.create_database(&database).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains("because of this"), "{error}");
        assert!(
            error.starts_with("cannot create numbers%2F%2B1415 on http://"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn redirect_names_target_and_is_final() {
    let fake = Fake::start(|_| {
        let to = (
            "location",
            "https://admin:secret@db.example.com:6984/_all_dbs?token=x",
        );
        Reply::With(301, to, String::new())
    });
    let error = fake.server().databases("numbers/").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the server redirects to https://db.example.com:6984/_all_dbs (301)"),
        "{error}"
    );
    assert!(
        error
            .advice()
            .unwrap()
            .contains("redirects are not followed")
    );
    assert_eq!(fake.requests(), 1);
}

/// CouchDB refuses one database with 401 and accepts the credentials for others.
#[tokio::test]
async fn unauthorized_for_one_database_is_forbidden() {
    let fake = Fake::start(|request: &ReceivedRequest| {
        if request.line.starts_with("GET / ") {
            return Reply::json(r#"{"couchdb":"Welcome"}"#);
        }
        Reply::error(
            401,
            "unauthorized",
            "You are not authorized to access this db.",
        )
    });
    let server = fake.server();
    let error = server.exists(&database()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    let error = server.create_database(&database()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        error.to_string().contains("You are not authorized"),
        "{error}"
    );
    assert_eq!(fake.requests(), 3, "the credentials are checked once");
    let error = server.databases("").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        error
            .advice()
            .unwrap()
            .contains("accepts the user name and the password")
    );
}

#[tokio::test]
async fn wrong_password_is_sent_at_most_twice() {
    let roots = Arc::new(AtomicUsize::new(0));
    let asked_root = roots.clone();
    let fake = Fake::start(move |request: &ReceivedRequest| {
        if request.line.starts_with("GET / ") {
            asked_root.fetch_add(1, Ordering::Relaxed);
        }
        Reply::error(401, "unauthorized", "Name or password is incorrect.")
    });
    let server = fake.server();
    for _ in 0..3 {
        let error = server.exists(&database()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized);
        assert_eq!(
            error.advice().as_deref(),
            Some("check the user name and the password")
        );
    }
    assert_eq!(roots.load(Ordering::Relaxed), 1);
}
