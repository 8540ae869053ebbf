//! The memory limit for documents in a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// A limit in bytes, shared by the tasks of a run.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<AtomicIsize>);

/// A number of bytes charged to a budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    bytes: isize,
    budget: Budget,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicIsize::new(signed(bytes))))
    }

    /// Charges bytes, if they fit.
    pub(crate) fn charge(&self, bytes: usize) -> Option<Charge> {
        let charge = self.charge_anyway(bytes);
        // The charge comes first and is dropped if it was too much, so that concurrent charges see each other.
        (self.0.load(Ordering::Relaxed) >= 0).then_some(charge)
    }

    /// Charges bytes for data that cannot be read again, even beyond the limit.
    pub(crate) fn charge_anyway(&self, bytes: usize) -> Charge {
        let bytes = signed(bytes);
        self.0.fetch_sub(bytes, Ordering::Relaxed);
        Charge {
            bytes,
            budget: self.clone(),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_charge_is_returned() {
        let budget = Budget::new(10);
        let first = budget.charge(6);
        assert!(first.is_some());
        assert!(budget.charge(5).is_none());
        drop(first);
        assert!(budget.charge(5).is_some());
    }
}
