//! The cluster of a run: its servers, its identity, its system config.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{Mutex, OnceCell};
use tracing::{Instrument, debug_span};

use crate::host::Host;
use crate::journal::RunStart;
use crate::kazoo::{Converters, DatabaseName, NUMBER_MANAGER, Normaliser, SystemConfig};
use crate::report::{Reporter, Summary};
use couchdb::{
    AnswerBudget, Attachments, Cancel, ClusterIdentity, Error, Found, HttpSettings, Kind, OnOutage,
    Pace, Server, ServerUrl, Traffic,
};

/// The servers of a cluster, and cached facts about it.
pub(crate) struct Cluster {
    host: Arc<dyn Host>,
    http: HttpSettings,
    cancel: Cancel,
    servers: Mutex<HashMap<ServerUrl, Arc<Server>>>,
    traffic: Arc<Traffic>,
    identity: OnceCell<ClusterIdentity>,
    normaliser: OnceCell<Arc<Normaliser>>,
    /// The section of the system config that has priority.
    section: String,
}

impl Cluster {
    /// A cluster as the host knows it. Outages are reported as warnings.
    pub(super) fn new(
        host: Arc<dyn Host>,
        http: &HttpSettings,
        pace: &Pace,
        section: &str,
        reporter: &Reporter,
        cancel: Cancel,
    ) -> Self {
        let mut http = http.clone();
        // One budget for the answers of all servers.
        http.answers = AnswerBudget::default();
        http.pace = Some(pace.clone());
        let warn = reporter.warner();
        http.on_outage = Some(OnOutage(Arc::new(move |error, patience| {
            warn(format!(
                "{error}; trying again for {} seconds",
                patience.as_secs()
            ));
        })));
        Self {
            host,
            http,
            cancel,
            servers: Mutex::default(),
            traffic: Arc::default(),
            identity: OnceCell::new(),
            normaliser: OnceCell::new(),
            section: section.to_owned(),
        }
    }

    pub(crate) fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// The server of a database. Without a database: the server that lists the cluster's databases.
    pub(crate) async fn server(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<Arc<Server>, Error> {
        let url = self.host.server(database).await?;
        let mut servers = self.servers.lock().await;
        if let Some(server) = servers.get(&url) {
            return Ok(server.clone());
        }
        let (traffic, cancel) = (self.traffic.clone(), self.cancel.clone());
        let server = Server::new(url.clone(), self.http.clone(), traffic, cancel)?;
        let server = Arc::new(server);
        servers.insert(url, server.clone());
        Ok(server)
    }

    /// All databases with this prefix on all servers of the host, sorted.
    pub(crate) async fn databases(&self, prefix: &str) -> Result<Vec<DatabaseName>, Error> {
        let list = async {
            match self.host.databases(prefix).await? {
                Some(mut databases) => {
                    databases.sort();
                    databases.dedup();
                    Ok(databases)
                }
                None => self.server(None).await?.databases(prefix).await,
            }
        };
        list.instrument(debug_span!("databases", prefix)).await
    }

    /// The identity that the cluster reports.
    pub(crate) async fn identity(&self) -> Result<&ClusterIdentity, Error> {
        self.identity
            .get_or_try_init(|| async { self.server(None).await?.identity().await })
            .instrument(debug_span!("identity"))
            .await
    }

    /// The URL of the server that lists the cluster's databases. It prints without credentials.
    pub(crate) async fn url(&self) -> Result<ServerUrl, Error> {
        self.host.server(None).await
    }

    /// Whether an earlier run was on this cluster.
    pub(crate) async fn is_of(&self, earlier: &RunStart) -> Result<bool, Error> {
        let url = self.url().await?.to_string();
        Ok(earlier.is_on(self.identity().await?, &url))
    }

    /// The converters for numbers: from the system config, otherwise Kazoo's defaults.
    pub(crate) async fn normaliser(&self, reporter: &Reporter) -> Result<Arc<Normaliser>, Error> {
        self.normaliser
            .get_or_try_init(|| async {
                let converters = self
                    .system_config(|config| config.converters())
                    .await?
                    .unwrap_or_else(Converters::default);
                let normaliser = Normaliser::new(&converters);
                if let Some(unusable) = normaliser.unusable() {
                    reporter
                        .warn(format!(
                            "system_config/number_manager holds expressions that do not compile, and match nothing: {unusable}"
                        ))
                        .await;
                }
                Ok(Arc::new(normaliser))
            })
            .await
            .cloned()
    }

    /// The JSON of the limit of deletions in the system config.
    pub(crate) async fn max_delete(&self) -> Result<Option<String>, Error> {
        let read = self.system_config(|config| config.max_delete().map(str::to_owned));
        Ok(read.await?.flatten())
    }

    /// Reads a value from the system config; `None` if it has no document `number_manager`.
    pub(crate) async fn system_config<T>(
        &self,
        read: impl FnOnce(&SystemConfig<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let Some(database) = DatabaseName::new("system_config") else {
            return Ok(None);
        };
        let server = self.server(Some(&database)).await?;
        self.system_config_on(&server, &database, read).await
    }

    /// As [`Cluster::system_config`], read from this server.
    pub(crate) async fn system_config_on<T>(
        &self,
        server: &Server,
        database: &DatabaseName,
        read: impl FnOnce(&SystemConfig<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let span = debug_span!("documents", database = %database, id = NUMBER_MANAGER);
        let found = match server
            .read_documents(database, &[NUMBER_MANAGER], Attachments::Stubs, 1)
            .instrument(span)
            .await
        {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::DatabaseNotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let document = found.into_iter().next().and_then(Found::present);
        Ok(document.map(|document| read(&SystemConfig::new(&document, &self.section))))
    }

    /// Adds the traffic so far to a summary.
    pub(crate) fn add_traffic(&self, summary: &mut Summary) {
        summary.requests = self.traffic.requests.load(Relaxed);
        summary.retries = self.traffic.retries.load(Relaxed);
        summary.bytes_received = self.traffic.received.load(Relaxed);
        summary.bytes_sent = self.traffic.sent.load(Relaxed);
    }
}
