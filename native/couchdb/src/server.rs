//! A CouchDB server as the library uses it: a client within an adaptive limit, with retries, that can be cancelled.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::client::{Client, Traffic};
use super::error::Error;
use super::limiter::Limiter;
use super::settings::HttpSettings;
use super::url::ServerUrl;

/// One CouchDB server, or the load balancer in front of a cluster.
pub struct Server {
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) settings: HttpSettings,
    pub(super) cancel: CancellationToken,
}

impl Server {
    /// A client for this server. Nothing is sent yet. For an https server this reads the system's
    /// certificates, and so may block for a moment.
    ///
    /// # Errors
    /// [`Kind::Config`](super::Kind::Config) when the system's certificates cannot be used.
    pub fn new(
        url: ServerUrl,
        settings: HttpSettings,
        traffic: Arc<Traffic>,
        cancel: CancellationToken,
    ) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(url, &settings, traffic)?,
            limiter: Limiter::new(settings.ceiling, settings.per_second),
            settings,
            cancel,
        })
    }

    /// The same server for requests that must get through while others queue: they share its
    /// connections and are counted with the others, but do not queue with them, and `cancel` of
    /// their own stops them.
    #[must_use]
    pub fn beside(&self, cancel: CancellationToken) -> Self {
        Self {
            client: self.client.clone(),
            limiter: Limiter::new(1, None),
            settings: self.settings.clone(),
            cancel,
        }
    }

    /// The server's URL; prints without credentials.
    pub fn url(&self) -> &ServerUrl {
        self.client.url()
    }

    /// How many requests are allowed in flight at this moment.
    pub fn concurrency(&self) -> usize {
        self.limiter.limit()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url())
    }
}
