//! How requests are made: limits, timeouts and retries.

use std::time::Duration;

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
