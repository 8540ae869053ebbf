//! The states of a run that wants the lock, from its first read to its entry in the document. This module reads and writes
//! nothing; `acquire` does what it says. `interleavings` checks it against every order of events.

use std::time::{Duration, Instant};

use super::document::{CONFLICTS, LockRead};
use super::entry::{Entry, Watch};
use super::holder::Holder;
use super::holders::{Holders, Verdict};
use super::renewal::Renewal;
use crate::engine::Lock;

/// How often a run that waits looks.
const LOOK: Duration = Duration::from_secs(1);

/// A run that wants the lock.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) me: Holder,
    lock: Lock,
    pub(super) watch: Watch,
    /// Entries of dead runs that its last write removes.
    dead: Vec<Entry>,
    conflicts: usize,
}

/// The next step of a run that wants the lock.
#[derive(Clone, Debug)]
pub(super) enum NextClaim {
    /// Write this content with the revision that was read, and read again.
    Write(Holders),
    /// Print this line, unless it was the last, and read again after the pause.
    Wait { line: String, pause: Duration },
    /// It has the lock, and must renew it. These entries of dead runs were removed.
    Held(Renewal, Vec<Entry>),
    /// This one excludes it.
    Refused(Box<Entry>),
}

impl Claim {
    pub(super) fn new(me: Holder, lock: Lock) -> Self {
        Self {
            me,
            lock,
            watch: Watch::default(),
            dead: Vec::new(),
            conflicts: 0,
        }
    }

    /// The document was read at this moment.
    pub(super) fn judge(&mut self, read: &LockRead, at: Instant) -> Verdict {
        self.watch.see(read.holders.iter(), at);
        read.holders.judge(&self.me, read.at, &self.watch, at)
    }

    /// The next step after a read, its verdict and its moment. `since`: when the oldest write of the entry began that may be in
    /// the document.
    ///
    /// Only a read proves that the entry is there, never an answer to a write: the write of a lost answer may have landed, and
    /// in a cluster with several copies a write can be answered and lose to another.
    pub(super) fn next(
        &mut self,
        verdict: Verdict,
        read: &LockRead,
        since: Option<Instant>,
        at: Instant,
    ) -> NextClaim {
        let (other, line) = match verdict {
            Verdict::Held => {
                let renewal = Renewal::new(self.me.lease(), since.unwrap_or(at));
                // The answers took so long that another run may have removed the entry since.
                return match read.holders.renewed(&self.me.run, read.at) {
                    Some(with) if renewal.begins(at).is_err() => NextClaim::Write(with),
                    _ => NextClaim::Held(renewal, std::mem::take(&mut self.dead)),
                };
            }
            Verdict::Free { with, dead } => {
                self.dead = dead;
                return NextClaim::Write(with);
            }
            Verdict::Taken(other) if self.lock != Lock::Wait => return NextClaim::Refused(other),
            Verdict::Taken(other) => {
                let line = format!("waiting: {other}");
                (other, line)
            }
            Verdict::Silent(other) => {
                let line = format!(
                    "waiting: {other}{}: it counts as dead, and its lock is removed, when it stays silent for {} seconds (`unlock` removes it sooner)",
                    other.last_seen(),
                    other.lease().as_secs()
                );
                (other, line)
            }
        };
        NextClaim::Wait {
            line,
            pause: LOOK.min(other.lease()),
        }
    }

    /// Somebody else was faster to write. False: too often.
    pub(super) fn may_write_again(&mut self) -> bool {
        self.conflicts += 1;
        self.conflicts <= CONFLICTS
    }
}

/// A run's knowledge of its entry in the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnEntry {
    /// The moment at which the oldest write began that may have made the entry as it is.
    oldest: Option<Instant>,
    /// The moment at which the write began that has no answer yet.
    sending: Option<Instant>,
}

impl OwnEntry {
    /// A write begins. From here on the entry may be there, and others may see how old it is.
    pub(super) fn sends(&mut self, at: Instant) {
        self.sending = Some(at);
    }

    /// The answer: `Some(true)` it landed, `Some(false)` it did not, `None` it was lost.
    pub(super) fn answered(&mut self, landed: Option<bool>) {
        let sent = self.sending.take();
        match landed {
            Some(true) => self.oldest = sent,
            // An earlier write whose answer was lost may have landed.
            Some(false) => {}
            None => self.oldest = self.oldest.or(sent),
        }
    }

    /// For the state of a checker.
    #[cfg(test)]
    pub(super) fn moments(&self) -> [Option<Instant>; 2] {
        [self.oldest, self.sending]
    }

    /// The moment from which others may have seen the entry as it is. `None`: it is not there.
    pub(super) fn since(&self) -> Option<Instant> {
        self.oldest.or(self.sending)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::lease::Scope;

    #[test]
    fn entry_that_is_too_old_when_it_is_read_is_renewed_first() {
        let lease = Duration::from_secs(90);
        let me = Holder::new("purge_deleted", "ann", "a", Scope::Exclusive, lease);
        let mut claim = Claim::new(me, Lock::Refuse);
        let start = Instant::now();
        let mut read = LockRead {
            rev: None,
            holders: Holders::default(),
            at: SystemTime::UNIX_EPOCH,
        };
        let verdict = claim.judge(&read, start);
        let NextClaim::Write(with) = claim.next(verdict, &read, None, start) else {
            panic!();
        };
        read.holders = with;
        let mut next = |seconds| {
            let at = start + Duration::from_secs(seconds);
            let verdict = claim.judge(&read, at);
            claim.next(verdict, &read, Some(start), at)
        };
        assert!(matches!(next(84), NextClaim::Held(..)));
        let NextClaim::Write(with) = next(85) else {
            panic!();
        };
        assert_eq!(with.holders().next().unwrap().renewals, 1);
    }

    #[test]
    fn entry_is_as_old_as_the_first_write_that_may_have_landed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut entry = OwnEntry::default();
        assert_eq!(entry.since(), None);
        entry.sends(at(1));
        assert_eq!(entry.since(), Some(at(1)));
        entry.answered(Some(false));
        assert_eq!(entry.since(), None);
        // The first lands late, and the second is in conflict with it.
        for (seconds, landed) in [(2, None), (3, None), (4, Some(false))] {
            entry.sends(at(seconds));
            entry.answered(landed);
            assert_eq!(entry.since(), Some(at(2)));
        }
        entry.sends(at(5));
        entry.answered(Some(true));
        assert_eq!(entry.since(), Some(at(5)));
    }
}
