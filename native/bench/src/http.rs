//! Requests to a CouchDB, and the two ways of taking their answers: read, or counted and dropped.

use anyhow::{Context as _, Result, ensure};
use kazoo_numbers_cluster::names::encoded;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A method of HTTP, of those that are needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// A request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// What follows the server's address; begins with `/`.
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

impl Request {
    /// Asks the server itself.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: Method::Get,
            path: path.to_owned(),
            body: None,
        }
    }

    /// A request to a database, by its plain name; `rest` follows the name.
    pub(crate) fn to(method: Method, database: &str, rest: &str, body: Option<String>) -> Self {
        Self {
            method,
            path: format!("/{}{rest}", encoded(database)),
            body,
        }
    }
}

/// What went over the wire: bodies only, as the library counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// With its credentials: not to be shown.
    url: String,
}

impl Client {
    /// A client that keeps so many connections. It is made as the library makes its own.
    pub(crate) fn new(url: &str, connections: usize) -> Result<Self> {
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(connections)
            .tcp_nodelay(true)
            .http1_only()
            .tls_built_in_root_certs(url.starts_with("https:"))
            .build()?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    async fn send(&self, request: &Request) -> Result<reqwest::Response> {
        let url = format!("{}{}", self.url, request.path);
        let mut builder = match request.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
            Method::Put => self.http.put(url),
            Method::Delete => self.http.delete(url),
        };
        if let Some(body) = &request.body {
            builder = builder
                .header("content-type", "application/json")
                .body(body.clone());
        }
        let response = builder
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| what(request))?;
        ensure!(
            response.status().is_success(),
            "{}: {}",
            what(request),
            response.status()
        );
        Ok(response)
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let body = self.send(request).await?.bytes().await;
        let body = body
            .map_err(reqwest::Error::without_url)
            .with_context(|| what(request))?;
        serde_json::from_slice(&body).with_context(|| what(request))
    }

    /// Sends a request, and drops the answer as it comes in.
    pub(crate) async fn drain(&self, request: &Request) -> Result<Traffic> {
        let mut response = self.send(request).await?;
        let mut received = 0;
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| what(request))?
        {
            received += chunk.len() as u64;
        }
        Ok(Traffic {
            requests: 1,
            bytes_sent: request.body.as_ref().map_or(0, String::len) as u64,
            bytes_received: received,
        })
    }
}

fn what(request: &Request) -> String {
    format!("{:?} {}", request.method, request.path)
}
