//! When a run renews its lease, and when it must stop. This module reads and writes nothing; `held` does what it says.
//! `interleavings` checks it against every order of events.
//!
//! A run that waits may remove an entry that it saw unchanged for a lease, so not before a lease has passed since the write of
//! the entry began. The run that holds the lock stops earlier than that.

use std::time::{Duration, Instant};

/// A lease is renewed so many times as often as it expires. An outage of a minute must not end a run
/// (docs/specification.md#outages), so the lease is longer than that, and fresh when one begins.
const RENEWALS: u32 = 9;

/// The part of a lease after which a renewal that failed is tried again.
const RETRIES: u32 = 30;

/// The part of a lease that one try to renew it may take.
const TRY: u32 = 6;

/// The part of a lease before whose end a run stops that could not renew it: its last requests are over when another run may
/// take the lock.
const MARGIN: u32 = 18;

/// A lease that a run holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renewal {
    lease: Duration,
    /// When the last write of the entry began.
    written: Instant,
    /// When the next try begins.
    next: Instant,
}

/// The result of one try to renew the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// The entry was renewed.
    Renewed,
    /// The entry is not in the document.
    Removed,
    /// No answer in time, or an error.
    Failed,
}

/// The reason why a run must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Another run removed its entry.
    Removed,
    /// It could not renew its entry for so long.
    Expired(Duration),
}

impl Renewal {
    /// A lease of a run whose entry began to be written at this moment.
    pub(super) fn new(lease: Duration, written: Instant) -> Self {
        Self {
            lease,
            written,
            next: written + interval(lease),
        }
    }

    /// How long the run goes on without a renewal.
    fn patience(&self) -> Duration {
        self.lease - self.lease / MARGIN
    }

    /// When the run stops at the latest, unless it renews the lease.
    pub(super) fn end(&self) -> Instant {
        self.written + self.patience()
    }

    /// When to call [`Renewal::begins`].
    pub(super) fn due(&self) -> Instant {
        self.next.min(self.end())
    }

    /// A try begins at this moment. When it must be over, or why the run stops instead.
    pub(super) fn begins(&self, at: Instant) -> Result<Instant, Stopped> {
        if at >= self.end() {
            return Err(Stopped::Expired(self.patience()));
        }
        Ok((at + longest_try(self.lease)).min(self.end()))
    }

    /// A try that had begun at the one moment is over at the other. Why the run stops, if it does.
    pub(super) fn tried(&mut self, began: Instant, tried: Tried, at: Instant) -> Option<Stopped> {
        match tried {
            Tried::Renewed => {
                self.written = began;
                self.next = at + interval(self.lease);
                None
            }
            Tried::Failed => {
                self.next = at + self.lease / RETRIES;
                None
            }
            Tried::Removed => Some(Stopped::Removed),
        }
    }
}

/// The time between two renewals of a lease.
pub(super) fn interval(lease: Duration) -> Duration {
    lease / RENEWALS
}

/// The time that one try to renew a lease may take.
pub(super) fn longest_try(lease: Duration) -> Duration {
    lease / TRY
}

impl Stopped {
    /// The line that reports it.
    pub(super) fn line(self) -> String {
        match self {
            Self::Removed => "stopped: could not renew the lock, another run removed it".to_owned(),
            Self::Expired(patience) => format!(
                "stopped: could not renew the lock for {} s",
                patience.as_secs().max(1)
            ),
        }
    }
}
