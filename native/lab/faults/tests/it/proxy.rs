//! The proxy follows its schedule and records the traffic.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use hyper::Method;
use kazoo_numbers_faults::{
    Fault, Proxy, ProxyError, RequestFilter, RequestKind, RetryAfter, Schedule, Upstream,
    UpstreamAnswer,
};
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use tokio::net::TcpStream;

struct ProxyFixture {
    sandbox: Server,
    proxy: Proxy,
    client: Upstream,
}

const WRITE: &str = r#"{"docs":[{"_id":"a","n":1},{"_id":"b"}]}"#;

impl ProxyFixture {
    async fn new() -> Self {
        let sandbox = Server::start(SandboxConfig::default()).await.unwrap();
        let proxy = Proxy::start(&sandbox.url()).await.unwrap();
        let client = Upstream::new(&proxy.url()).unwrap();
        proxy.server().send(Method::PUT, "/d", "").await.unwrap();
        Self {
            sandbox,
            proxy,
            client,
        }
    }

    async fn write(&self) -> Result<UpstreamAnswer, ProxyError> {
        self.client.send(Method::POST, "/d/_bulk_docs", WRITE).await
    }

    async fn read(&self) -> Result<UpstreamAnswer, ProxyError> {
        self.client
            .send(Method::GET, "/d/_all_docs?include_docs=true", "")
            .await
    }

    /// The number of documents, read without the proxy.
    async fn documents(&self) -> usize {
        let server = self.proxy.server();
        let answer = server.send(Method::GET, "/d/_all_docs", "").await.unwrap();
        text(&answer).matches("\"id\"").count()
    }
}

fn text(answer: &UpstreamAnswer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn resets_happen_before_or_after_the_write() {
    let scene = ProxyFixture::new().await;
    scene.proxy.arm(Schedule::first(
        1,
        RequestFilter::Writes,
        Fault::ResetBefore,
    ));
    assert!(scene.write().await.is_err());
    assert_eq!(scene.documents().await, 0);
    for fault in [Fault::ResetAfter, Fault::CutShort] {
        scene
            .proxy
            .arm(Schedule::first(1, RequestFilter::Writes, fault));
        assert!(scene.write().await.is_err());
        assert_eq!(scene.documents().await, 2);
        let (recording, hits) = scene.proxy.disarm().await;
        assert_eq!(hits, [1]);
        assert_eq!(recording.written.len(), 2);
    }
    assert_eq!(scene.write().await.unwrap().status, 201);
    scene.sandbox.shutdown().await;
}

#[tokio::test]
async fn answers_are_changed_by_the_fault() {
    let scene = ProxyFixture::new().await;
    scene.write().await.unwrap();
    let whole = text(&scene.read().await.unwrap());
    for (fault, check) in [
        (
            Fault::Truncated,
            (|body, whole| whole.starts_with(body) && body.len() < whole.len())
                as fn(&str, &str) -> bool,
        ),
        (Fault::Garbage, |body, _| body.starts_with("<html>")),
        (Fault::DuplicatedRows, |body, _| {
            body.matches("\"id\":\"a\"").count() == 2
        }),
        (Fault::ReorderedRows, |body, _| {
            body.find("\"id\":\"b\"") < body.find("\"id\":\"a\"")
        }),
        (Fault::Bandwidth(10), |body, whole| body == whole),
    ] {
        scene
            .proxy
            .arm(Schedule::first(1, RequestFilter::Reads, fault));
        let body = text(&scene.read().await.unwrap());
        assert!(check(&body, &whole), "{fault:?}: {body}");
    }
    scene.sandbox.shutdown().await;
}

#[tokio::test]
async fn statuses_have_matching_bodies() {
    let scene = ProxyFixture::new().await;
    for (code, acted) in [(401, false), (413, false), (429, false), (503, true)] {
        let before = scene.documents().await;
        let fault = Fault::Status {
            code,
            acted,
            html: code == 503,
            retry_after: Some(RetryAfter::Seconds(1)),
        };
        scene.proxy.arm(Schedule::first(
            1,
            RequestFilter::Only(RequestKind::BulkDocs),
            fault,
        ));
        let answer = scene.write().await.unwrap();
        assert_eq!(answer.status, code);
        assert_eq!(text(&answer).starts_with("<html>"), code == 503);
        assert_eq!(scene.documents().await, if acted { 2 } else { before });
    }
    scene.proxy.arm(Schedule::first(
        1,
        RequestFilter::Writes,
        Fault::ErrorWithRows,
    ));
    let answer = scene.write().await.unwrap();
    assert_eq!((answer.status, &answer.body[..1]), (500, &b"["[..]));
    scene
        .proxy
        .arm(Schedule::first(1, RequestFilter::Writes, Fault::Accepted));
    assert_eq!(scene.write().await.unwrap().status, 202);
    scene.sandbox.shutdown().await;
}

#[tokio::test]
async fn restart_resets_connections_and_refuses_new_ones() {
    let scene = ProxyFixture::new().await;
    let url = url::Url::parse(&scene.proxy.url()).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    for acted in [false, true] {
        let idle = TcpStream::connect(address).await.unwrap();
        let away = Duration::from_millis(300);
        let restart = Fault::Restart { acted, away };
        scene
            .proxy
            .arm(Schedule::first(1, RequestFilter::Writes, restart));
        let before = scene.documents().await;
        assert!(scene.write().await.is_err());
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        idle.readable().await.unwrap();
        let reset = idle.try_read(&mut [0]).unwrap_err();
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        assert_eq!(scene.documents().await, if acted { 2 } else { before });
        scene.proxy.disarm().await;
        assert_eq!(scene.write().await.unwrap().status, 201);
    }
    scene.sandbox.shutdown().await;
}

#[tokio::test]
async fn disarm_waits_for_late_write() {
    let scene = ProxyFixture::new().await;
    let late = Fault::ActsLate(Duration::from_millis(200));
    scene
        .proxy
        .arm(Schedule::first(1, RequestFilter::Writes, late));
    let started = Instant::now();
    let impatient = tokio::time::timeout(Duration::from_millis(50), scene.write()).await;
    assert!(impatient.is_err());
    assert_eq!(scene.documents().await, 0);
    scene.proxy.disarm().await;
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(scene.documents().await, 2);
    scene.sandbox.shutdown().await;
}

#[tokio::test]
async fn recording_knows_which_revisions_were_read() {
    let scene = ProxyFixture::new().await;
    scene.write().await.unwrap();
    let listing = text(
        &scene
            .proxy
            .server()
            .send(Method::GET, "/d/_all_docs?startkey=%22a%22&limit=1", "")
            .await
            .unwrap(),
    );
    let rev = listing
        .split("\"rev\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let update = format!(r#"{{"docs":[{{"_id":"a","_rev":"{rev}","n":2}}]}}"#);
    scene.proxy.arm(Schedule::quiet());
    scene
        .client
        .send(Method::POST, "/d/_bulk_docs", update.clone())
        .await
        .unwrap();
    let (recording, _) = scene.proxy.disarm().await;
    assert_eq!(recording.unread_writes().count(), 1, "{recording:?}");

    // Only a revision in an answer that arrived counts as read.
    scene
        .proxy
        .arm(Schedule::first(1, RequestFilter::Reads, Fault::Truncated));
    scene.read().await.unwrap();
    let listing = text(
        &scene
            .proxy
            .server()
            .send(Method::GET, "/d/_all_docs?startkey=%22a%22&limit=1", "")
            .await
            .unwrap(),
    );
    let rev = listing
        .split("\"rev\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let update = format!(r#"{{"docs":[{{"_id":"a","_rev":"{rev}","n":3}}]}}"#);
    scene
        .client
        .send(Method::POST, "/d/_bulk_docs", update)
        .await
        .unwrap();
    scene.read().await.unwrap();
    let (recording, _) = scene.proxy.disarm().await;
    assert_eq!(recording.unread_writes().count(), 1);
    let landed = recording.written[0].landed.clone().unwrap();
    assert!(recording.has_read("d", "a", &landed));
    scene.sandbox.shutdown().await;
}
