//! The environment of the lock: its document, time, a network that loses or delays requests, kills, another client, and
//! `unlock`.
//!
//! Time goes to the next timer of a run when no run has anything to do before. Timers fire in time, requests take any time.

use std::rc::Rc;

use super::properties::{REQUEST_IS_NO_LEASE, UNLOCK_SPARES_THE_LIVE};
use super::state::{LEASE, Phase, Progress, Request, Run, START, State, Unlocking, Version, lists};
use super::step::Step;
use crate::engine::Lock;
use crate::explore::{Model, Property};
use crate::lease::claim::{Claim, OwnEntry};
use crate::lease::entry::Entry;
use crate::lease::holder::Holder;
use crate::lease::inbox::Inbox;
use crate::lease::request::{ControlRequest, Order};
use crate::lease::scope::Scope;
use crate::lease::survey::Survey;

/// A defect of the wiring between the decisions and the requests. The checker must find each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// The task that renews the lease survives its run.
    DeadHolderRenews,
    /// A run goes on to renew after the end of its lease.
    RenewsAfterTheEnd,
    /// A run whose entry was removed writes it again.
    WritesRemovedEntryAgain,
    /// An entry that looks dead by the server's clock is removed at once.
    JudgesByServersClock,
    /// A conflict counts as a success.
    ConflictIsSuccess,
    /// A renewal whose answer was lost counts as a success.
    LostAnswerIsSuccess,
    /// The document is written without its revision.
    WritesWithoutRevision,
    /// A lease counts from the answer to its renewal.
    CountsFromAnswer,
    /// A lease counts from the last try to write the entry, whichever landed.
    CountsFromLastTry,
    /// A request renews the entry of its run, so that the run reads it sooner.
    RequestRenewsEntry,
    /// A renewal removes the requests that the run has not read.
    RemovesUnreadRequests,
    /// A run obeys the requests to the other run.
    ObeysRequestsToOthers,
    /// A run does not remember the requests that it has read.
    ForgetsReadRequests,
    /// A run that is paused does not renew its entry.
    PausedRunDoesNotRenew,
    /// `unlock` removes what it sees first.
    UnlockDoesNotWatch,
    /// `unlock` removes an entry that was renewed after it had watched it.
    UnlockRemovesRenewedEntry,
}

/// Two runs, and how much may go wrong.
#[derive(Clone, Debug)]
pub(super) struct Locking {
    /// Whether each run waits for the lock, or is refused.
    pub(super) locks: [Lock; 2],
    pub(super) faults: u8,
    pub(super) kills: u8,
    /// How often another client writes the document without changing its entries.
    pub(super) touches: u8,
    pub(super) unlocks: u8,
    /// How often an operator calls `unlock`; `unlocks` are calls of `unlock anyway`.
    pub(super) surveys: u8,
    /// How often the server's clock jumps.
    pub(super) jumps: u8,
    /// How often an operator asks a run to pause or to end.
    pub(super) requests: u8,
    pub(super) defect: Option<Defect>,
}

impl Model for Locking {
    type State = State;
    type Step = Step;

    fn initial(&self) -> State {
        let run = |index: usize| {
            let mut me = Holder::new("purge_deleted", "ann", "a", Scope::Exclusive, LEASE);
            me.run = ["A", "B"][index].to_owned();
            Run {
                claim: Claim::new(me, self.locks[index]),
                entry: OwnEntry::default(),
                phase: Phase::NotStarted,
                is_cut: false,
                landed: None,
                is_listed: false,
                inbox: Inbox::default(),
                is_paused: false,
                is_cancelled: false,
                obeyed: Vec::new(),
            }
        };
        State {
            now: *START,
            document: Version {
                rev: 1,
                holders: Rc::default(),
            },
            runs: [run(0), run(1)],
            late: Vec::new(),
            has_jumped: false,
            faults: self.faults,
            kills: self.kills,
            touches: self.touches,
            unlocks: self.unlocks,
            jumps: self.jumps,
            requests: self.requests,
            asked: Default::default(),
            ids: 0,
            surveys: self.surveys,
            unlocking: None,
            has_unlocked: false,
        }
    }

    fn steps(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        let faults = state.faults > 0;
        for (index, run) in state.runs.iter().enumerate() {
            let request = match &run.phase {
                Phase::Claims(Progress::Sent(request))
                | Phase::Renews(_, _, _, Progress::Sent(request))
                | Phase::Leaves(request) => Some(request),
                _ => None,
            };
            let is_leaving = matches!(run.phase, Phase::Leaves(_));
            if let Some(request) = request {
                if !run.is_cut {
                    steps.push(Step::Answered(index));
                }
                if faults && !run.is_cut {
                    if !is_leaving {
                        steps.push(Step::Acted(index));
                    }
                    steps.push(Step::LostBeforeTheServerActed(index));
                    if matches!(request, Request::Write(_)) {
                        steps.push(Step::LostAfterTheServerActed(index));
                        steps.push(Step::Delayed(index));
                    }
                }
            }
            match &run.phase {
                Phase::NotStarted => steps.push(Step::Starts(index)),
                Phase::Claims(progress) | Phase::Renews(_, _, _, progress)
                    if matches!(progress, Progress::HasRead(..) | Progress::HasWritten(_)) =>
                {
                    steps.push(Step::AnswerArrives(index));
                }
                Phase::Holds(_) if !run.is_paused => steps.push(Step::Finishes(index)),
                _ => {}
            }
            let is_alive = !matches!(
                run.phase,
                Phase::NotStarted | Phase::Ended | Phase::Dead | Phase::Zombie(_)
            );
            if is_alive && state.kills > 0 {
                steps.push(Step::Killed(index));
            }
            if run.is_holder() && run.is_paused && state.may_end_pause(index) {
                steps.push(Step::EndsPause(index));
            }
            if state.requests > 0 && state.document.lists(&run.claim.me.run) {
                steps.push(Step::Asks(index, Order::Pause));
                steps.push(Step::Asks(index, Order::Cancel));
            }
            if run.is_cut {
                steps.push(Step::NetworkWorks(index));
            } else if faults && matches!(run.phase, Phase::Claims(_) | Phase::Holds(_)) {
                steps.push(Step::NetworkFails(index));
            }
        }
        if self.is_end(state) {
            return steps;
        }
        steps.extend((0..state.late.len()).map(Step::DelayedWriteLands));
        if state.touches > 0 {
            steps.push(Step::OutsideWrite);
        }
        if state.unlocks > 0 && state.document.holders.iter().next().is_some() {
            steps.push(Step::Unlock);
        }
        match &state.unlocking {
            None if state.surveys > 0 && state.document.holders.iter().next().is_some() => {
                steps.push(Step::UnlockBegins);
            }
            Some(Unlocking::Watches(_)) if state.unlock_is_due() <= Some(state.now) => {
                steps.push(Step::UnlockLooks);
            }
            Some(Unlocking::Removes(..)) => steps.push(Step::UnlockRemoves),
            _ => {}
        }
        if state.jumps > 0 {
            steps.push(Step::ServersClockJumps);
        }
        if state.next_timer().is_some() {
            steps.push(Step::TimePasses);
        }
        steps
    }

    fn after(&self, state: &State, step: &Step) -> Result<State, Property> {
        let mut state = state.clone();
        match *step {
            Step::Starts(run) => {
                state.runs[run].phase = Phase::Claims(Progress::Sent(Request::Read))
            }
            Step::Answered(run) => {
                let progress = self.act(&mut state, run)?;
                self.answered(&mut state, run, progress)?;
            }
            Step::Acted(run) => {
                state.faults -= 1;
                let progress = self.act(&mut state, run)?;
                state.runs[run].set_progress(progress);
            }
            Step::AnswerArrives(run) => {
                let progress = state.runs[run].progress();
                self.answered(&mut state, run, progress)?;
            }
            Step::LostBeforeTheServerActed(run) => {
                state.faults -= 1;
                self.answered(&mut state, run, Progress::Lost)?;
            }
            Step::LostAfterTheServerActed(run) => {
                state.faults -= 1;
                self.act(&mut state, run)?;
                self.answered(&mut state, run, Progress::Lost)?;
            }
            Step::Delayed(run) => {
                state.faults -= 1;
                if let Some(Request::Write(write)) = state.runs[run].request() {
                    state.late.push(write);
                }
                self.answered(&mut state, run, Progress::Lost)?;
            }
            Step::DelayedWriteLands(index) => {
                let write = state.late.remove(index);
                self.write(&mut state, &write)?;
            }
            Step::NetworkFails(run) => {
                state.faults -= 1;
                state.runs[run].is_cut = true;
            }
            Step::NetworkWorks(run) => state.runs[run].is_cut = false,
            Step::Finishes(run) => state.leave(run),
            Step::Killed(run) => {
                state.kills -= 1;
                let zombie = match &state.runs[run].phase {
                    Phase::Holds(renewal) if self.defect == Some(Defect::DeadHolderRenews) => {
                        Some(Phase::Zombie(renewal.clone()))
                    }
                    _ => None,
                };
                if let Some(Request::Write(write)) = state.runs[run].request() {
                    state.late.push(write);
                }
                state.runs[run].phase = zombie.unwrap_or(Phase::Dead);
                state.runs[run].is_cut = false;
            }
            Step::OutsideWrite => {
                state.touches -= 1;
                state.document.rev += 1;
            }
            Step::Unlock => {
                state.unlocks -= 1;
                let all: Vec<Entry> = state.document.holders.iter().cloned().collect();
                let left = state.document.holders.without_all(&all);
                state.document.holders = Rc::new(left.unwrap_or_default());
                state.document.rev += 1;
                state.has_unlocked = true;
            }
            Step::UnlockBegins => {
                state.surveys -= 1;
                state.unlocking = self.unlock_begins(&state);
            }
            Step::UnlockLooks => {
                let holders = state.document.holders.clone();
                if let Some(Unlocking::Watches(mut survey)) = state.unlocking.take() {
                    let began = survey.began().1;
                    let surveyed = survey.see(&holders, state.now).unwrap_or_default();
                    state.unlocking = match surveyed.silent.is_empty() {
                        true => None,
                        false => Some(Unlocking::Removes(surveyed.silent, began)),
                    };
                }
            }
            Step::UnlockRemoves => self.unlock_removes(&mut state)?,
            Step::Asks(run, order) => {
                state.requests -= 1;
                self.ask(&mut state, run, order)?;
            }
            Step::EndsPause(run) => self.ask(&mut state, run, Order::Cancel)?,
            Step::ServersClockJumps => {
                state.jumps -= 1;
                state.has_jumped = true;
            }
            Step::TimePasses => self.time_passes(&mut state)?,
        }
        self.check(&state)?;
        state.normalise();
        Ok(state)
    }

    fn sentence(&self, state: &State, step: &Step) -> String {
        let request = step.run().and_then(|run| state.runs[run].request());
        step.sentence(request.as_ref())
    }

    fn is_fault_free(&self, step: &Step) -> bool {
        matches!(
            step,
            Step::Starts(_)
                | Step::Answered(_)
                | Step::AnswerArrives(_)
                | Step::NetworkWorks(_)
                | Step::Finishes(_)
                | Step::TimePasses
                | Step::EndsPause(_)
        )
    }

    fn is_end(&self, state: &State) -> bool {
        let is_over =
            |run: &Run| matches!(run.phase, Phase::Ended | Phase::Dead | Phase::Zombie(_));
        state.runs.iter().all(is_over)
    }
}

impl Locking {
    /// An operator leaves a request, as `operate` does.
    fn ask(&self, state: &mut State, run: usize, order: Order) -> Result<(), Property> {
        state.ids += 1;
        let name = state.runs[run].claim.me.run.clone();
        let id = state.ids.to_string();
        let request = ControlRequest {
            id: id.clone(),
            run: name.clone(),
            order,
            by: String::new(),
            at: state.date(),
        };
        let before = state.document.holders.clone();
        let Ok(mut with) = before.with_request(request) else {
            return Ok(());
        };
        if self.defect == Some(Defect::RequestRenewsEntry) {
            with = with.renewed(&name, state.date()).unwrap_or(with);
        }
        if !with.iter().eq(before.iter()) {
            return Err(REQUEST_IS_NO_LEASE);
        }
        state.asked[run].push(id);
        state.document.holders = Rc::new(with);
        state.document.rev += 1;
        Ok(())
    }
}

impl Locking {
    fn unlock_begins(&self, state: &State) -> Option<Unlocking> {
        if self.defect == Some(Defect::UnlockDoesNotWatch) {
            let all = state.document.holders.iter().cloned().collect();
            return Some(Unlocking::Removes(all, state.now));
        }
        Survey::begin(&state.document.holders, state.now).map(Unlocking::Watches)
    }

    fn unlock_removes(&self, state: &mut State) -> Result<(), Property> {
        let Some(Unlocking::Removes(silent, began)) = state.unlocking.take() else {
            return Ok(());
        };
        let holders = &state.document.holders;
        let left = match self.defect {
            Some(Defect::UnlockRemovesRenewedEntry) => holders.without_all(&silent),
            _ => holders.without_unchanged(&silent),
        };
        let Some(left) = left else {
            return Ok(());
        };
        let is_removed = |run: &&Run| {
            state.document.lists(&run.claim.me.run) && !lists(&left, &run.claim.me.run)
        };
        for run in state.runs.iter().filter(is_removed) {
            let is_renewed = run.landed > Some(began);
            if run.is_holder() && (is_renewed || self.faults == 0) {
                return Err(UNLOCK_SPARES_THE_LIVE);
            }
            // A run that has read its entry, and whose answer is late, is about to hold the lock.
            state.has_unlocked |= !matches!(run.phase, Phase::Ended | Phase::Dead);
        }
        state.document.holders = Rc::new(left);
        state.document.rev += 1;
        Ok(())
    }
}

impl State {
    /// Whether no request to cancel is on its way.
    fn may_end_pause(&self, run: usize) -> bool {
        let run = &self.runs[run];
        let mut requests = self.document.holders.requests_to(&run.claim.me.run);
        !run.is_cancelled
            && self.document.lists(&run.claim.me.run)
            && !requests.any(|one| one.order == Order::Cancel)
    }
}
