//! The number of documents in one request, adapted to the timeouts between client and server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Above this size there is no limit.
const UNLIMITED: usize = 1 << 20;

/// An adaptive size: halved after a slow answer, doubled again after some time.
#[derive(Debug)]
pub(super) struct PageSize {
    keep: Duration,
    state: Mutex<Option<Smaller>>,
}

#[derive(Clone, Copy, Debug)]
struct Smaller {
    documents: usize,
    until: Instant,
}

impl PageSize {
    /// Starts without a limit. A limit is kept for `keep` before it is doubled.
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            state: Mutex::default(),
        }
    }

    /// The number of documents to ask for, at most `wanted` and at least 1.
    pub(super) fn of(&self, wanted: usize) -> usize {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(smaller) = state.as_mut()
            && smaller.until <= now
        {
            smaller.documents = smaller.documents.saturating_mul(2);
            smaller.until = now + self.keep;
        }
        *state = state.filter(|smaller| smaller.documents < UNLIMITED);
        let most = state.map_or(usize::MAX, |smaller| smaller.documents);
        wanted.min(most).max(1)
    }

    /// Whether answers have arrived complete lately. If not, the server must send each part as soon
    /// as it is ready: a load balancer closes silent connections.
    pub(super) fn is_unlimited(&self) -> bool {
        self.state().is_none()
    }

    /// Reports that an answer with `documents` documents took too long.
    pub(super) fn too_slow(&self, documents: usize) {
        let half = (documents / 2).max(1);
        let mut state = self.state();
        let documents = state.map_or(half, |smaller| smaller.documents.min(half));
        *state = Some(Smaller {
            documents,
            until: Instant::now() + self.keep,
        });
    }

    fn state(&self) -> MutexGuard<'_, Option<Smaller>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_answers_halve_size_down_to_one() {
        let size = PageSize::new(Duration::from_secs(60));
        assert_eq!(size.of(1000), 1000);
        assert!(size.is_unlimited());
        size.too_slow(1000);
        assert_eq!(size.of(1000), 500);
        assert_eq!(size.of(20), 20);
        assert!(!size.is_unlimited());
        for _ in 0..20 {
            size.too_slow(size.of(1000));
        }
        assert_eq!(size.of(1000), 1);
    }

    #[test]
    fn size_doubles_over_time_until_unlimited() {
        let size = PageSize::new(Duration::ZERO);
        size.too_slow(1000);
        assert_eq!(size.of(3000), 1000);
        assert_eq!(size.of(3000), 2000);
        for _ in 0..20 {
            size.of(1);
        }
        assert!(size.is_unlimited());
    }
}
