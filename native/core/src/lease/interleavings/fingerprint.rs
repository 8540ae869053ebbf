//! Which states are one: those that differ only in what can make no difference.

use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::state::{LEASE, Phase, Progress, Request, Run, State, Unlocking};
use crate::lease::holder::Holder;
use crate::lease::holders::Holders;
use crate::lease::renewal::Renewal;

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
        for run in &self.0.runs {
            for request in holders.requests_to(&run.claim.me.run) {
                (&request.id, request.order.verb()).hash(self.1);
            }
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

    fn unlocking(&mut self) {
        let (entries, began) = match &self.0.unlocking {
            None => return 0_u8.hash(self.1),
            Some(Unlocking::Watches(survey)) => {
                1_u8.hash(self.1);
                survey.began()
            }
            Some(Unlocking::Removes(silent, began)) => {
                2_u8.hash(self.1);
                (silent.as_slice(), *began)
            }
        };
        self.instant(began);
        for entry in entries {
            if let Some(holder) = entry.holder() {
                self.entry(holder);
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
            Phase::Zombie(_) | Phase::Leaves(_) => {}
            _ => {
                (run.is_paused, run.is_cancelled).hash(self.1);
                (run.inbox.known(), &run.obeyed).hash(self.1);
            }
        }
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
            self.requests,
            &self.asked,
            self.surveys,
            self.has_unlocked,
        )
            .hash(state);
        let mut relative = Relative(self, state);
        relative.version(self.document.rev, &self.document.holders);
        for run in &self.runs {
            relative.run(run);
        }
        relative.unlocking();
        for late in &self.late {
            late.from.hash(relative.1);
            relative.version(late.rev, &late.with);
        }
    }
}
