//! A CouchDB server: a client with an adaptive limit, retries and cancellation.

use std::fmt;
use std::sync::Arc;

use super::cancel::Cancel;
use super::client::Client;
use super::error::Error;
use super::include::Include;
use super::layers::{
    Cancellation, CheckCredentials, CredentialsCheck, Deadline, EndOutage, Exchange, Limit,
    Limiter, Outage, Pace, Trace,
};
use super::page_size::PageSize;
use super::request::{Request, Response};
use super::settings::HttpSettings;
use super::transport::Traffic;
use super::url::ServerUrl;

/// The layers of a request, see [`layers`](super::layers).
type Layers = Trace<EndOutage<Limit<CheckCredentials<Cancellation<Deadline<Client>>>>>>;

/// One CouchDB server, or the load balancer in front of a cluster.
pub struct Server {
    pub(super) client: Client,
    layers: Layers,
    limiter: Arc<Limiter>,
    credentials: CredentialsCheck,
    pub(super) settings: HttpSettings,
    pub(super) cancel: Cancel,
    pub(super) outage: Outage,
    sizes: Arc<Sizes>,
}

fn layers(
    client: &Client,
    limiter: &Arc<Limiter>,
    credentials: &CredentialsCheck,
    cancel: &Cancel,
    outage: &Outage,
) -> Layers {
    let inner = Deadline {
        inner: client.clone(),
    };
    let inner = Cancellation {
        inner,
        cancel: cancel.clone(),
    };
    let inner = CheckCredentials {
        inner,
        client: client.clone(),
        check: credentials.clone(),
    };
    let inner = Limit {
        inner,
        limiter: Arc::clone(limiter),
        cancel: cancel.stop.clone(),
    };
    let inner = EndOutage {
        inner,
        outage: outage.clone(),
    };
    Trace {
        inner,
        url: client.url().clone(),
    }
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
        cancel: impl Into<Cancel>,
    ) -> Result<Self, Error> {
        let sizes = Arc::new(Sizes {
            ids: PageSize::new(settings.small_pages),
            documents: PageSize::new(settings.small_pages),
            writes: PageSize::new(settings.small_pages),
        });
        let client = Client::new(url, &settings, traffic)?;
        let limiter = Limiter::new(settings.ceiling, settings.pace());
        let credentials = CredentialsCheck::default();
        Ok(Self::of(
            client,
            limiter,
            credentials,
            settings,
            cancel.into(),
            sizes,
        ))
    }

    fn of(
        client: Client,
        limiter: Arc<Limiter>,
        credentials: CredentialsCheck,
        settings: HttpSettings,
        cancel: Cancel,
        sizes: Arc<Sizes>,
    ) -> Self {
        let outage = Outage::default();
        Self {
            layers: layers(&client, &limiter, &credentials, &cancel, &outage),
            client,
            limiter,
            credentials,
            settings,
            cancel,
            outage,
            sizes,
        }
    }

    /// The same server with a separate request queue, for requests that must not wait behind
    /// others. It has no pace: it is neither paused nor throttled. It shares the connections and
    /// the counters, and `cancel` stops only its own requests.
    #[must_use]
    pub fn with_own_queue(&self, cancel: impl Into<Cancel>) -> Self {
        Self::of(
            self.client.clone(),
            Limiter::new(1, Pace::new(None)),
            self.credentials.clone(),
            self.settings.clone(),
            cancel.into(),
            Arc::clone(&self.sizes),
        )
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// Whether an error is temporary does not say whether the server acted.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        self.layers.exchange(request).await
    }

    /// Sends a request once and evaluates the answer.
    pub(super) async fn send_and_read<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answer = self.send(request).await.and_then(read);
        answer.map_err(|error| error.on(self.url().named()))
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
