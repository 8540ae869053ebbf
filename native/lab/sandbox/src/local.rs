//! The server without sockets, for callers in the same process.

use crate::http::{App, Threads};
use crate::server::{Sandbox, SandboxConfig, SandboxError, app, router};
use crate::stats::Stats;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tower_service::Service as _;

/// The address that requests come from.
const CALLER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server that answers calls. It has the routes of [`Server`](crate::Server), and handles each
/// request on the caller's thread. Clones share the data.
#[derive(Clone, Debug)]
pub struct LocalServer {
    app: Arc<App>,
    router: Router,
}

impl LocalServer {
    /// Creates a server with data in memory. Of the configuration it uses `admin`.
    ///
    /// # Errors
    /// The store cannot be created.
    pub fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let app = app(Sandbox::memory()?, config, Threads::Caller);
        let router = router(&app);
        Ok(Self { app, router })
    }

    /// Answers a request.
    pub async fn call(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(ConnectInfo(CALLER));
        let answer = match self.router.clone().call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (head, body) = answer.into_parts();
        // The body of an answer is in memory, so it cannot fail.
        let body = body.collect().await.map(|body| body.to_bytes());
        Response::from_parts(head, body.unwrap_or_default())
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The counters of requests.
    pub fn stats(&self) -> Stats {
        self.app.stats.stats()
    }
}
