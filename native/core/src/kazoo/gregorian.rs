//! Kazoo's timestamps: seconds since the year 0, as `calendar` of OTP counts them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Gregorian seconds at 1970-01-01T00:00:00Z (docs/specification.md#words).
pub const GREGORIAN_UNIX_EPOCH: u64 = 62_167_219_200;

/// Gregorian seconds of a time; times before 1970 count as 1970.
pub fn gregorian_seconds(moment: SystemTime) -> u64 {
    let unix = moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    unix + GREGORIAN_UNIX_EPOCH
}
