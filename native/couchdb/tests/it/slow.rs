//! Answers that are too slow for a load balancer are requested again in smaller pieces.

use std::sync::Arc;
use std::time::Duration;

use kazoo_numbers_couchdb::{Attachments, HttpSettings, IdRange, Landed, Pages, Server};

use crate::support::{
    Fake, ReceivedRequest, Reply, database, documents, ids, keyed, page, settings, writes,
};

const DOCUMENTS: usize = 50;

async fn all(server: &Arc<Server>, limit: usize) -> Vec<String> {
    let mut pages = Pages::of_documents(
        server.clone(),
        database(),
        IdRange::all(),
        Attachments::Stubs,
        limit,
    );
    let mut read = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        read.extend(page.iter().map(|document| document.id().to_owned()));
    }
    read
}

/// A load balancer's answer to a timeout.
fn too_slow(kind: usize) -> Reply {
    match kind {
        0 => Reply::Of(504, "<html><title>Gateway Time-out</title></html>".into()),
        1 => Reply::Of(502, String::new()),
        2 => Reply::Of(520, String::new()),
        3 => Reply::Of(524, String::new()),
        4 => Reply::Cut(r#"{"rows":[{"id":"#.into()),
        5 => Reply::json(r#"{"total_rows":50,"rows":[{"id":"+1415","#),
        6 => Reply::error(
            500,
            "timeout",
            "The request could not be processed in a reasonable amount of time.",
        ),
        _ => Reply::Silence(Duration::from_millis(600)),
    }
}

#[tokio::test]
async fn slow_page_is_retried_with_half_the_rows_and_unbuffered() {
    for kind in 0..8 {
        let fake = Fake::start(move |request| {
            if request.limit() > 13 {
                return too_slow(kind);
            }
            assert!(!request.is_buffered(), "{}", request.line);
            Reply::json(page(&ids(DOCUMENTS), request))
        });
        let server = fake.server();
        assert_eq!(all(&server, 100).await, ids(DOCUMENTS), "kind {kind}");
        let lines = fake.lines.lock().unwrap().clone();
        assert!(lines[0].contains("buffer_response=true"), "{}", lines[0]);
        assert!(lines[0].contains("limit=100"), "{}", lines[0]);
        assert!(lines[1].contains("limit=50"), "{}", lines[1]);
        let after = fake.requests();
        assert_eq!(all(&server, 100).await, ids(DOCUMENTS));
        let sizes = fake.lines.lock().unwrap()[after..].join("\n");
        assert!(!sizes.contains("limit=100"), "the size is kept: {sizes}");
    }
}

#[tokio::test]
async fn pages_shrink_to_one_document() {
    let fake = Fake::start(|request| {
        if request.limit() > 1 {
            return too_slow(0);
        }
        Reply::json(page(&ids(DOCUMENTS), request))
    });
    assert_eq!(all(&fake.server(), 1000).await, ids(DOCUMENTS));
}

#[tokio::test]
async fn shrinking_pages_lose_and_repeat_no_row() {
    for (from, to) in [(10, 1), (10, 2), (10, 3)] {
        let fake = Fake::start(move |request| {
            let in_middle = request.line.contains("002") || request.line.contains("003");
            if request.limit() > if in_middle { to } else { from } {
                return too_slow(0);
            }
            Reply::json(page(&ids(DOCUMENTS), request))
        });
        assert_eq!(
            all(&fake.server(), 10).await,
            ids(DOCUMENTS),
            "{from} to {to}"
        );
    }
}

#[tokio::test]
async fn page_size_grows_again_after_a_while() {
    let settings = HttpSettings {
        small_pages: Duration::from_millis(30),
        ..settings()
    };
    let slow = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_slow = slow.clone();
    let fake = Fake::start(move |request| {
        if request.limit() > 10 && is_slow.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return too_slow(0);
        }
        Reply::json(page(&ids(DOCUMENTS), request))
    });
    let server = fake.server_with(settings);
    all(&server, 100).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    let before = fake.requests();
    all(&server, 100).await;
    assert!(fake.lines.lock().unwrap()[before].contains("limit=100"));
}

#[tokio::test]
async fn reads_by_keys_and_queries_shrink() {
    let fake = Fake::start(|request: &ReceivedRequest| {
        if request.line.contains("queries") {
            return too_slow(0);
        }
        if request.line.starts_with("GET") {
            return Reply::json(page(&ids(DOCUMENTS), request));
        }
        let (count, body) = keyed(request);
        if count > 3 {
            too_slow(1)
        } else {
            Reply::json(body)
        }
    });
    let server = fake.server();
    let ids = ids(DOCUMENTS);
    let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
    let database = database();
    let found = server.read_documents(&database, &wanted, Attachments::Stubs, 500);
    let found = found.await.unwrap();
    assert!(found.len() == DOCUMENTS && found.iter().all(|one| one.is_present()));
    let (all, stubs) = (IdRange::all, Attachments::Stubs);
    let mut numbers = Pages::of_documents(server.clone(), database.clone(), all(), stubs, 100);
    let mut others = Pages::of_revisions(server.clone(), database.clone(), all(), 100);
    numbers.begin_with(&mut others).await.unwrap();
    assert!(!numbers.next().await.unwrap().unwrap().is_empty());
    assert!(!others.next().await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn writes_shrink_at_next_attempt() {
    let fake = Fake::start(|request: &ReceivedRequest| {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        let ids = body["docs"].as_array().unwrap().iter();
        let rows: Vec<String> = ids
            .map(|document| format!(r#"{{"id":{},"rev":"1-a"}}"#, document["_id"]))
            .collect();
        if rows.len() > 30 {
            return too_slow(0);
        }
        Reply::Of(201, format!("[{}]", rows.join(",")))
    });
    let server = fake.server();
    let documents = documents(DOCUMENTS);
    let writes = writes(&documents);
    let landed = server.bulk_docs(&database(), &writes, 500).await;
    assert!(
        landed
            .iter()
            .all(|one| matches!(one, Landed::Failed(error) if error.is_temporary()))
    );
    let landed = server.bulk_docs(&database(), &writes, 500).await;
    assert!(landed.iter().all(|one| matches!(one, Landed::Written(_))));
}
