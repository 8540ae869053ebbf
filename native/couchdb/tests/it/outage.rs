//! A short outage does not fail a request; a long one does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kazoo_numbers_couchdb::{HttpSettings, Kind, OnOutage, Server, ServerUrl};
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Reply, database, server, settings};

/// An answer during an outage.
fn outage_answer(kind: usize) -> Reply {
    match kind {
        0 => Reply::Of(503, "<html>503 Service Unavailable</html>".into()),
        1 => Reply::Closed,
        2 => Reply::error(412, "nodedown", "progress not possible"),
        3 => Reply::error(
            500,
            "internal_server_error",
            "No DB shards could be opened.",
        ),
        _ => Reply::Of(502, String::new()),
    }
}

#[tokio::test]
async fn short_outage_fails_no_request() {
    for kind in 0..5 {
        let began = Instant::now();
        let fake = Fake::start(move |_| {
            if began.elapsed() < Duration::from_millis(1200) {
                return outage_answer(kind);
            }
            Reply::json(r#"{"db_name":"numbers/+1415"}"#)
        });
        let exists = fake.server().exists(&database()).await;
        assert!(exists.unwrap(), "kind {kind}");
        assert!(
            fake.requests() > 4 && fake.requests() < 500,
            "{}",
            fake.requests()
        );
    }
}

#[tokio::test]
async fn request_waits_for_server_that_starts_late() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let asking = tokio::spawn(async move {
        let server = server(&format!("http://{address}"), settings());
        server.exists(&database()).await
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let listener = std::net::TcpListener::bind(address).unwrap();
    let answering = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let body = r#"{"db_name":"x"}"#;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    assert!(asking.await.unwrap().unwrap());
    answering.join().unwrap();
}

#[tokio::test]
async fn outage_is_announced_once_and_fails_once() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let settings = HttpSettings {
        longest_pause: Duration::from_millis(200),
        on_outage: Some(OnOutage(Arc::new(move |error, _| {
            hears.lock().unwrap().push(error.to_string());
        }))),
        ..settings()
    };
    let server = server("http://127.0.0.1:1", settings);
    let began = Instant::now();
    let (one, other) = (database(), database());
    let (first, second) = tokio::join!(server.exists(&one), server.exists(&other));
    let (error, took) = (first.unwrap_err(), began.elapsed());
    assert!(second.is_err());
    assert!(took >= Duration::from_millis(600), "{took:?}");
    assert_eq!(error.kind(), Kind::Connection);
    assert_eq!(
        error.to_string(),
        "cannot read numbers%2F%2B1415 on http://127.0.0.1:1 (from COUCHDB_URL): connection refused"
    );
    assert_eq!(
        error.advice().unwrap(),
        "does CouchDB run on host 127.0.0.1, port 1? Check COUCHDB_URL, and the firewall. It may be temporary: try again later"
    );
    assert_eq!(heard.lock().unwrap().len(), 1);
    // The next request does not wait for the whole patience again.
    let began = Instant::now();
    server.exists(&database()).await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn cancelled_run_stops_waiting_immediately() {
    let cancel = CancellationToken::new();
    let settings = HttpSettings {
        first_pause: Duration::from_secs(30),
        longest_pause: Duration::from_secs(300),
        ..HttpSettings::default()
    };
    let url = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    let server = Server::new(url, settings, Arc::default(), cancel.clone()).unwrap();
    let asking = tokio::spawn(async move { server.exists(&database()).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    cancel.cancel();
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[test]
fn default_patience_is_longer_than_a_minute() {
    assert!(HttpSettings::default().patience() > Duration::from_secs(60));
}

#[tokio::test]
async fn html_answer_is_retried_only_a_few_times() {
    let tries = Arc::new(AtomicUsize::new(0));
    let tried = tries.clone();
    let fake = Fake::start(move |_| {
        tried.fetch_add(1, Ordering::Relaxed);
        Reply::Of(200, "<html><title>It works!</title></html>".into())
    });
    let error = fake.server().databases("numbers/").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("200 OK with an HTML page (\"It works!\")"),
        "{error}"
    );
    assert_eq!(tries.load(Ordering::Relaxed), HttpSettings::default().tries);
}
