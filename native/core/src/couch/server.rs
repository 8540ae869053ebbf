//! A CouchDB server: where it is, who we are to it, and what goes over the wire to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::limiter::Limiter;
use crate::error::{Error, Kind, Operation};

/// A server's URL with its credentials, which no formatting of it shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    base: Url,
    user: Option<(String, String)>,
}

impl ServerUrl {
    /// Reads `http://user:password@host:port`; user and password may be percent-encoded.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail: &str| Error::new(Kind::Config, Operation::Connect, detail);
        let mut base = Url::parse(text.trim()).map_err(|_| {
            bad("the CouchDB URL is not of the form http://user:password@host:port")
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("the CouchDB URL must start with http:// or https://"));
        }
        // A slip before the credentials (`http:///`, `http:a/`) makes a path of them, and paths
        // are shown.
        if base.path().contains('@') {
            return Err(bad(
                "the CouchDB URL has an @ after its host; it is to be http://user:password@host:port",
            ));
        }
        let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let user = (!base.username().is_empty())
            .then(|| (text(base.username()), text(base.password().unwrap_or(""))));
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, user })
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How requests are made.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The most requests in flight at once, of one server.
    pub ceiling: usize,
    /// The most requests a second, if any.
    pub per_second: Option<f64>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a server may be silent.
    pub read_timeout: Duration,
    /// How often a request that may be repeated is tried.
    pub tries: usize,
    /// The first pause between tries; it doubles.
    pub first_pause: Duration,
    /// The longest pause between tries, whatever the server asks for.
    pub longest_pause: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ceiling: 16,
            per_second: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            tries: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What went over the wire.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent, repeated ones included.
    pub requests: AtomicU64,
    /// Requests that were sent again.
    pub retries: AtomicU64,
    /// Bytes of bodies sent.
    pub sent: AtomicU64,
    /// Bytes of bodies received.
    pub received: AtomicU64,
}

impl Traffic {
    pub(super) fn count(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// One CouchDB server, or the load balancer in front of a cluster.
pub struct Server {
    pub(super) url: ServerUrl,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) http: reqwest::Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) settings: HttpSettings,
    pub(super) traffic: Arc<Traffic>,
    pub(super) cancel: CancellationToken,
}

impl Server {
    /// A client for this server. Nothing is sent yet. For an https server this reads the system's
    /// certificates, and so may block for a moment.
    pub fn new(
        url: ServerUrl,
        settings: HttpSettings,
        traffic: Arc<Traffic>,
        cancel: CancellationToken,
    ) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .pool_max_idle_per_host(settings.ceiling)
            .tcp_nodelay(true)
            .http1_only()
            // Reading the system's certificates takes longer than many a command.
            .tls_built_in_root_certs(url.base.scheme() == "https")
            // A redirect could carry credentials, or a write, to somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("kazoo_numbers/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(
                    Kind::Config,
                    Operation::Connect,
                    error.without_url().to_string(),
                )
            })?;
        Ok(Self {
            authorization: url.authorization(),
            limiter: Limiter::new(settings.ceiling, settings.per_second),
            url,
            http,
            settings,
            traffic,
            cancel,
        })
    }

    /// The server's URL; prints without credentials.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// How many requests are allowed in flight at this moment.
    pub fn concurrency(&self) -> usize {
        self.limiter.limit()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let url = ServerUrl::parse("http://admin:p%40ss@127.0.0.1:5984/").unwrap();
        assert_eq!(url.to_string(), "http://127.0.0.1:5984");
        assert_eq!(format!("{url:?}"), "http://127.0.0.1:5984");
        let header = url.authorization().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YWRtaW46cEBzcw==");
        assert!(!format!("{header:?}").contains("YWRt"));
        for bad in ["ftp://admin:secret@host", "http:a/admin:secret@host:5984"] {
            let error = ServerUrl::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
