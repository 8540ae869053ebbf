//! Starts and stops the server.

use crate::auth::{USERS, Users};
use crate::http::{self, App, Threads};
use crate::random_id::random_id;
use crate::stats::Stats;
use crate::store::{Store, StoreError};
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tower_service::Service as _;

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Errors at the start of the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The data directory or its file is not usable.
    #[error("cannot use {what}: {reason}")]
    Data {
        /// The directory or the memory.
        what: String,
        /// The reason.
        reason: String,
    },
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
}

/// The data of a server: databases, documents, revisions.
#[derive(Debug)]
pub struct Sandbox {
    store: Store,
    uuid: String,
}

impl Sandbox {
    /// Creates data in memory, which end with the process.
    ///
    /// # Errors
    /// The store cannot be created.
    pub fn memory() -> Result<Self, SandboxError> {
        Store::memory()
            .and_then(Self::new)
            .map_err(|error| SandboxError::Data {
                what: "memory".to_owned(),
                reason: error.to_string(),
            })
    }

    /// Opens or creates data in one file in a directory. A write that was confirmed survives any
    /// end of the process.
    ///
    /// # Errors
    /// The directory cannot be created or read, or another process has it open.
    pub fn open(directory: &Path) -> Result<Self, SandboxError> {
        Store::open(directory)
            .and_then(Self::new)
            .map_err(|error| SandboxError::Data {
                what: directory.display().to_string(),
                reason: error.to_string(),
            })
    }

    /// Initialises the data as a new CouchDB does: a server id and the system databases.
    fn new(store: Store) -> Result<Self, StoreError> {
        let uuid = store.write::<_, StoreError>(|writer| {
            let created = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map(|time| time.as_secs())
                .unwrap_or_default();
            for name in ["_replicator", USERS] {
                if writer.database(name)?.is_none() {
                    writer.create_database(name, created, 1)?;
                }
            }
            match writer.server("uuid")? {
                Some(uuid) => Ok(uuid),
                None => {
                    let uuid = random_id();
                    writer.set_server("uuid", &uuid)?;
                    Ok(uuid)
                }
            }
        })?;
        Ok(Self { store, uuid })
    }
}

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The data directory. None keeps the data in memory.
    pub data: Option<PathBuf>,
    /// The address to listen on. The default is the loopback address.
    pub bind: IpAddr,
    /// The port. 0 selects a free one.
    pub port: u16,
    /// The administrator's name and password. Without them everybody is an administrator.
    pub admin: Option<(String, String)>,
    /// Accepted host names in addition to `localhost` and addresses. Any other name in a `Host`
    /// header is refused.
    pub hosts: Vec<String>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            data: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            admin: Some(("admin".to_owned(), "secret".to_owned())),
            hosts: Vec::new(),
        }
    }
}

pub(crate) fn app(sandbox: Sandbox, config: &SandboxConfig, threads: Threads) -> Arc<App> {
    let accounts = Users::new(config.admin.clone());
    let hosts = config.hosts.clone();
    let app = App::new(sandbox.store, accounts, sandbox.uuid, hosts, threads);
    Arc::new(app)
}

/// The routes of the server, with sockets and without.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .fallback(http::handle)
        .with_state(Arc::clone(app))
}

/// Returns a random password.
pub fn random_password() -> String {
    random_id()
}

/// Accepts connections until it is stopped, then ends all of them: an open connection must not keep
/// the data open.
async fn accept(listener: TcpListener, router: Router, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A dropped sender also means stop.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    connections.spawn(serve_connection(stream, remote, router.clone()));
                }
                // Probably too many open files. Some will be closed.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, remote: SocketAddr, router: Router) {
    // Each answer is one write, so delaying it is never useful.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(remote));
        router.clone().call(request)
    });
    // The connection ends normally or by the client's error. Neither matters here.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A running server. It ends when it is dropped or by [`Server::shutdown`].
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    admin: Option<(String, String)>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Opens the data and starts to serve. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// The data are not usable, or the server cannot listen on the address.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let sandbox = match &config.data {
            Some(directory) => Sandbox::open(directory)?,
            None => Sandbox::memory()?,
        };
        Self::serve(sandbox, config).await
    }

    /// Starts to serve data that are open already.
    ///
    /// # Errors
    /// The server cannot listen on the address.
    pub async fn serve(sandbox: Sandbox, config: SandboxConfig) -> Result<Self, SandboxError> {
        let wanted = SocketAddr::new(config.bind, config.port);
        let failed = |source| SandboxError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let app = app(sandbox, &config, Threads::Pool);
        let router = router(&app);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(accept(listener, router, stopped));
        Ok(Self {
            app,
            address,
            admin: config.admin,
            stop: Some(stop),
            task,
        })
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL with the administrator's credentials: `http://user:password@host:port`.
    pub fn url(&self) -> String {
        match &self.admin {
            Some((user, password)) => format!(
                "http://{}:{}@{}",
                http::escape(user),
                http::escape(password),
                self.address
            ),
            None => format!("http://{}", self.address),
        }
    }

    /// The counters of requests.
    pub fn stats(&self) -> Stats {
        self.app.stats.stats()
    }

    /// Resets the counters.
    pub fn reset_stats(&self) {
        self.app.stats.reset();
    }

    /// Ends all lockouts.
    pub fn unlock(&self) {
        self.app.accounts.unlock();
    }

    /// Stops listening, ends all connections, waits for writes in progress and closes the data. The
    /// directory can then be opened again.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has already stopped.
            let _ = stop.send(());
        }
        // The only possible error is a cancellation.
        let _ = (&mut self.task).await;
        while Arc::strong_count(&self.app) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Serves until the process ends.
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}
