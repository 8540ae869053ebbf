//! The embedded server in the same process, as a transport.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use kazoo_numbers::couchdb::{Transport, TransportError, TransportRequest, TransportResponse};
use kazoo_numbers_generator::{Cluster, ClusterServer, Revisions};
use kazoo_numbers_sandbox::{LocalServer, SandboxConfig};

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
    clusters: ClusterServer,
}

impl LocalTestServer {
    pub fn start() -> Self {
        let server = LocalServer::new(&SandboxConfig::default()).unwrap();
        let transport: Arc<dyn Transport> = Arc::new(LocalTransport(server));
        Self {
            clusters: ClusterServer::over(URL, transport.clone()).unwrap(),
            transport,
        }
    }

    /// Replaces all data on the server with this cluster and reads it back.
    pub async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        self.clusters.replace(cluster).await.unwrap();
        self.read().await
    }

    /// Reads all data on the server.
    pub async fn read(&self) -> (Cluster, Revisions) {
        self.clusters.read().await.unwrap()
    }
}
