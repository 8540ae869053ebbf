//! How many bytes of documents a run holds on to.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that may still be held, shared by the tasks of a run.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicIsize>);

/// A document's text that is held, and counted for as long.
#[derive(Debug)]
pub(super) struct Held {
    text: Box<str>,
    budget: Budget,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicIsize::new(
            isize::try_from(bytes).unwrap_or(isize::MAX),
        )))
    }

    /// Holds a text, if there is room; without, it is to be read again when it is needed.
    pub(super) fn hold(&self, text: &str) -> Option<Held> {
        let held = self.hold_anyway(text.into());
        // Taken first and given back if it was too much: tasks that hold at the same moment
        // must see each other.
        (self.0.load(Ordering::Relaxed) >= 0).then_some(held)
    }

    /// Holds a text that cannot be read again, room or not.
    pub(super) fn hold_anyway(&self, text: Box<str>) -> Held {
        self.0.fetch_sub(size(&text), Ordering::Relaxed);
        Held {
            text,
            budget: self.clone(),
        }
    }
}

impl Held {
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_add(size(&self.text), Ordering::Relaxed);
    }
}

fn size(text: &str) -> isize {
    isize::try_from(text.len()).unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_until_it_is_let_go() {
        let budget = Budget::new(10);
        let first = budget.hold("123456").unwrap();
        assert!(budget.hold("12345").is_none());
        assert_eq!(first.text(), "123456");
        drop(first);
        assert!(budget.hold("12345").is_some());
    }
}
