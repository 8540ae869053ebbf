//! A run between its requests: it does what the product's `claim`, `renewal` and `holders` decide, as `acquire` and `held` do.
//! The properties are checked here.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::model::{Defect, Locking};
use super::properties::{
    LIVE_ENTRY_STAYS, ONE_HOLDER, REQUEST_IS_READ, STOPS_FOR_A_REASON, STOPS_IN_TIME,
    STOPS_WHEN_REMOVED,
};
use super::state::{LEASE, Phase, Progress, Request, Run, State, Version, Write, lists};
use crate::explore::Property;
use crate::lease::claim::{NextClaim, OwnEntry};
use crate::lease::holder::RunReport;
use crate::lease::holders::{Holders, Verdict};
use crate::lease::renewal::{Renewal, Stopped, Tried};

/// The pause after a request of a run that wants the lock has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// An eighteenth of a lease.
const MARGIN: Duration = Duration::from_millis(500);

impl Locking {
    /// The server acts on the request of a run.
    pub(super) fn act(&self, state: &mut State, run: usize) -> Result<Progress, Property> {
        let progress = match state.runs[run].request() {
            Some(Request::Read) => Progress::HasRead(state.document.clone(), state.date()),
            Some(Request::Write(write)) => Progress::HasWritten(self.write(state, &write)?),
            None => unreachable!("no request"),
        };
        state.runs[run].is_listed = state.document.lists(&state.runs[run].claim.me.run);
        Ok(progress)
    }

    /// The server acts on a write. False: a conflict.
    pub(super) fn write(&self, state: &mut State, write: &Write) -> Result<bool, Property> {
        if write.rev != state.document.rev && self.defect != Some(Defect::WritesWithoutRevision) {
            return Ok(false);
        }
        for (index, run) in state.runs.iter().enumerate() {
            let name = &run.claim.me.run;
            let is_removed = state.document.lists(name) && !lists(&write.with, name);
            if is_removed && index != write.from && run.is_holder() {
                return Err(LIVE_ENTRY_STAYS);
            }
        }
        let own = |holders: &Holders| {
            let name = &state.runs[write.from].claim.me.run;
            holders.holders().find(|one| one.run == *name).cloned()
        };
        if own(&write.with) != own(&state.document.holders) {
            state.runs[write.from].landed = Some(state.now);
        }
        state.document = Version {
            rev: state.document.rev + 1,
            holders: write.with.clone(),
        };
        Ok(true)
    }

    /// A run has the answer to its request.
    pub(super) fn answered(
        &self,
        state: &mut State,
        run: usize,
        progress: Progress,
    ) -> Result<(), Property> {
        match state.runs[run].phase.clone() {
            Phase::Claims(_) => {
                self.claim(state, run, progress)?;
                if state.runs[run].is_holder() && state.runs[run].is_cancelled {
                    state.leave(run);
                }
            }
            Phase::Renews(renewal, began, until, _) => {
                self.renew(state, run, renewal, began, until, progress)?;
            }
            Phase::Leaves(_) => state.leaves(run, progress),
            phase => unreachable!("{phase:?} waits for no answer"),
        }
        Ok(())
    }

    fn claim(&self, state: &mut State, index: usize, progress: Progress) -> Result<(), Property> {
        let now = state.now;
        let run = &mut state.runs[index];
        let pause = Phase::Pauses(now + PAUSE);
        run.phase = match progress {
            Progress::HasRead(read, at) => {
                run.obeys(&read.holders, at, self.defect)?;
                let lock_read = read.lock_read(at);
                let mut verdict = run.claim.judge(&lock_read, now);
                if self.defect == Some(Defect::JudgesByServersClock)
                    && let Verdict::Silent(dead) = &verdict
                {
                    let without = read.holders.without_all(&[(**dead).clone()]);
                    let without = without.unwrap_or_default();
                    verdict = without.judge(&run.claim.me, at, &run.claim.watch, now);
                }
                match run.claim.next(verdict, &lock_read, run.entry.since(), now) {
                    NextClaim::Write(with) => {
                        if self.defect == Some(Defect::CountsFromLastTry) {
                            run.entry = OwnEntry::default();
                        }
                        run.entry.sends(now);
                        Phase::Claims(Progress::Sent(Request::Write(Write {
                            from: index,
                            rev: read.rev,
                            with: Rc::new(with),
                        })))
                    }
                    NextClaim::Wait { pause, .. } => Phase::Pauses(now + pause),
                    NextClaim::Held(renewal, _) => Phase::Holds(renewal),
                    NextClaim::Refused(_) => Phase::Ended,
                }
            }
            Progress::HasWritten(landed) => {
                // The wiring before the defect was found: a conflict left the moment of the try.
                let keeps = self.defect == Some(Defect::CountsFromLastTry) && !landed;
                run.entry.answered(if keeps { None } else { Some(landed) });
                run.claim.may_write_again();
                Phase::Claims(Progress::Sent(Request::Read))
            }
            Progress::Lost => {
                run.entry.answered(None);
                pause
            }
            Progress::Sent(_) => unreachable!("no answer"),
        };
        Ok(())
    }

    /// A try to renew goes on, as `LockDocument::change` does it: read, write, and again after a conflict.
    fn renew(
        &self,
        state: &mut State,
        index: usize,
        mut renewal: Renewal,
        began: Instant,
        until: Instant,
        progress: Progress,
    ) -> Result<(), Property> {
        let now = state.now;
        let run = &mut state.runs[index];
        let name = run.claim.me.run.clone();
        if let Progress::HasRead(read, at) = &progress
            && self.defect != Some(Defect::RemovesUnreadRequests)
        {
            run.obeys(&read.holders, *at, self.defect)?;
        }
        let tried = match progress {
            Progress::HasRead(read, at) => match read.holders.renewed(&name, at) {
                Some(with) => {
                    let with = with.answered(&name, RunReport::default());
                    let write = Write {
                        from: index,
                        rev: read.rev,
                        with: Rc::new(with),
                    };
                    let sent = Progress::Sent(Request::Write(write));
                    run.phase = Phase::Renews(renewal, began, until, sent);
                    return Ok(());
                }
                None if self.defect == Some(Defect::WritesRemovedEntryAgain) => Tried::Renewed,
                None => Tried::Removed,
            },
            Progress::HasWritten(true) => Tried::Renewed,
            Progress::HasWritten(false) if self.defect == Some(Defect::ConflictIsSuccess) => {
                Tried::Renewed
            }
            Progress::HasWritten(false) => {
                let sent = Progress::Sent(Request::Read);
                run.phase = Phase::Renews(renewal, began, until, sent);
                return Ok(());
            }
            Progress::Lost if self.defect == Some(Defect::LostAnswerIsSuccess) => Tried::Renewed,
            Progress::Lost => Tried::Failed,
            Progress::Sent(_) => unreachable!("no answer"),
        };
        let counts_from = match self.defect {
            Some(Defect::CountsFromAnswer) => now,
            _ => began,
        };
        if tried == Tried::Renewed && !state.runs[index].is_listed {
            return Err(STOPS_WHEN_REMOVED);
        }
        match renewal.tried(counts_from, tried, now) {
            Some(Stopped::Removed) if state.runs[index].is_listed => {
                return Err(STOPS_FOR_A_REASON);
            }
            Some(Stopped::Removed | Stopped::Expired(_)) => state.leave(index),
            None if state.runs[index].is_cancelled => state.leave(index),
            None => state.runs[index].phase = Phase::Holds(renewal),
        }
        Ok(())
    }

    /// Time goes to the next timer, and the runs whose timers fire do what they do then.
    pub(super) fn time_passes(&self, state: &mut State) -> Result<(), Property> {
        let Some(next) = state.next_timer() else {
            return Ok(());
        };
        state.now = state.now.max(next);
        for index in 0..state.runs.len() {
            let now = state.now;
            match state.runs[index].phase.clone() {
                Phase::Pauses(until) if until <= now => {
                    state.runs[index].phase = Phase::Claims(Progress::Sent(Request::Read));
                }
                Phase::Holds(mut renewal)
                    if renewal.due() <= now
                        && state.runs[index].is_paused
                        && self.defect == Some(Defect::PausedRunDoesNotRenew) =>
                {
                    renewal.tried(now, Tried::Renewed, now);
                    state.runs[index].phase = Phase::Holds(renewal);
                }
                Phase::Holds(renewal) if renewal.due() <= now => {
                    let until = match renewal.begins(now) {
                        Ok(until) => until,
                        Err(_) if self.defect == Some(Defect::RenewsAfterTheEnd) => now + PAUSE,
                        Err(_) => {
                            state.leave(index);
                            continue;
                        }
                    };
                    let sent = Progress::Sent(Request::Read);
                    state.runs[index].phase = Phase::Renews(renewal, now, until, sent);
                }
                Phase::Renews(renewal, began, until, progress) if until <= now => {
                    // No answer in time. A write that was sent may land later.
                    if let Progress::Sent(Request::Write(write)) = progress {
                        state.late.push(write);
                    }
                    self.renew(state, index, renewal, began, until, Progress::Lost)?;
                }
                Phase::Zombie(mut renewal) if renewal.due() <= now => {
                    let name = state.runs[index].claim.me.run.clone();
                    let renewed = state.document.holders.renewed(&name, state.date());
                    if let Some(with) = renewed {
                        let write = Write {
                            from: index,
                            rev: state.document.rev,
                            with: Rc::new(with),
                        };
                        self.write(state, &write)?;
                        renewal.tried(now, Tried::Renewed, now);
                        state.runs[index].phase = Phase::Zombie(renewal);
                    } else {
                        state.runs[index].phase = Phase::Dead;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, state: &State) -> Result<(), Property> {
        if !state.has_unlocked && state.runs.iter().all(Run::is_holder) {
            return Err(ONE_HOLDER);
        }
        for (run, asked) in state.runs.iter().zip(&state.asked) {
            let name = &run.claim.me.run;
            let is_there = |id: &String| {
                state
                    .document
                    .holders
                    .requests_to(name)
                    .any(|one| one.id == *id)
            };
            let is_read = |id: &String| run.obeyed.contains(id) || is_there(id);
            if run.is_holder() && state.document.lists(name) && !asked.iter().all(is_read) {
                return Err(REQUEST_IS_READ);
            }
            let Some(landed) = run.landed else {
                continue;
            };
            let stops = match &run.phase {
                Phase::Holds(renewal) | Phase::Renews(renewal, ..) => renewal.end(),
                _ => continue,
            };
            if state.now.max(stops) + MARGIN > landed + LEASE {
                return Err(STOPS_IN_TIME);
            }
        }
        Ok(())
    }
}
