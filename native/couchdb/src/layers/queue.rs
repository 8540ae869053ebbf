//! The queue of requests that wait for a permit: reads and writes take turns.
//!
//! A CouchDB that reads and writes at the same time takes longer than one that does first one and
//! then the other (`docs/performance.md` has the figures). So all queued reads run, then all queued
//! writes, each in order of arrival.

use std::collections::VecDeque;

use crate::access::Access;
use std::time::Duration;

use tokio::time::Instant;

/// A turn ends after this time if requests of the other kind are queued: pending writes use memory,
/// and an operator wants to see progress in a run of hours. The lease is renewed through a separate
/// queue.
const LONGEST_TURN: Duration = Duration::from_secs(2);

/// A queue with turns for reads and writes.
pub(super) struct RequestQueue<T> {
    reads: VecDeque<T>,
    writes: VecDeque<T>,
    turn: Access,
    since: Instant,
}

impl<T> RequestQueue<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            turn: Access::Read,
            since: now,
        }
    }

    pub(super) fn push(&mut self, access: Access, waiter: T) {
        self.queue(access).push_back(waiter);
    }

    /// Removes the next request.
    pub(super) fn next(&mut self, now: Instant) -> Option<T> {
        let others = match self.turn {
            Access::Read => Access::Write,
            Access::Write => Access::Read,
        };
        let over = self.queue(self.turn).is_empty() || now - self.since >= LONGEST_TURN;
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
    use super::*;
    use crate::access::Access::{Read, Write};

    #[test]
    fn queued_reads_run_first_then_writes_each_in_order() {
        let now = Instant::now();
        let mut queue = RequestQueue::new(now);
        for (access, name) in [(Read, 1), (Write, 2), (Read, 3), (Write, 4)] {
            queue.push(access, name);
        }
        assert_eq!(queue.next(now), Some(1));
        assert_eq!(queue.next(now), Some(3));
        assert_eq!(queue.next(now), Some(2));
        // It is the writes' turn until their queue is empty.
        queue.push(Read, 5);
        assert_eq!(queue.next(now), Some(4));
        assert_eq!(queue.next(now), Some(5));
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn turn_ends_after_time_limit() {
        let start = Instant::now();
        let mut queue = RequestQueue::new(start);
        for name in 0..100 {
            queue.push(Read, name);
        }
        queue.push(Write, 100);
        assert_eq!(queue.next(start + LONGEST_TURN / 2), Some(0));
        assert_eq!(queue.next(start + LONGEST_TURN), Some(100));
        assert_eq!(queue.next(start + LONGEST_TURN), Some(1));
        for name in 101..200 {
            queue.push(Write, name);
        }
        assert_eq!(queue.next(start + LONGEST_TURN), Some(2));
        assert_eq!(queue.next(start + LONGEST_TURN * 2), Some(101));
        assert_eq!(queue.next(start + LONGEST_TURN * 3), Some(3));
    }
}
