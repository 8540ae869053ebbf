//! Settings of requests: limits, timeouts and retries.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::body::AnswerBudget;
use super::error::Error;
use super::layers::{Pace, Rate};
use super::transport::Transport;

/// Settings of requests.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The most requests in flight to one server.
    pub ceiling: usize,
    /// The most requests a second, if limited.
    pub per_second: Option<f64>,
    /// The pace that all servers with clones of these settings share. It can be changed while they
    /// are in use. `None`: each server has its own, by `per_second`.
    pub pace: Option<Pace>,
    /// The timeout for connecting.
    pub connect_timeout: Duration,
    /// The longest silence of a server.
    pub read_timeout: Duration,
    /// The minimum number of attempts for a repeatable request with temporary errors.
    pub tries: usize,
    /// The first pause between attempts. It doubles.
    pub first_pause: Duration,
    /// The longest pause between attempts, also if the server asks for more. During an outage
    /// requests are retried for three times as long ([`Self::patience`]).
    pub longest_pause: Duration,
    /// How long a reduced page size is kept before a larger one is tried.
    pub small_pages: Duration,
    /// A PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The budget for answers, shared by all servers with clones of these settings.
    pub answers: AnswerBudget,
    /// Called once an outage.
    pub on_outage: Option<OnOutage>,
    /// The transport of all requests. `None`: the network.
    pub transport: Option<Arc<dyn Transport>>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ceiling: 16,
            per_second: None,
            pace: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            tries: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(25),
            small_pages: Duration::from_secs(60),
            ca_file: None,
            answers: AnswerBudget::default(),
            on_outage: None,
            transport: None,
        }
    }
}

impl HttpSettings {
    /// How long requests are retried during an outage. It is longer than a restart, and longer than
    /// a load balancer needs to notice that a server is back.
    pub fn patience(&self) -> Duration {
        self.longest_pause * 3
    }

    /// The shared pace, or a new one.
    pub fn pace(&self) -> Pace {
        let new = || Pace::new(self.per_second.and_then(Rate::nearest));
        self.pace.clone().unwrap_or_else(new)
    }
}

type Announce = dyn Fn(&Error, Duration) + Send + Sync;

/// A callback with the error and the duration of the retries.
#[derive(Clone)]
pub struct OnOutage(pub Arc<Announce>);

impl fmt::Debug for OnOutage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnOutage")
    }
}
