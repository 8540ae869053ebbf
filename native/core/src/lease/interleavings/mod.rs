//! Every interleaving of two runs that want the lock with time, lost requests, kills, another client and `unlock`.
//!
//! docs/decisions/0011-every-interleaving.md has the limits of the model.

mod fingerprint;
mod model;
mod properties;
mod state;
mod step;
mod wiring;

use crate::engine::Lock;
use crate::explore::{Property, RUNS_END, check, check_finds};
use model::{Defect, Locking};
use properties::{
    LIVE_ENTRY_STAYS, REQUEST_IS_NO_LEASE, REQUEST_IS_OBEYED_ONCE, REQUEST_IS_READ, STOPS_IN_TIME,
    STOPS_WHEN_REMOVED, UNLOCK_SPARES_THE_LIVE,
};

/// Two runs that wait for the lock, and nothing that goes wrong.
const QUIET: Locking = Locking {
    locks: [Lock::Wait; 2],
    faults: 0,
    kills: 0,
    touches: 0,
    unlocks: 0,
    surveys: 0,
    jumps: 0,
    requests: 0,
    defect: None,
};

#[test]
fn two_runs_never_hold_the_lock_together() {
    let wait = Locking {
        faults: 1,
        kills: 1,
        touches: 1,
        ..QUIET
    };
    check("two runs that wait", &wait, 60_000, 30);
    let refuse = Locking {
        locks: [Lock::Refuse; 2],
        faults: 1,
        kills: 2,
        ..QUIET
    };
    check("two runs that are refused", &refuse, 2_900, 30);
}

#[test]
fn lock_survives_delays_and_clocks() {
    let delays = Locking { faults: 2, ..QUIET };
    check("two faults", &delays, 180_000, 30);
    let clocks = Locking {
        faults: 1,
        jumps: 1,
        ..QUIET
    };
    check("a clock that jumps", &clocks, 30_000, 30);
}

#[test]
fn run_stops_after_unlock() {
    let unlock = Locking {
        faults: 1,
        unlocks: 1,
        ..QUIET
    };
    check("unlock", &unlock, 50_000, 30);
}

#[test]
fn requests_to_runs_leave_the_leases_as_they_are() {
    let faults = Locking {
        faults: 1,
        requests: 1,
        ..QUIET
    };
    check("a request and a fault", &faults, 65_000, 40);
    let requests = Locking {
        requests: 2,
        ..QUIET
    };
    check("two requests", &requests, 4_500, 20);
    let kills = Locking {
        kills: 1,
        requests: 1,
        unlocks: 1,
        ..QUIET
    };
    check("a request, a kill and unlock", &kills, 34_000, 40);
}

#[test]
fn unlock_spares_runs_that_renew() {
    let kills = Locking {
        kills: 1,
        surveys: 1,
        ..QUIET
    };
    check("unlock and a kill", &kills, 28_000, 40);
    let faults = Locking {
        faults: 1,
        surveys: 1,
        locks: [Lock::Refuse; 2],
        ..QUIET
    };
    check("unlock and a fault", &faults, 44_000, 40);
}

/// The known defects, put into the wiring one at a time: each is found, by a short trace.
#[test]
fn each_known_defect_is_found() {
    let faults = |faults| Locking { faults, ..QUIET };
    let kills = Locking { kills: 1, ..QUIET };
    let unlocks = Locking {
        unlocks: 1,
        ..QUIET
    };
    let jumps = Locking { jumps: 1, ..QUIET };
    let touches = Locking {
        touches: 1,
        ..QUIET
    };
    let requests = Locking {
        requests: 1,
        ..QUIET
    };
    let surveys = |faults| Locking {
        faults,
        surveys: 1,
        ..QUIET
    };
    let requests_and_touches = Locking {
        touches: 1,
        ..requests.clone()
    };
    let cases: [(Defect, Locking, Property, usize); 16] = [
        (Defect::DeadHolderRenews, kills, RUNS_END, 12),
        (Defect::RenewsAfterTheEnd, faults(1), STOPS_IN_TIME, 40),
        (
            Defect::WritesRemovedEntryAgain,
            unlocks,
            STOPS_WHEN_REMOVED,
            12,
        ),
        (Defect::JudgesByServersClock, jumps, LIVE_ENTRY_STAYS, 12),
        (Defect::ConflictIsSuccess, touches, STOPS_IN_TIME, 12),
        (Defect::LostAnswerIsSuccess, faults(1), STOPS_IN_TIME, 12),
        (Defect::WritesWithoutRevision, QUIET, LIVE_ENTRY_STAYS, 12),
        (Defect::CountsFromAnswer, faults(1), STOPS_IN_TIME, 20),
        (Defect::CountsFromLastTry, faults(2), STOPS_IN_TIME, 20),
        (
            Defect::RequestRenewsEntry,
            requests.clone(),
            REQUEST_IS_NO_LEASE,
            12,
        ),
        (
            Defect::RemovesUnreadRequests,
            requests.clone(),
            REQUEST_IS_READ,
            12,
        ),
        (
            Defect::ObeysRequestsToOthers,
            requests.clone(),
            REQUEST_IS_OBEYED_ONCE,
            14,
        ),
        (
            Defect::ForgetsReadRequests,
            requests_and_touches,
            REQUEST_IS_OBEYED_ONCE,
            14,
        ),
        (Defect::PausedRunDoesNotRenew, requests, STOPS_IN_TIME, 20),
        (
            Defect::UnlockDoesNotWatch,
            surveys(0),
            UNLOCK_SPARES_THE_LIVE,
            8,
        ),
        (
            Defect::UnlockRemovesRenewedEntry,
            surveys(1),
            UNLOCK_SPARES_THE_LIVE,
            24,
        ),
    ];
    for (defect, model, property, length) in cases {
        let model = Locking {
            defect: Some(defect),
            ..model
        };
        check_finds(&defect, &model, property, length);
    }
}
