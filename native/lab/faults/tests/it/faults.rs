//! Runs with random faults between the library and its server: the run ends, no data is lost, the
//! report's counts match the database, and a later run ends in the same state as a run without
//! faults.
//!
//! The embedded server, the faults and the library are in one process, without sockets, and the clock
//! is paused: a timeout takes no time. With `COUCHDB_URL` the cases run through the proxy. The other
//! tests of this crate always use sockets.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases of each property, `KAZOO_NUMBERS_SEED` the seed.

use crate::support::properties::{
    keeps_data_despite_false_404, loses_nothing, print_figures, succeeds_as_without_faults,
};
use crate::support::{RandomServer, run_settings};
use kazoo_numbers_faults::{Fault, RequestFilter, Schedule, arbitrary};
use kazoo_numbers_testkit::cases::run_cases;
use kazoo_numbers_testkit::command::clusters_and_calls;
use proptest::prelude::*;

#[test]
fn transient_faults_change_nothing() {
    run_cases(
        "transient faults",
        450,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                arbitrary::transient_schedule(4),
            )
        },
        |rt, server: &RandomServer, case| succeeds_as_without_faults(server, rt, &case),
    );
    print_figures("transient faults");
}

#[test]
fn any_faults_lose_nothing() {
    run_cases(
        "no loss",
        450,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                arbitrary::any_schedule(),
            )
        },
        |rt, server: &RandomServer, case| loses_nothing(server, rt, &case),
    );
    print_figures("no loss");
}

#[test]
fn databases_reported_missing_are_not_overwritten() {
    run_cases(
        "false 404",
        150,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                arbitrary::missing_database_schedule(),
            )
        },
        |rt, server: &RandomServer, case| keeps_data_despite_false_404(server, rt, &case),
    );
    print_figures("false 404");
}

/// Every write's answer is lost once, and every write is counted as done by the run.
#[test]
fn writes_with_lost_answers_are_counted() {
    run_cases(
        "lost answers",
        150,
        || (clusters_and_calls(), run_settings(), any::<u8>()),
        |rt, server: &RandomServer, (cluster_and_call, run_settings, which)| {
            let lost = [
                Fault::ResetAfter,
                Fault::CutShort,
                Fault::Garbage,
                Fault::RowErrors,
                Fault::Truncated,
            ];
            let fault = lost[usize::from(which) % lost.len()];
            let schedule = Schedule::first(4, RequestFilter::Writes, fault);
            succeeds_as_without_faults(server, rt, &(cluster_and_call, run_settings, schedule))
        },
    );
}
