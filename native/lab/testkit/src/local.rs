//! The embedded server in the same process, as a transport.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use kazoo_numbers::couchdb::{Transport, TransportError, TransportRequest, TransportResponse};
use kazoo_numbers_generator::{Cluster, DatabaseTexts, Revisions, is_ours};
use kazoo_numbers_sandbox::{LocalServer, NewDatabase, SandboxConfig, StoredDatabase};

/// The URL of every local server. Only its credentials are used.
pub const URL: &str = "http://admin:secret@127.0.0.1:5984";

/// Sends requests to an embedded server by calling it.
pub struct LocalTransport(LocalServer);

impl fmt::Debug for LocalTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalTransport")
    }
}

#[async_trait]
impl Transport for LocalTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let invalid = |error: http::Error| TransportError::InvalidRequest(error.to_string());
        let mut given = http::Request::builder()
            .method(request.method.clone())
            .uri(request.target())
            .body(request.body.unwrap_or_default())
            .map_err(invalid)?;
        *given.headers_mut() = request.headers;
        let (head, body) = self.0.call(given).await.into_parts();
        Ok(TransportResponse {
            status: head.status,
            headers: head.headers,
            length: Some(body.len() as u64),
            body: stream::iter((!body.is_empty()).then_some(Ok(body))).boxed(),
        })
    }
}

/// An embedded server in the same process, and its cluster.
pub struct LocalTestServer {
    pub transport: Arc<dyn Transport>,
    server: LocalServer,
}

impl LocalTestServer {
    pub fn start() -> Self {
        let server = LocalServer::new(&SandboxConfig::default()).unwrap();
        Self {
            transport: Arc::new(LocalTransport(server.clone())),
            server,
        }
    }

    /// Replaces all data on the server with this cluster and reads it back.
    pub fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        let databases = cluster.databases.iter();
        let databases = databases.map(|(name, database)| {
            let DatabaseTexts { documents, leaves } = database.texts().unwrap();
            NewDatabase {
                name: name.clone(),
                documents,
                leaves,
            }
        });
        let databases: Vec<NewDatabase> = databases.collect();
        self.server.replace(&databases).unwrap();
        self.read()
    }

    /// Reads all data on the server.
    pub fn read(&self) -> (Cluster, Revisions) {
        let mut cluster = Cluster::default();
        let mut revisions = Revisions::new();
        let stored = self.server.read().unwrap().into_iter();
        for StoredDatabase { name, documents } in stored.filter(|database| is_ours(&database.name))
        {
            let database = cluster.databases.entry(name.clone()).or_default();
            let revisions = revisions.entry(name).or_default();
            for document in documents {
                match &document.winner {
                    Some(winner) => database.insert_stored(winner, &document.losers).unwrap(),
                    None => database.delete(&document.id),
                }
                revisions.insert(document.id, document.rev);
            }
        }
        (cluster, revisions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kazoo_numbers_generator::{ClusterServer, Options, generate};

    /// The direct way writes and reads what the requests of every other test write and read.
    #[tokio::test]
    async fn direct_cluster_is_the_one_of_requests() {
        for seed in 0..20 {
            let cluster = generate(&Options::tiny(seed)).cluster;
            let (direct, other) = (LocalTestServer::start(), LocalTestServer::start());
            let by_request = |server: &LocalTestServer| {
                ClusterServer::over(URL, server.transport.clone()).unwrap()
            };
            let written = direct.set(&cluster);
            assert_eq!(by_request(&direct).read().await.unwrap(), written);
            by_request(&other).replace(&cluster).await.unwrap();
            assert_eq!(other.read(), written);
            // A second cluster replaces the first.
            let next = generate(&Options::tiny(seed + 1000)).cluster;
            assert_eq!(direct.set(&next), LocalTestServer::start().set(&next));
        }
    }
}
