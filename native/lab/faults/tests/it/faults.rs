//! Whatever goes wrong between the library and its server: the run ends, nothing is lost, what
//! the report counts is what the database holds, and a later run ends where an undisturbed run
//! ends.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases each property gets, `KAZOO_NUMBERS_SEED` from which
//! seed.

use crate::support::properties::{lied_to, told, unharmed, unnoticed};
use crate::support::run_settings;
use kazoo_numbers_faults::{Fault, On, Schedule, arbitrary};
use kazoo_numbers_testkit::cases::deal;
use kazoo_numbers_testkit::command::clusters_and_calls;
use proptest::prelude::*;

#[test]
fn faults_that_pass_change_nothing() {
    deal(
        "unnoticed",
        450,
        || (clusters_and_calls(), run_settings(), arbitrary::passing(4)),
        |rt, stage, case| unnoticed(stage, rt, &case),
    );
    told("unnoticed");
}

#[test]
fn faults_of_any_kind_lose_nothing() {
    deal(
        "unharmed",
        450,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                arbitrary::any_schedule(),
            )
        },
        |rt, stage, case| unharmed(stage, rt, &case),
    );
    told("unharmed");
}

#[test]
fn databases_said_not_to_exist_are_not_overwritten() {
    deal(
        "lied to",
        150,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                arbitrary::lying_schedule(),
            )
        },
        |rt, stage, case| lied_to(stage, rt, &case),
    );
    told("lied to");
}

/// Every write's answer is lost once, and every write is ours all the same.
#[test]
fn writes_whose_answers_were_lost_are_counted() {
    deal(
        "lost answers",
        150,
        || (clusters_and_calls(), run_settings(), any::<u8>()),
        |rt, stage, (cluster_and_call, run_settings, which)| {
            let lost = [
                Fault::ResetAfter,
                Fault::CutShort,
                Fault::Garbage,
                Fault::RowErrors,
                Fault::Truncated,
            ];
            let fault = lost[usize::from(which) % lost.len()];
            let schedule = Schedule::first(4, On::Writes, fault);
            unnoticed(stage, rt, &(cluster_and_call, run_settings, schedule))
        },
    );
}
