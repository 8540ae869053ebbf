//! Whose turn it is when requests must wait: that of reads, or that of writes.
//!
//! A CouchDB that reads and writes at the same time takes longer than one that does first the one
//! and then the other (`docs/performance.md` has the figures). So reads go as long as some wait,
//! then writes as long as some wait, each in the order in which they came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A turn ends after this long if the others wait: what a run is about to write is memory, and on
/// a run of hours somebody wants to see it written. (The lock is renewed past all of this.)
const LONGEST: Duration = Duration::from_secs(2);

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Those who wait.
pub(super) struct Turns<T> {
    reads: VecDeque<T>,
    writes: VecDeque<T>,
    turn: Access,
    since: Instant,
}

impl<T> Turns<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            turn: Access::Read,
            since: now,
        }
    }

    pub(super) fn wait(&mut self, access: Access, one: T) {
        self.queue(access).push_back(one);
    }

    /// Who goes next.
    pub(super) fn next(&mut self, now: Instant) -> Option<T> {
        let others = match self.turn {
            Access::Read => Access::Write,
            Access::Write => Access::Read,
        };
        let over = self.queue(self.turn).is_empty() || now - self.since >= LONGEST;
        if over && !self.queue(others).is_empty() {
            self.turn = others;
            self.since = now;
        }
        self.queue(self.turn).pop_front()
    }

    fn queue(&mut self, access: Access) -> &mut VecDeque<T> {
        match access {
            Access::Read => &mut self.reads,
            Access::Write => &mut self.writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Access::{Read, Write};
    use super::*;

    #[test]
    fn reads_go_first_then_writes_each_in_order() {
        let now = Instant::now();
        let mut turns = Turns::new(now);
        for (access, name) in [(Read, 1), (Write, 2), (Read, 3), (Write, 4)] {
            turns.wait(access, name);
        }
        assert_eq!(turns.next(now), Some(1));
        assert_eq!(turns.next(now), Some(3));
        assert_eq!(turns.next(now), Some(2));
        // It is the turn of writes now, as long as one waits.
        turns.wait(Read, 5);
        assert_eq!(turns.next(now), Some(4));
        assert_eq!(turns.next(now), Some(5));
        assert_eq!(turns.next(now), None);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let start = Instant::now();
        let mut turns = Turns::new(start);
        for name in 0..100 {
            turns.wait(Read, name);
        }
        turns.wait(Write, 100);
        assert_eq!(turns.next(start + LONGEST / 2), Some(0));
        assert_eq!(turns.next(start + LONGEST), Some(100));
        assert_eq!(turns.next(start + LONGEST), Some(1));
        for name in 101..200 {
            turns.wait(Write, name);
        }
        assert_eq!(turns.next(start + LONGEST), Some(2));
        assert_eq!(turns.next(start + LONGEST * 2), Some(101));
        assert_eq!(turns.next(start + LONGEST * 3), Some(3));
    }
}
