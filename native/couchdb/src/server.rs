//! A CouchDB server as the library uses it: a client within an adaptive limit, with retries, that can be cancelled.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Traffic};
use super::error::Error;
use super::limiter::Limiter;
use super::page_size::PageSize;
use super::retry::Outage;
use super::rows::Include;
use super::settings::HttpSettings;
use super::url::ServerUrl;

/// One CouchDB server, or the load balancer in front of a cluster.
pub struct Server {
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) settings: HttpSettings,
    pub(super) cancel: CancellationToken,
    pub(super) outage: Outage,
    /// Whether the server takes the credentials, and when it said so; None until that is in doubt.
    pub(super) credentials_hold: Arc<AsyncMutex<Option<(Instant, bool)>>>,
    sizes: Arc<Sizes>,
}

/// How much the server is asked for at once.
struct Sizes {
    ids: PageSize,
    documents: PageSize,
    writes: PageSize,
}

impl Server {
    /// A client for this server. Nothing is sent yet. For an https server this reads the system's
    /// certificates, and so may block for a moment.
    ///
    /// # Errors
    /// [`Kind::Config`](super::Kind::Config) when the certificates cannot be used.
    pub fn new(
        url: ServerUrl,
        settings: HttpSettings,
        traffic: Arc<Traffic>,
        cancel: CancellationToken,
    ) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(url, &settings, traffic)?,
            limiter: Limiter::new(settings.ceiling, settings.per_second),
            sizes: Arc::new(Sizes {
                ids: PageSize::new(settings.small_pages),
                documents: PageSize::new(settings.small_pages),
                writes: PageSize::new(settings.small_pages),
            }),
            settings,
            cancel,
            outage: Outage::default(),
            credentials_hold: Arc::default(),
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
            outage: Outage::default(),
            credentials_hold: self.credentials_hold.clone(),
            sizes: self.sizes.clone(),
        }
    }

    /// The server's URL; prints without credentials.
    pub fn url(&self) -> &ServerUrl {
        self.client.url()
    }

    /// How much is asked for at once in pages of this kind.
    pub(super) fn page_size(&self, include: Include) -> &PageSize {
        match include {
            Include::Revisions => &self.sizes.ids,
            Include::Documents | Include::Attachments => &self.sizes.documents,
        }
    }

    /// How much is written at once.
    pub(super) fn write_size(&self) -> &PageSize {
        &self.sizes.writes
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
