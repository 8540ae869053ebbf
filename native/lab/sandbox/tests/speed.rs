//! The time of a read must not depend on the number of rows before it. It is compared with a read
//! at the same time, not with a fixed limit, so a busy machine does not matter.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end so")]

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const DOCUMENTS: usize = 20_000;
const BATCH: usize = 500;
const PAGE: usize = 500;

type Sender = SendRequest<Full<bytes::Bytes>>;

async fn connect(server: &Server) -> Sender {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &mut Sender, method: &str, path: &str, body: String) -> bytes::Bytes {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", "Basic YWRtaW46c2VjcmV0")
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    sender.ready().await.unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn id(number: usize) -> String {
    format!("%2B1555{number:07}")
}

#[tokio::test]
async fn last_page_takes_as_long_as_first() {
    let server = Server::start(SandboxConfig::default()).await.unwrap();
    let mut sender = connect(&server).await;
    send(&mut sender, "PUT", "/numbers", String::new()).await;
    let filling = "x".repeat(400);
    for batch in 0..DOCUMENTS / BATCH {
        let mut docs = String::new();
        for number in batch * BATCH..(batch + 1) * BATCH {
            let comma = if docs.is_empty() { "" } else { "," };
            write!(
                docs,
                "{comma}{{\"_id\":\"+1555{number:07}\",\"f\":\"{filling}\"}}"
            )
            .unwrap();
        }
        send(
            &mut sender,
            "POST",
            "/numbers/_bulk_docs",
            format!("{{\"docs\":[{docs}]}}"),
        )
        .await;
    }
    let mut times = Vec::new();
    for page in 0..DOCUMENTS / PAGE {
        let start = id(page * PAGE);
        let path = format!(
            "/numbers/_all_docs?include_docs=true&limit={}&startkey=%22{start}%22",
            PAGE + 1
        );
        let began = Instant::now();
        let body = send(&mut sender, "GET", &path, String::new()).await;
        times.push(began.elapsed());
        let offset = format!("\"offset\":{},", page * PAGE);
        assert!(body.len() > PAGE * 400, "page {page} is too short");
        assert!(
            String::from_utf8_lossy(&body[..60]).contains(&offset),
            "page {page}"
        );
    }
    // The fastest of each: the time of a page without other load.
    let quickest = |times: &[Duration]| times.iter().min().copied().unwrap();
    let first = quickest(&times[1..11]);
    let last = quickest(&times[times.len() - 10..]);
    assert!(
        last < first * 4,
        "the first page takes {first:?}, the last one {last:?}"
    );
    server.shutdown().await;
}
