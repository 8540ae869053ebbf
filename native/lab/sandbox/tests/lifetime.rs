//! Persistence, shutdown and counters of the server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end so")]

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use kazoo_numbers_sandbox::{Endpoint, SandboxConfig, Server};
use std::path::Path;
use tokio::net::TcpStream;

struct Client(SendRequest<Full<bytes::Bytes>>);

impl Client {
    async fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.send_as("admin:secret", method, path, body).await
    }

    async fn send_as(
        &mut self,
        login: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, String) {
        let login = base64::engine::general_purpose::STANDARD.encode(login);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Basic {login}"))
            .header("content-type", "application/json")
            .body(Full::new(bytes::Bytes::from(body.to_owned())))
            .unwrap();
        self.0.ready().await.unwrap();
        let answer = self.0.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

async fn open(directory: &Path) -> Server {
    let config = SandboxConfig {
        data: Some(directory.to_owned()),
        ..SandboxConfig::default()
    };
    Server::start(config).await.unwrap()
}

const ALL: &str = "/numbers%2F%2B1555/_all_docs?include_docs=true&conflicts=true&attachments=true";

#[tokio::test]
async fn data_directory_keeps_all_data() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path()).await;
    let mut client = Client::new(&server).await;
    let (status, _) = client.send("PUT", "/numbers%2F%2B1555", "").await;
    assert_eq!(status, 201);
    let docs = r#"{"new_edits":false,"docs":[
        {"_id":"+15550001","_rev":"2-a","n":1e21,"_attachments":{"a":{"data":"aGVsbG8="}}},
        {"_id":"+15550001","_rev":"2-b","n":12345678901234567890},
        {"_id":"+15550002","_rev":"1-c","_deleted":true}]}"#;
    let (status, _) = client
        .send("POST", "/numbers%2F%2B1555/_bulk_docs", docs)
        .await;
    assert_eq!(status, 201);
    let security = r#"{"members":{"roles":["r"]}}"#;
    client
        .send("PUT", "/numbers%2F%2B1555/_security", security)
        .await;
    let before = client.send("GET", ALL, "").await;
    assert!(before.1.contains("12345678901234567890"), "{}", before.1);
    assert!(
        before.1.contains("\"_conflicts\":[\"2-a\"]"),
        "{}",
        before.1
    );
    let changes = client.send("GET", "/numbers%2F%2B1555/_changes", "").await;
    // The connection is still open and must not keep the file open.
    server.shutdown().await;

    let server = open(directory.path()).await;
    let mut client = Client::new(&server).await;
    assert_eq!(client.send("GET", ALL, "").await, before);
    let again = client.send("GET", "/numbers%2F%2B1555/_changes", "").await;
    assert_eq!(again, changes);
    let kept = client.send("GET", "/numbers%2F%2B1555/_security", "").await;
    assert_eq!(kept.1.trim(), security);
    // A new database with an old name is empty.
    client.send("DELETE", "/numbers%2F%2B1555", "").await;
    client.send("PUT", "/numbers%2F%2B1555", "").await;
    let (_, empty) = client.send("GET", ALL, "").await;
    assert!(empty.starts_with("{\"total_rows\":0,"), "{empty}");
    server.shutdown().await;
}

#[tokio::test]
async fn data_directory_is_used_by_one_server_only() {
    let directory = tempfile::tempdir().unwrap();
    let _server = open(directory.path()).await;
    let config = SandboxConfig {
        data: Some(directory.path().to_owned()),
        ..SandboxConfig::default()
    };
    let error = Server::start(config).await.unwrap_err().to_string();
    assert!(
        error.contains(&directory.path().display().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn requests_are_counted() {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let mut client = Client::new(&server).await;
    for (method, path) in [
        ("PUT", "/a%2Fb"),
        ("GET", "/a%2Fb/_all_docs"),
        ("GET", "/a%2Fb/_all_docs?limit=1"),
        ("GET", "/none/_all_docs"),
        ("GET", "/_all_dbs"),
        ("GET", "/a%2Fb/_design/d/_view/v"),
        ("GET", "/_sandbox/stats"),
    ] {
        client.send(method, path, "").await;
    }
    let stats = server.stats();
    assert_eq!(stats.total.requests, 6);
    assert!(stats.total.bytes_out > 0);
    assert_eq!(stats.requests("GET", Endpoint::AllDocs), 3);
    assert_eq!(stats.requests_in("a/b", "GET", Endpoint::AllDocs), 2);
    assert_eq!(stats.requests("GET", Endpoint::AllDbs), 1);
    assert_eq!(stats.requests("GET", Endpoint::View), 1);
    let (status, seen) = client.send("GET", "/_sandbox/stats", "").await;
    assert_eq!(status, 200);
    assert!(seen.starts_with("{\"requests\":6,"), "{seen}");
    client.send("POST", "/_sandbox/reset", "").await;
    assert_eq!(server.stats().total.requests, 0);
}

#[tokio::test]
async fn wrong_passwords_lock_user_out_until_unlock() {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let mut client = Client::new(&server).await;
    for _ in 0..5 {
        let answer = client.send_as("admin:wrong", "GET", "/_up", "").await;
        assert_eq!(answer.0, 401);
    }
    assert_eq!(client.send("GET", "/_up", "").await.0, 403);
    server.unlock();
    assert_eq!(client.send("GET", "/_up", "").await.0, 200);
}

/// Sends raw bytes and returns the status line.
async fn raw(server: &Server, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn foreign_host_is_refused() {
    let config = SandboxConfig {
        hosts: vec!["couch.test".to_owned()],
        ..SandboxConfig::default()
    };
    let server = Server::start(config).await.unwrap();
    for (host, status) in [
        ("localhost", "200 OK"),
        ("localhost:5984", "200 OK"),
        ("127.0.0.1:5984", "200 OK"),
        ("[::1]:5984", "200 OK"),
        ("Couch.Test:5984", "200 OK"),
        ("evil.example", "403 Forbidden"),
        ("evil.example:5984", "403 Forbidden"),
        ("127.0.0.1.evil.example", "403 Forbidden"),
        ("localhost.evil.example", "403 Forbidden"),
        ("", "403 Forbidden"),
    ] {
        let line = raw(&server, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(line, format!("HTTP/1.1 {status}"), "{host}");
    }
    let target = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(raw(&server, target).await, "HTTP/1.1 403 Forbidden");
    server.shutdown().await;
}

#[tokio::test]
async fn body_before_login_is_limited() {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let login = base64::engine::general_purpose::STANDARD.encode("admin:secret");
    let wrong = base64::engine::general_purpose::STANDARD.encode("admin:wrong");
    let post = |head: &str, length: usize| {
        let body = format!("{{\"docs\":[],\"x\":\"{}\"}}", "x".repeat(length));
        format!(
            "POST /_users/_bulk_docs HTTP/1.1\r\nHost: localhost\r\n{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let admin = format!("Authorization: Basic {login}\r\n");
    let stranger = format!("Authorization: Basic {wrong}\r\n");
    for (head, length, status) in [
        ("", 100, "401"),
        ("", 70_000, "413"),
        (&stranger, 100, "401"),
        (&stranger, 70_000, "413"),
        (&admin, 70_000, "201"),
    ] {
        let line = raw(&server, &post(head, length)).await;
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status}")),
            "{head}{length}: {line}"
        );
    }
    server.shutdown().await;
}

#[tokio::test]
async fn feed_has_each_database_that_changed_once() {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let mut client = Client::new(&server).await;
    // The values of a field, in the order of the text.
    fn values<'a>(text: &'a str, field: &str) -> Vec<&'a str> {
        let before = format!("\"{field}\":\"");
        let parts = text.split(&before).skip(1);
        parts.filter_map(|rest| rest.split('"').next()).collect()
    }
    assert_eq!(client.send("GET", "/_db_updates", "").await.0, 404);
    for database in ["/_global_changes", "/a", "/b", "/c"] {
        client.send("PUT", database, "").await;
    }
    let (_, now) = client.send("GET", "/_db_updates?since=now", "").await;
    assert!(values(&now, "db_name").is_empty(), "{now}");
    let since = values(&now, "last_seq").concat();
    for path in ["/b/1", "/a/1", "/b/2"] {
        client.send("PUT", path, "{}").await;
    }
    client.send("DELETE", "/c", "").await;
    let after = format!("/_db_updates?since={since}");
    let (_, changed) = client.send("GET", &after, "").await;
    assert_eq!(values(&changed, "db_name"), ["a", "b"]);
    // A feed that was made again knows no sequence of the first one.
    client.send("DELETE", "/_global_changes", "").await;
    client.send("PUT", "/_global_changes", "").await;
    let (_, all) = client.send("GET", &after, "").await;
    let system = ["_replicator", "_users"];
    let expected = [&system[..], &["a", "b", "_global_changes"]].concat();
    assert_eq!(values(&all, "db_name"), expected);
    server.shutdown().await;
}
