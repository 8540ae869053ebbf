//! The state of the environment.

use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use super::model::Defect;
use super::properties::REQUEST_IS_OBEYED_ONCE;
use crate::explore::Property;
use crate::lease::claim::{Claim, OwnEntry};
use crate::lease::document::LockRead;
use crate::lease::entry::Entry;
use crate::lease::holders::Holders;
use crate::lease::inbox::Inbox;
use crate::lease::renewal::Renewal;
use crate::lease::request::Order;
use crate::lease::survey::Survey;
use couchdb::Revision;

/// The lease. Its parts are whole tenths of a second.
pub(super) const LEASE: Duration = Duration::from_secs(9);

/// How far the server's clock jumps.
const JUMP: Duration = Duration::from_secs(120);

pub(super) static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The document at one revision.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) rev: u32,
    pub(super) holders: Rc<Holders>,
}

/// A write on its way.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) from: usize,
    pub(super) rev: u32,
    pub(super) with: Rc<Holders>,
}

/// The request of a run.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Read,
    Write(Write),
}

/// The progress of a request.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// The server has not acted.
    Sent(Request),
    /// The server has acted: the document that was read.
    HasRead(Version, SystemTime),
    /// The server has acted: whether the write landed.
    HasWritten(bool),
    /// There will be no answer.
    Lost,
}

/// The state of a run.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    NotStarted,
    /// It wants the lock.
    Claims(Progress),
    /// It wants the lock, and continues at this moment.
    Pauses(Instant),
    /// It holds the lock, and sleeps.
    Holds(Renewal),
    /// It holds the lock, and renews it: since when, and until when at most.
    Renews(Renewal, Instant, Instant, Progress),
    /// It has stopped, and removes its entry.
    Leaves(Request),
    Ended,
    Dead,
    /// It was killed, and its renewing task goes on: [`Defect::DeadHolderRenews`].
    Zombie(Renewal),
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) claim: Claim,
    pub(super) entry: OwnEntry,
    pub(super) phase: Phase,
    /// Whether requests do not reach the server.
    pub(super) is_cut: bool,
    /// When the document last got the run's entry as it is. A ghost.
    pub(super) landed: Option<Instant>,
    /// Whether the document had the run's entry when the server last acted for the run. A ghost.
    pub(super) is_listed: bool,
    pub(super) inbox: Inbox,
    /// Whether it was asked to pause, and does not finish its work.
    pub(super) is_paused: bool,
    /// Whether it was asked to end.
    pub(super) is_cancelled: bool,
    /// The ids of the requests that it obeyed. A ghost.
    pub(super) obeyed: Vec<String>,
}

/// An operator who calls `unlock` without insisting.
#[derive(Clone, Debug)]
pub(super) enum Unlocking {
    /// Watches the entries.
    Watches(Survey),
    /// Removes these entries, which were silent since this moment.
    Removes(Vec<Entry>, Instant),
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: Instant,
    pub(super) document: Version,
    pub(super) runs: [Run; 2],
    pub(super) late: Vec<Write>,
    pub(super) has_jumped: bool,
    pub(super) faults: u8,
    pub(super) kills: u8,
    pub(super) touches: u8,
    pub(super) unlocks: u8,
    pub(super) jumps: u8,
    pub(super) requests: u8,
    /// The ids of the requests to each run since its entry is in the document. A ghost.
    pub(super) asked: [Vec<String>; 2],
    /// How many requests there were.
    pub(super) ids: u8,
    /// How often an operator may call `unlock`, one call after the other.
    pub(super) surveys: u8,
    pub(super) unlocking: Option<Unlocking>,
    /// Whether an operator removed the entry of a run that holds the lock or is about to. A ghost.
    pub(super) has_unlocked: bool,
}

impl Run {
    /// It has read the document, and obeys the requests to it.
    pub(super) fn obeys(
        &mut self,
        holders: &Holders,
        at: SystemTime,
        defect: Option<Defect>,
    ) -> Result<(), Property> {
        if defect == Some(Defect::ForgetsReadRequests) {
            self.inbox = Inbox::default();
        }
        let of = match (defect, self.claim.me.run.as_str()) {
            (Some(Defect::ObeysRequestsToOthers), "A") => "B",
            (_, run) => run,
        };
        for request in self.inbox.read(holders, of, at) {
            match request.order {
                Order::Pause => self.is_paused = true,
                Order::Cancel => self.is_cancelled = true,
                Order::Resume | Order::Throttle(_) => {}
            }
            if request.run != self.claim.me.run || self.obeyed.contains(&request.id) {
                return Err(REQUEST_IS_OBEYED_ONCE);
            }
            self.obeyed.push(request.id);
        }
        Ok(())
    }

    /// Whether it writes numbers.
    pub(super) fn is_holder(&self) -> bool {
        matches!(self.phase, Phase::Holds(_) | Phase::Renews(..))
    }

    pub(super) fn request(&self) -> Option<Request> {
        match &self.phase {
            Phase::Claims(Progress::Sent(request))
            | Phase::Renews(_, _, _, Progress::Sent(request))
            | Phase::Leaves(request) => Some(request.clone()),
            _ => None,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match &self.phase {
            Phase::Claims(progress) | Phase::Renews(_, _, _, progress) => progress.clone(),
            phase => unreachable!("{phase:?} waits for no answer"),
        }
    }

    pub(super) fn set_progress(&mut self, to: Progress) {
        if let Phase::Claims(progress) | Phase::Renews(_, _, _, progress) = &mut self.phase {
            *progress = to;
        }
    }
}

pub(super) fn lists(holders: &Holders, run: &str) -> bool {
    holders.holders().any(|one| one.run == run)
}

impl Version {
    pub(super) fn lists(&self, run: &str) -> bool {
        lists(&self.holders, run)
    }

    pub(super) fn lock_read(&self, at: SystemTime) -> LockRead {
        LockRead {
            rev: Some(Revision::Usual(self.rev, 0)),
            holders: (*self.holders).clone(),
            at,
        }
    }
}

impl State {
    /// The server's clock.
    pub(super) fn date(&self) -> SystemTime {
        let since = self.now.duration_since(*START);
        let jump = if self.has_jumped {
            JUMP
        } else {
            Duration::ZERO
        };
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + since + jump
    }

    /// When the next timer fires.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let timer = |run: &Run| match &run.phase {
            Phase::Pauses(until) => Some(*until),
            Phase::Holds(renewal) | Phase::Zombie(renewal) => Some(renewal.due()),
            // A run that is cut off waits for its timeout.
            Phase::Renews(_, _, until, _) => Some(*until),
            _ => None,
        };
        let has_work = |run: &Run| !run.is_cut && run.request().is_some();
        match self.runs.iter().any(has_work) {
            true => None,
            false => {
                let of_runs = self.runs.iter().filter_map(timer);
                // An operator may be slow.
                let of_unlock = self.unlock_is_due().filter(|due| *due > self.now);
                of_runs.chain(of_unlock).min()
            }
        }
    }

    /// When an operator has watched the entries for long enough.
    pub(super) fn unlock_is_due(&self) -> Option<Instant> {
        match &self.unlocking {
            Some(Unlocking::Watches(survey)) => Some(survey.began().1 + survey.patience()),
            _ => None,
        }
    }

    /// A run stops, and gives the lock back as `LockDocument::leave` does.
    pub(super) fn leave(&mut self, run: usize) {
        self.runs[run].entry = OwnEntry::default();
        self.runs[run].is_cut = false;
        self.runs[run].phase = Phase::Leaves(Request::Read);
    }

    pub(super) fn leaves(&mut self, index: usize, progress: Progress) {
        let name = &self.runs[index].claim.me.run;
        let phase = match progress {
            Progress::HasRead(read, _) => match read.holders.without(name) {
                Some(with) => Phase::Leaves(Request::Write(Write {
                    from: index,
                    rev: read.rev,
                    with: Rc::new(with),
                })),
                None => Phase::Ended,
            },
            Progress::HasWritten(false) => Phase::Leaves(Request::Read),
            // Failing that, the lease expires.
            _ => Phase::Ended,
        };
        self.runs[index].phase = phase;
    }

    /// Drops what no longer makes a difference, so that states that behave alike are one.
    pub(super) fn normalise(&mut self) {
        let rev = self.document.rev;
        // All of these are in conflict, but where revisions do not count.
        self.late.retain(|late| late.rev == rev);
        // Requests to a run whose entry was removed are removed, too.
        for (run, asked) in self.runs.iter().zip(&mut self.asked) {
            if !lists(&self.document.holders, &run.claim.me.run) {
                asked.clear();
            }
        }
    }
}
