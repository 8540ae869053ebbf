//! Servers with faults: over sockets, and in the same process.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kazoo_numbers::couchdb::Transport;
use kazoo_numbers_faults::{FaultLayer, Hits, Interceptor, Proxy, Recording, Schedule, Upstream};
use kazoo_numbers_generator::{Cluster, Revisions};
use kazoo_numbers_testkit::cases::{self, Fixture};
use kazoo_numbers_testkit::local::{LocalTestServer, URL};
use kazoo_numbers_testkit::server::{TestServer, external_url};
use tokio::runtime::Runtime;

/// The address of a server for a command.
pub struct Target {
    pub url: String,
    /// None: the network.
    pub transport: Option<Arc<dyn Transport>>,
}

impl From<&str> for Target {
    fn from(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            transport: None,
        }
    }
}

/// A server with a cluster. Faults can be injected into the requests of commands.
pub trait FaultyServer {
    fn target(&self) -> Target;

    /// Replaces all data on the server with this cluster and reads it back, without faults.
    async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions);

    /// Reads all data on the server, without faults.
    async fn read(&self) -> (Cluster, Revisions);

    /// Activates a schedule and clears the recording.
    fn arm(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>);

    /// Ends the schedule. Returns the recording and the number of faults of each rule.
    async fn disarm(&self) -> (Recording, Hits);
}

/// A server with a proxy in front of it.
pub struct ProxiedServer {
    pub proxy: Proxy,
    server: TestServer,
    /// The number of injected faults.
    injected: AtomicU64,
}

impl ProxiedServer {
    /// The number of faults that were injected between an [`arm`](FaultyServer::arm) and its
    /// [`disarm`](FaultyServer::disarm).
    pub fn injected_faults(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }
}

impl Deref for ProxiedServer {
    type Target = TestServer;

    fn deref(&self) -> &TestServer {
        &self.server
    }
}

impl Fixture for ProxiedServer {
    async fn begin() -> Self {
        let server = TestServer::start().await;
        let proxy = Proxy::start(&server.url).await.unwrap();
        Self {
            proxy,
            server,
            injected: AtomicU64::new(0),
        }
    }

    async fn end(self) {
        self.server.end().await;
    }
}

impl FaultyServer for ProxiedServer {
    fn target(&self) -> Target {
        self.proxy.url().as_str().into()
    }

    async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        self.server.set(cluster).await
    }

    async fn read(&self) -> (Cluster, Revisions) {
        self.server.read().await
    }

    fn arm(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        self.proxy.arm_with(schedule, interceptor);
    }

    async fn disarm(&self) -> (Recording, Hits) {
        let (recording, hits) = self.proxy.disarm().await;
        let injected = hits.iter().copied().map(u64::from).sum();
        self.injected.fetch_add(injected, Ordering::Relaxed);
        (recording, hits)
    }
}

/// An embedded server in the same process with faults in front of it.
pub struct LocalServer {
    faults: FaultLayer,
    server: LocalTestServer,
}

/// The server of random cases: in the same process, with paused time; a proxied one if
/// `COUCHDB_URL` is set.
pub enum RandomServer {
    Local(LocalServer),
    Proxied(ProxiedServer),
}

impl Fixture for RandomServer {
    fn runtime() -> Runtime {
        if external_url().is_some() {
            cases::network_runtime()
        } else {
            cases::paused_runtime()
        }
    }

    async fn begin() -> Self {
        if external_url().is_some() {
            return Self::Proxied(ProxiedServer::begin().await);
        }
        let server = LocalTestServer::start();
        let upstream = Upstream::over(URL, server.transport.clone()).unwrap();
        Self::Local(LocalServer {
            faults: FaultLayer::new(upstream),
            server,
        })
    }

    async fn end(self) {
        if let Self::Proxied(server) = self {
            server.end().await;
        }
    }
}

impl FaultyServer for RandomServer {
    fn target(&self) -> Target {
        match self {
            Self::Local(local) => Target {
                url: URL.to_owned(),
                transport: Some(Arc::new(local.faults.clone())),
            },
            Self::Proxied(server) => server.target(),
        }
    }

    async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        match self {
            Self::Local(local) => local.server.set(cluster),
            Self::Proxied(server) => server.set(cluster).await,
        }
    }

    async fn read(&self) -> (Cluster, Revisions) {
        match self {
            Self::Local(local) => local.server.read(),
            Self::Proxied(server) => FaultyServer::read(server).await,
        }
    }

    fn arm(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        match self {
            Self::Local(local) => local.faults.arm_with(schedule, interceptor),
            Self::Proxied(server) => server.arm(schedule, interceptor),
        }
    }

    async fn disarm(&self) -> (Recording, Hits) {
        match self {
            Self::Local(local) => local.faults.disarm().await,
            Self::Proxied(server) => server.disarm().await,
        }
    }
}
