//! A CouchDB server: a client with an adaptive limit, retries and cancellation.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::error::Error;
use super::limiter::Limiter;
use super::page_size::PageSize;
use super::retry::Outage;
use super::rows::Include;
use super::settings::HttpSettings;
use super::transport::Traffic;
use super::url::ServerUrl;

/// One CouchDB server, or the load balancer in front of a cluster.
pub struct Server {
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) settings: HttpSettings,
    pub(super) cancel: CancellationToken,
    pub(super) outage: Outage,
    /// Whether the server accepts the credentials, and when that was checked. None before the first
    /// 401.
    pub(super) credentials_hold: Arc<AsyncMutex<Option<(Instant, bool)>>>,
    sizes: Arc<Sizes>,
}

/// The adaptive sizes of requests.
struct Sizes {
    ids: PageSize,
    documents: PageSize,
    writes: PageSize,
}

impl Server {
    /// Creates a client. It sends nothing yet. For an https server it reads the system's
    /// certificates, which can block for some milliseconds.
    ///
    /// # Errors
    /// [`Kind::Config`](super::Kind::Config) if the certificates cannot be used.
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

    /// The same server with a separate request queue, for requests that must not wait behind
    /// others. It shares the connections and the counters, and `cancel` stops only its own
    /// requests.
    #[must_use]
    pub fn with_own_queue(&self, cancel: CancellationToken) -> Self {
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

    /// The server's URL. Its `Display` omits the credentials.
    pub fn url(&self) -> &ServerUrl {
        self.client.url()
    }

    /// The number of documents in a page of this kind.
    pub(super) fn page_size(&self, include: Include) -> &PageSize {
        match include {
            Include::Revisions => &self.sizes.ids,
            Include::Documents | Include::Attachments => &self.sizes.documents,
        }
    }

    /// The number of documents in a batch of writes.
    pub(super) fn write_size(&self) -> &PageSize {
        &self.sizes.writes
    }

    /// The current limit on requests in flight.
    pub fn concurrency(&self) -> usize {
        self.limiter.limit()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url())
    }
}
