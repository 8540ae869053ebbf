//! The pauses between the tries of something that fails for a while.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::error::Error;
use super::settings::HttpSettings;

/// How much shorter the pauses chosen here are at most than those that a server may ask for.
const SHORTER: u32 = 6;

/// Pauses that grow, with full jitter: clients that failed together must not come back together.
#[derive(Debug)]
pub struct Backoff {
    pauses: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// The pauses of one series of tries.
    pub fn new(settings: &HttpSettings) -> Self {
        Self {
            pauses: ExponentialBuilder::default()
                .with_min_delay(settings.first_pause)
                .with_max_delay((settings.longest_pause / SHORTER).max(settings.first_pause))
                .without_max_times()
                .build(),
            longest: settings.longest_pause,
        }
    }

    /// The pause before the next try, after this error: as long as the server asked for, where it did.
    pub fn after(&mut self, error: &Error) -> Duration {
        let most = self.pauses.next().unwrap_or(self.longest);
        match error.pause() {
            Some(asked) => asked.min(self.longest),
            None => most.mul_f64(rand::random::<f64>()),
        }
    }
}
