//! How requests are made: limits, timeouts and retries.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::Error;

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
    /// How often a request that may be repeated is tried at least, if its error may be temporary.
    pub tries: usize,
    /// The first pause between tries; it doubles.
    pub first_pause: Duration,
    /// The longest pause between tries, whatever the server asks for. While a server does not answer, requests are tried again
    /// for three times as long ([`Self::patience`]).
    pub longest_pause: Duration,
    /// For how long a size that a slow server could answer is kept before a larger one is tried.
    pub small_pages: Duration,
    /// A PEM file of certificates that are trusted like those of the system.
    pub ca_file: Option<PathBuf>,
    /// Learns that a server does not answer, once an outage.
    pub on_outage: Option<OnOutage>,
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
            longest_pause: Duration::from_secs(25),
            small_pages: Duration::from_secs(60),
            ca_file: None,
            on_outage: None,
        }
    }
}

impl HttpSettings {
    /// For how long requests are tried again while a server does not answer: longer than a restart takes, and than a load
    /// balancer takes to see that a server is back.
    pub fn patience(&self) -> Duration {
        self.longest_pause * 3
    }
}

type Announce = dyn Fn(&Error, Duration) + Send + Sync;

/// What is called with the error, and for how long it is tried again.
#[derive(Clone)]
pub struct OnOutage(pub Arc<Announce>);

impl fmt::Debug for OnOutage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnOutage")
    }
}
