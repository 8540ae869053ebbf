//! Servers for tests: the workspace's own, or a real CouchDB that `COUCHDB_URL` names.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use kazoo_numbers::couchdb::{
    Client, HttpSettings, Method, Operation, Request, Response, ServerUrl,
};
use kazoo_numbers_generator::{
    Cluster, ClusterServer, Options, Plan, Revisions, claim, refuse_if_occupied,
};
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard};

/// A server given from outside is one for all tests of a process: one test at a time has it.
static TURN: Mutex<()> = Mutex::const_new(());

/// A server for a test: the workspace's own, or that of `COUCHDB_URL`, which is left alone if it
/// holds somebody else's databases.
pub struct TestServer {
    pub url: String,
    pub sandbox: Option<Server>,
    clusters: ClusterServer,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl TestServer {
    pub async fn start() -> Self {
        if let Some(url) = given() {
            let turn = TURN.lock().await;
            if std::env::var_os("KAZOO_NUMBERS_TEST_ANYWAY").is_some() {
                claim(&url).await.unwrap();
            } else {
                refuse_if_occupied(&url).await.unwrap();
            }
            Cluster::wipe(&url).await.unwrap();
            return Self {
                clusters: ClusterServer::at(&url).unwrap(),
                url,
                sandbox: None,
                _turn: Some(turn),
            };
        }
        Self::embedded().await
    }

    /// The workspace's own server, whatever `COUCHDB_URL` says.
    pub async fn embedded() -> Self {
        let sandbox = Server::start(SandboxConfig::default()).await.unwrap();
        Self {
            url: sandbox.url(),
            clusters: ClusterServer::at(&sandbox.url()).unwrap(),
            sandbox: Some(sandbox),
            _turn: None,
        }
    }

    /// Whether this is a server given from outside, which is slower and shared.
    pub fn is_real(&self) -> bool {
        self.sandbox.is_none()
    }

    /// Makes the server hold this cluster and nothing else.
    pub async fn replace(&self, cluster: &Cluster) {
        self.clusters.replace(cluster).await.unwrap();
    }

    /// Makes the server hold this cluster and nothing else, and reads it back.
    pub async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        self.replace(cluster).await;
        self.read().await
    }

    /// All that the server holds.
    pub async fn read(&self) -> (Cluster, Revisions) {
        self.clusters.read().await.unwrap()
    }

    /// Asks the server; `path` starts with `/` and is percent-encoded.
    pub async fn ask(&self, method: Method, path: &str) -> Response {
        ask(&self.url, method, path, None).await
    }

    pub async fn end(self) {
        self.clusters.wipe().await.unwrap();
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// Asks a server; `path` starts with `/` and is percent-encoded.
pub async fn ask(url: &str, method: Method, path: &str, body: Option<String>) -> Response {
    let url = ServerUrl::parse(url).unwrap();
    let client = Client::new(url, &HttpSettings::default(), Arc::default()).unwrap();
    let request = Request::write(Operation::CONNECT, method, path);
    let request = match body {
        Some(body) => request.body(body),
        None => request,
    };
    client.send(&request).await.unwrap()
}

/// The server that was given from outside.
pub fn given() -> Option<String> {
    std::env::var("COUCHDB_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// The password of every [`EmbeddedServer`], which no output may hold.
pub const PASSWORD: &str = "n0t-t0-be-5een";

/// The workspace's own server with a runtime of its own, for tests that start programs.
pub struct EmbeddedServer {
    runtime: Runtime,
    server: Server,
}

impl EmbeddedServer {
    pub fn start() -> Self {
        Self::with(Some(("admin".into(), PASSWORD.into())))
    }

    fn with(admin: Option<(String, String)>) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = SandboxConfig {
            admin,
            ..SandboxConfig::default()
        };
        let server = runtime.block_on(Server::start(config)).unwrap();
        Self { runtime, server }
    }

    /// A server on which somebody else made a number database.
    pub fn of_somebody_else() -> Self {
        let stage = Self::with(None);
        let mut connection = TcpStream::connect(stage.server.address()).unwrap();
        connection
            .write_all(
                b"PUT /numbers%2F%2B1415 HTTP/1.1\r\nHost: localhost\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        stage
    }

    pub fn seeded(options: &Options) -> Self {
        let stage = Self::start();
        let plan = Plan::new(options);
        stage.runtime.block_on(plan.load(&stage.url())).unwrap();
        stage
    }

    /// Adds these databases.
    pub fn load(&self, cluster: &Cluster) {
        self.runtime.block_on(cluster.load(&self.url())).unwrap();
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// All that the server holds.
    pub fn data(&self) -> (Cluster, Revisions) {
        self.runtime.block_on(Cluster::read(&self.url())).unwrap()
    }
}
