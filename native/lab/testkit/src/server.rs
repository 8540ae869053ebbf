//! Servers for tests: the embedded server, or a real CouchDB at `COUCHDB_URL`.

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

/// Serialises the tests that share an external server.
static EXCLUSIVE: Mutex<()> = Mutex::const_new(());

/// A server for a test: the embedded one, or the one at `COUCHDB_URL`. An external server with
/// foreign databases is refused.
pub struct TestServer {
    pub url: String,
    pub sandbox: Option<Server>,
    clusters: ClusterServer,
    _exclusive: Option<MutexGuard<'static, ()>>,
}

impl TestServer {
    pub async fn start() -> Self {
        if let Some(url) = external_url() {
            let exclusive = EXCLUSIVE.lock().await;
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
                _exclusive: Some(exclusive),
            };
        }
        Self::embedded().await
    }

    /// Starts an embedded server, whatever `COUCHDB_URL` says.
    pub async fn embedded() -> Self {
        let sandbox = Server::start(SandboxConfig::default()).await.unwrap();
        Self {
            url: sandbox.url(),
            clusters: ClusterServer::at(&sandbox.url()).unwrap(),
            sandbox: Some(sandbox),
            _exclusive: None,
        }
    }

    /// Whether this is an external server, which is slower and shared.
    pub fn is_real(&self) -> bool {
        self.sandbox.is_none()
    }

    /// Replaces all data on the server with this cluster.
    pub async fn replace(&self, cluster: &Cluster) {
        self.clusters.replace(cluster).await.unwrap();
    }

    /// Replaces all data on the server with this cluster and reads it back.
    pub async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        self.replace(cluster).await;
        self.read().await
    }

    /// Reads all data on the server.
    pub async fn read(&self) -> (Cluster, Revisions) {
        self.clusters.read().await.unwrap()
    }

    /// Sends a request; `path` starts with `/` and is percent-encoded.
    pub async fn send(&self, method: Method, path: &str) -> Response {
        send(&self.url, method, path, None).await
    }

    pub async fn end(self) {
        self.clusters.wipe().await.unwrap();
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// Sends a request to a server; `path` starts with `/` and is percent-encoded.
pub async fn send(url: &str, method: Method, path: &str, body: Option<String>) -> Response {
    let url = ServerUrl::parse(url).unwrap();
    let client = Client::new(url, &HttpSettings::default(), Arc::default()).unwrap();
    let request = Request::write(Operation::CONNECT, method, path);
    let request = match body {
        Some(body) => request.body(body),
        None => request,
    };
    client.send(&request).await.unwrap()
}

/// The external server's URL, if `COUCHDB_URL` is set.
pub fn external_url() -> Option<String> {
    std::env::var("COUCHDB_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// The password of every [`EmbeddedServer`]. No output may hold it.
pub const PASSWORD: &str = "n0t-t0-be-5een";

/// An embedded server with its own runtime, for tests that start programs.
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

    /// A server with a number database that this project did not create.
    pub fn with_foreign_database() -> Self {
        let server = Self::with(None);
        let mut connection = TcpStream::connect(server.server.address()).unwrap();
        connection
            .write_all(
                b"PUT /numbers%2F%2B1415 HTTP/1.1\r\nHost: localhost\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        server
    }

    pub fn seeded(options: &Options) -> Self {
        let server = Self::start();
        let plan = Plan::new(options);
        server.runtime.block_on(plan.load(&server.url())).unwrap();
        server
    }

    /// Adds a cluster's databases.
    pub fn load(&self, cluster: &Cluster) {
        self.runtime.block_on(cluster.load(&self.url())).unwrap();
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// The number of answered requests.
    pub fn requests(&self) -> u64 {
        self.server.stats().total.requests
    }

    /// Reads all data on the server.
    pub fn data(&self) -> (Cluster, Revisions) {
        self.runtime.block_on(Cluster::read(&self.url())).unwrap()
    }
}
