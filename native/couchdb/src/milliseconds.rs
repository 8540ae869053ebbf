//! Durations as numbers for logs.

use std::time::Duration;

/// The duration in milliseconds, rounded down.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
