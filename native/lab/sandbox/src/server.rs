//! Starting the sandbox, and stopping it.

use crate::auth::{Accounts, USERS};
use crate::hex;
use crate::http::{self, App};
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

/// After a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The sandbox could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The data directory or the file in it.
    #[error("cannot use {what}: {reason}")]
    Data {
        /// Which directory, or the memory.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was wanted.
        address: SocketAddr,
        /// What the system said.
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
    /// Everything in memory, gone with the process.
    ///
    /// # Errors
    /// None is known; the store could refuse to be made.
    pub fn memory() -> Result<Self, SandboxError> {
        Store::memory()
            .and_then(Self::new)
            .map_err(|error| SandboxError::Data {
                what: "memory".to_owned(),
                reason: error.to_string(),
            })
    }

    /// Everything in one file in a directory, which is made when it is missing. What was answered
    /// with success survives any end of the process.
    ///
    /// # Errors
    /// When the directory cannot be made or read, or another process has it open.
    pub fn open(directory: &Path) -> Result<Self, SandboxError> {
        Store::open(directory)
            .and_then(Self::new)
            .map_err(|error| SandboxError::Data {
                what: directory.display().to_string(),
                reason: error.to_string(),
            })
    }

    /// As a freshly installed CouchDB has them: a name of its own, and the system databases.
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
                    let uuid = hex::uuid();
                    writer.set_server("uuid", &uuid)?;
                    Ok(uuid)
                }
            }
        })?;
        Ok(Self { store, uuid })
    }
}

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where the data lie; nowhere but in memory when there is none.
    pub data: Option<PathBuf>,
    /// What to listen on. Only this machine, unless changed.
    pub bind: IpAddr,
    /// The port; 0 takes any that is free.
    pub port: u16,
    /// The administrator's name and password. Without one everybody is the administrator.
    pub admin: Option<(String, String)>,
    /// Names by which clients may call it, in addition to `localhost` and addresses. Another name in a `Host` header is refused.
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

/// A password that nobody can guess.
pub fn made_up_password() -> String {
    hex::uuid()
}

/// Takes connections until it is told to stop, and then ends them all: a client that keeps its
/// connection open must not keep the data open.
async fn accept(listener: TcpListener, router: Router, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Dropped counts as said.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    connections.spawn(serve_connection(stream, remote, router.clone()));
                }
                // Too many open files, most likely: some will be closed.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, remote: SocketAddr, router: Router) {
    // Answers are written in one piece; waiting for more only slows small ones down.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(remote));
        router.clone().call(request)
    });
    // It ends by itself or by the client's fault; neither is of interest.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A running sandbox. It ends when this is dropped, or by [`Server::shutdown`].
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    admin: Option<(String, String)>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Opens the data and listens. Must be called within a Tokio runtime, which serves it.
    ///
    /// # Errors
    /// When the data cannot be used, or the address cannot be listened on.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let sandbox = match &config.data {
            Some(directory) => Sandbox::open(directory)?,
            None => Sandbox::memory()?,
        };
        Self::serve(sandbox, config).await
    }

    /// The same with data that are open already.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(sandbox: Sandbox, config: SandboxConfig) -> Result<Self, SandboxError> {
        let wanted = SocketAddr::new(config.bind, config.port);
        let failed = |source| SandboxError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let accounts = Accounts::new(config.admin.clone());
        let app = Arc::new(App::new(
            sandbox.store,
            accounts,
            sandbox.uuid,
            config.hosts.clone(),
        ));
        let router = Router::new()
            .fallback(http::handle)
            .with_state(Arc::clone(&app));
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://user:password@host:port`, as clients want it.
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

    /// What was asked so far.
    pub fn stats(&self) -> Stats {
        self.app.stats.stats()
    }

    /// Starts counting anew.
    pub fn reset_stats(&self) {
        self.app.stats.reset();
    }

    /// Forgets all wrong passwords, so that nobody is locked out any more.
    pub fn unlock(&self) {
        self.app.accounts.unlock();
    }

    /// Stops listening, ends all connections, lets what is being written come to its end, and
    /// closes the data: the directory can be opened again afterwards.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens any more: then it has ended already.
            let _ = stop.send(());
        }
        // It can only have been cancelled, which is what is wanted.
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
