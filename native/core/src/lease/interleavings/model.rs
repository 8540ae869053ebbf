//! The environment of the lock: its document, time, a network that loses or delays requests, kills, another client, and
//! `unlock`. The decisions are those of the product: `claim`, `renewal` and `holders`.
//!
//! Time goes to the next timer of a run when no run has anything to do before. Timers fire in time, requests take any time.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use super::properties::{LIVE_ENTRY_STAYS, ONE_HOLDER, STOPS_IN_TIME, STOPS_WHEN_REMOVED};
use crate::engine::Lock;
use crate::explore::{Model, Property};
use crate::lease::claim::{Claim, NextClaim, OwnEntry};
use crate::lease::document::LockRead;
use crate::lease::entry::Entry;
use crate::lease::holder::Holder;
use crate::lease::holders::{Holders, Verdict};
use crate::lease::renewal::{Renewal, Stopped, Tried};
use crate::lease::scope::Scope;
use couchdb::Revision;

/// The lease. Its parts are whole tenths of a second.
pub(super) const LEASE: Duration = Duration::from_secs(9);

/// The pause after a request of a run that wants the lock has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How far the server's clock jumps.
const JUMP: Duration = Duration::from_secs(120);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

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
    /// How often the server's clock jumps.
    pub(super) jumps: u8,
    pub(super) defect: Option<Defect>,
}

/// The document at one revision.
#[derive(Clone, Debug)]
struct Version {
    rev: u32,
    holders: Rc<Holders>,
}

/// A write on its way.
#[derive(Clone, Debug)]
struct Write {
    from: usize,
    rev: u32,
    with: Rc<Holders>,
}

/// The request of a run.
#[derive(Clone, Debug)]
enum Request {
    Read,
    Write(Write),
}

/// The progress of a request.
#[derive(Clone, Debug)]
enum Progress {
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
enum Phase {
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
struct Run {
    claim: Claim,
    entry: OwnEntry,
    phase: Phase,
    /// Whether requests do not reach the server.
    is_cut: bool,
    /// When the document last got the run's entry as it is. A ghost.
    landed: Option<Instant>,
    /// Whether the document had the run's entry when the server last acted for the run. A ghost.
    is_listed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    now: Instant,
    document: Version,
    runs: [Run; 2],
    late: Vec<Write>,
    has_jumped: bool,
    faults: u8,
    kills: u8,
    touches: u8,
    unlocks: u8,
    jumps: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Starts(usize),
    /// The server acts on the request of a run, and the run has the answer.
    Answered(usize),
    /// The server acts on the request of a run, whose answer is on its way.
    Acted(usize),
    /// The answer arrives.
    AnswerArrives(usize),
    LostBeforeTheServerActed(usize),
    LostAfterTheServerActed(usize),
    /// The sender gives up, and the server may act later.
    Delayed(usize),
    DelayedWriteLands(usize),
    /// No request of the run reaches the server from now on.
    NetworkFails(usize),
    NetworkWorks(usize),
    Finishes(usize),
    Killed(usize),
    OutsideWrite,
    Unlock,
    ServersClockJumps,
    TimePasses,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, what) = match self {
            Self::Starts(run) => (run, "starts"),
            Self::Answered(run) => (run, "sends its request and has the answer"),
            Self::Acted(run) => (run, "sends its request, and the server acts"),
            Self::AnswerArrives(run) => (run, "has the answer"),
            Self::LostBeforeTheServerActed(run) => (run, "loses its request"),
            Self::LostAfterTheServerActed(run) => (run, "loses the answer: the server has acted"),
            Self::Delayed(run) => (run, "gives up a write that is on its way"),
            Self::NetworkFails(run) => (run, "is cut off from the server"),
            Self::NetworkWorks(run) => (run, "reaches the server again"),
            Self::Finishes(run) => (run, "finishes its work"),
            Self::Killed(run) => (run, "is killed"),
            Self::DelayedWriteLands(_) => return f.write_str("a delayed write lands"),
            Self::OutsideWrite => return f.write_str("another client writes the document"),
            Self::Unlock => return f.write_str("an operator calls unlock"),
            Self::ServersClockJumps => return f.write_str("the server's clock jumps"),
            Self::TimePasses => return f.write_str("time passes to the next timer"),
        };
        write!(f, "run {} {what}", ["A", "B"][*run])
    }
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
                Phase::Holds(_) => steps.push(Step::Finishes(index)),
                _ => {}
            }
            let is_alive = !matches!(
                run.phase,
                Phase::NotStarted | Phase::Ended | Phase::Dead | Phase::Zombie(_)
            );
            if is_alive && state.kills > 0 {
                steps.push(Step::Killed(index));
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
            }
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

    fn is_fault_free(&self, step: &Step) -> bool {
        matches!(
            step,
            Step::Starts(_)
                | Step::Answered(_)
                | Step::AnswerArrives(_)
                | Step::NetworkWorks(_)
                | Step::Finishes(_)
                | Step::TimePasses
        )
    }

    fn is_end(&self, state: &State) -> bool {
        let is_over =
            |run: &Run| matches!(run.phase, Phase::Ended | Phase::Dead | Phase::Zombie(_));
        state.runs.iter().all(is_over)
    }
}

impl Locking {
    /// The server acts on the request of a run.
    fn act(&self, state: &mut State, run: usize) -> Result<Progress, Property> {
        let progress = match state.runs[run].request() {
            Some(Request::Read) => Progress::HasRead(state.document.clone(), state.date()),
            Some(Request::Write(write)) => Progress::HasWritten(self.write(state, &write)?),
            None => unreachable!("no request"),
        };
        state.runs[run].is_listed = state.document.lists(&state.runs[run].claim.me.run);
        Ok(progress)
    }

    /// The server acts on a write. False: a conflict.
    fn write(&self, state: &mut State, write: &Write) -> Result<bool, Property> {
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
    fn answered(&self, state: &mut State, run: usize, progress: Progress) -> Result<(), Property> {
        match state.runs[run].phase.clone() {
            Phase::Claims(_) => self.claim(state, run, progress),
            Phase::Renews(renewal, began, until, _) => {
                self.renew(state, run, renewal, began, until, progress)?;
            }
            Phase::Leaves(_) => state.leaves(run, progress),
            phase => unreachable!("{phase:?} waits for no answer"),
        }
        Ok(())
    }

    fn claim(&self, state: &mut State, index: usize, progress: Progress) {
        let now = state.now;
        let run = &mut state.runs[index];
        let pause = Phase::Pauses(now + PAUSE);
        run.phase = match progress {
            Progress::HasRead(read, at) => {
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
        let tried = match progress {
            Progress::HasRead(read, at) => match read.holders.renewed(&name, at) {
                Some(with) => {
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
            Some(Stopped::Removed | Stopped::Expired(_)) => state.leave(index),
            None => state.runs[index].phase = Phase::Holds(renewal),
        }
        Ok(())
    }

    /// Time goes to the next timer, and the runs whose timers fire do what they do then.
    fn time_passes(&self, state: &mut State) -> Result<(), Property> {
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
                    // No answer in time. What was sent may land later.
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

    fn check(&self, state: &State) -> Result<(), Property> {
        let unlocked = state.unlocks < self.unlocks;
        if !unlocked && state.runs.iter().all(Run::is_holder) {
            return Err(ONE_HOLDER);
        }
        for run in &state.runs {
            let Some(landed) = run.landed else {
                continue;
            };
            let stops = match &run.phase {
                Phase::Holds(renewal) | Phase::Renews(renewal, ..) => renewal.end(),
                _ => continue,
            };
            if state.now > landed + LEASE || stops > landed + LEASE {
                return Err(STOPS_IN_TIME);
            }
        }
        Ok(())
    }
}

impl Run {
    /// Whether it writes numbers.
    fn is_holder(&self) -> bool {
        matches!(self.phase, Phase::Holds(_) | Phase::Renews(..))
    }

    fn request(&self) -> Option<Request> {
        match &self.phase {
            Phase::Claims(Progress::Sent(request))
            | Phase::Renews(_, _, _, Progress::Sent(request))
            | Phase::Leaves(request) => Some(request.clone()),
            _ => None,
        }
    }

    fn progress(&self) -> Progress {
        match &self.phase {
            Phase::Claims(progress) | Phase::Renews(_, _, _, progress) => progress.clone(),
            phase => unreachable!("{phase:?} waits for no answer"),
        }
    }

    fn set_progress(&mut self, to: Progress) {
        if let Phase::Claims(progress) | Phase::Renews(_, _, _, progress) = &mut self.phase {
            *progress = to;
        }
    }
}

fn lists(holders: &Holders, run: &str) -> bool {
    holders.holders().any(|one| one.run == run)
}

impl Version {
    fn lists(&self, run: &str) -> bool {
        lists(&self.holders, run)
    }

    fn lock_read(&self, at: SystemTime) -> LockRead {
        LockRead {
            rev: Some(Revision::Usual(self.rev, 0)),
            holders: (*self.holders).clone(),
            at,
        }
    }
}

impl State {
    /// The server's clock.
    fn date(&self) -> SystemTime {
        let since = self.now.duration_since(*START);
        let jump = if self.has_jumped {
            JUMP
        } else {
            Duration::ZERO
        };
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + since + jump
    }

    /// When the next timer fires.
    fn next_timer(&self) -> Option<Instant> {
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
            false => self.runs.iter().filter_map(timer).min(),
        }
    }

    /// A run stops, and gives the lock back as `LockDocument::leave` does.
    fn leave(&mut self, run: usize) {
        self.runs[run].entry = OwnEntry::default();
        self.runs[run].is_cut = false;
        self.runs[run].phase = Phase::Leaves(Request::Read);
    }

    fn leaves(&mut self, index: usize, progress: Progress) {
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
    fn normalise(&mut self) {
        let rev = self.document.rev;
        // All of these are in conflict, but where revisions do not count.
        self.late.retain(|late| late.rev == rev);
    }
}

/// Ages beyond a lease are alike.
const OLDEST: Duration = LEASE.saturating_add(Duration::from_millis(1));

/// Moments count from now, and revisions from the present one: states that differ in nothing else behave alike.
struct Relative<'a, H>(&'a State, &'a mut H);

impl<H: Hasher> Relative<'_, H> {
    fn instant(&mut self, at: Instant) {
        let age = self.0.now.saturating_duration_since(at).min(OLDEST);
        (at.saturating_duration_since(self.0.now), age).hash(self.1);
    }

    fn entry(&mut self, holder: &Holder) {
        holder.run.hash(self.1);
        let now = self.0.date();
        holder.looks_dead(now).hash(self.1);
        // Its renewals count only in comparison with those that others know.
        let mut present = self.0.document.holders.holders();
        present.any(|one| one == holder).hash(self.1);
        if !holder.looks_dead(now) {
            let age = now.duration_since(holder.renewed).unwrap_or_default();
            age.hash(self.1);
        }
    }

    fn version(&mut self, rev: u32, holders: &Holders) {
        (rev == self.0.document.rev).hash(self.1);
        for holder in holders.holders() {
            self.entry(holder);
        }
        0xff_u8.hash(self.1);
    }

    fn request(&mut self, request: &Request) {
        match request {
            Request::Read => 0_u8.hash(self.1),
            Request::Write(write) => {
                1_u8.hash(self.1);
                self.version(write.rev, &write.with);
            }
        }
    }

    fn progress(&mut self, progress: &Progress) {
        std::mem::discriminant(progress).hash(self.1);
        match progress {
            Progress::Sent(request) => self.request(request),
            Progress::HasRead(read, at) => {
                self.version(read.rev, &read.holders);
                let age = self.0.date().duration_since(*at).unwrap_or_default();
                age.min(OLDEST).hash(self.1);
            }
            Progress::HasWritten(landed) => landed.hash(self.1),
            Progress::Lost => {}
        }
    }

    fn renewal(&mut self, renewal: &Renewal) {
        self.instant(renewal.due());
        self.instant(renewal.end());
    }

    fn run(&mut self, run: &Run) {
        std::mem::discriminant(&run.phase).hash(self.1);
        run.is_cut.hash(self.1);
        (run.is_listed && matches!(run.phase, Phase::Renews(..))).hash(self.1);
        match &run.phase {
            Phase::NotStarted | Phase::Ended | Phase::Dead => return,
            Phase::Claims(progress) => {
                self.progress(progress);
                if let Progress::HasRead(read, _) = progress {
                    for entry in read.holders.iter() {
                        let mut seen = run.claim.watch.seen();
                        seen.any(|(seen, ..)| seen == entry).hash(self.1);
                    }
                }
            }
            Phase::Pauses(until) => self.instant(*until),
            Phase::Holds(renewal) | Phase::Zombie(renewal) => self.renewal(renewal),
            Phase::Renews(renewal, began, until, progress) => {
                self.renewal(renewal);
                self.instant(*began);
                self.instant(*until);
                self.progress(progress);
            }
            Phase::Leaves(request) => return self.request(request),
        }
        if let Some(landed) = run.landed {
            self.instant(landed);
        }
        if run.is_holder() {
            return;
        }
        for moment in run.entry.moments() {
            moment.is_some().hash(self.1);
            self.instant(moment.unwrap_or(self.0.now));
        }
        for (entry, since, changed) in run.claim.watch.seen() {
            if let Some(holder) = entry.holder() {
                self.entry(holder);
            }
            self.instant(since);
            changed.hash(self.1);
        }
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            self.has_jumped,
            self.faults,
            self.kills,
            self.touches,
            self.unlocks,
            self.jumps,
        )
            .hash(state);
        let mut relative = Relative(self, state);
        relative.version(self.document.rev, &self.document.holders);
        for run in &self.runs {
            relative.run(run);
        }
        for late in &self.late {
            late.from.hash(relative.1);
            relative.version(late.rev, &late.with);
        }
    }
}
