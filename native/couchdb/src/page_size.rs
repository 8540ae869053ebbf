//! How many documents a server can deliver in one answer before something between it and us loses patience.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Sizes above this are not limited any more.
const UNLIMITED: usize = 1 << 20;

/// A size that adapts: half of the one that was too slow, and twice as many again after a while.
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
    /// Without a limit; one that is found is kept for so long.
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            state: Mutex::default(),
        }
    }

    /// How many documents to ask for, of those that are wanted; at least one.
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

    /// Whether answers have arrived whole lately. If not the server must send what it has as it goes: silence is what a load
    /// balancer does not bear.
    pub(super) fn is_unlimited(&self) -> bool {
        self.state().is_none()
    }

    /// So many documents took too long.
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
    fn size_halves_down_to_one() {
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
    fn size_doubles_after_a_while_until_nothing_limits_it() {
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
