//! The pauses between the attempts of something that fails for a while.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::error::Error;
use super::settings::HttpSettings;

/// The longest pause that is chosen here is this many times shorter than the longest pause that a
/// server may ask for.
const SHORTER: u32 = 6;

/// Pauses that grow, with full jitter: clients that failed together must not come back together. It
/// has no end. `backon::Retryable` takes it, together with [`Backoff::adjust`].
#[derive(Debug)]
pub struct Backoff {
    pauses: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// The pauses of one series of attempts.
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

    /// The pause before the next attempt, after this error: as long as the server asked for, where
    /// it did.
    pub fn after(&mut self, error: &Error) -> Duration {
        let chosen = self.next();
        asked(self.longest, error)
            .or(chosen)
            .unwrap_or(self.longest)
    }

    /// Replaces the chosen pause where the server asked for another one. An end of the pauses stays
    /// the end.
    pub fn adjust(
        settings: &HttpSettings,
    ) -> impl Fn(&Error, Option<Duration>) -> Option<Duration> + use<> {
        let longest = settings.longest_pause;
        move |error, chosen| chosen.map(|chosen| asked(longest, error).unwrap_or(chosen))
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let most = self.pauses.next().unwrap_or(self.longest);
        Some(most.mul_f64(rand::random::<f64>()))
    }
}

fn asked(longest: Duration, error: &Error) -> Option<Duration> {
    error.pause().map(|asked| asked.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Operation;
    use crate::kind::Kind;

    #[test]
    fn pause_that_server_asked_for_replaces_chosen_one() {
        let settings = HttpSettings::default();
        let error = Error::new(Kind::RateLimited, Operation::OPEN_DOCS, "");
        let adjust = Backoff::adjust(&settings);
        let chosen = Some(Duration::from_millis(1));
        assert_eq!(adjust(&error, chosen), chosen);
        let error = error.retry_after(Some(Duration::from_secs(3)));
        assert_eq!(adjust(&error, chosen), Some(Duration::from_secs(3)));
        assert_eq!(adjust(&error, None), None);
        let mut backoff = Backoff::new(&settings);
        assert_eq!(backoff.after(&error), Duration::from_secs(3));
    }
}
