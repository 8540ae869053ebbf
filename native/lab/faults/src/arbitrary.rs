//! Strategies for schedules. They shrink to fewer rules with fewer faults.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fault::{Fault, RetryAfter};
use crate::request::RequestKind;
use crate::schedule::{RequestFilter, Rule, Schedule};

/// Transient faults: the same request succeeds when it is sent again.
pub fn transient() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::ResetBefore),
        6 => Just(Fault::ResetAfter),
        3 => Just(Fault::CutShort),
        3 => Just(Fault::Truncated),
        3 => Just(Fault::Garbage),
        6 => overload(),
        3 => Just(Fault::ErrorWithRows),
        3 => Just(Fault::RowErrors),
        1 => Just(Fault::Hang),
        1 => Just(Fault::HangAfter),
        1 => Just(Fault::Trickle(Duration::from_millis(100))),
        1 => (320..600_u64).prop_map(|late| Fault::ActsLate(Duration::from_millis(late))),
        2 => Just(Fault::Accepted),
        3 => Just(Fault::DuplicatedRows),
        3 => Just(Fault::ReorderedRows),
        2 => (0..20_u64).prop_map(|slow| Fault::Latency(Duration::from_millis(slow))),
        2 => (50..2000_usize).prop_map(Fault::Bandwidth),
    ]
}

/// The server restarts. An immediate retry may find it still down.
pub fn restart() -> impl Strategy<Value = Fault> {
    (any::<bool>(), 0..150_u64).prop_map(|(acted, away)| Fault::Restart {
        acted,
        away: Duration::from_millis(away),
    })
}

fn overload() -> impl Strategy<Value = Fault> {
    let retry_after = prop_oneof![
        (0..3_u32).prop_map(RetryAfter::Seconds),
        Just(RetryAfter::Date),
        Just(RetryAfter::Nonsense),
    ];
    (
        select(vec![408, 429, 500, 502, 503, 504]),
        any::<bool>(),
        any::<bool>(),
        option::of(retry_after),
    )
        .prop_map(|(code, acted, html, retry_after)| Fault::Status {
            code,
            // 429 comes before the server acts.
            acted: acted && code != 429,
            html,
            retry_after,
        })
}

/// Refusals with a meaning, whether or not it is true. The 404 is a load balancer's page; CouchDB's
/// own 404 would be believed, see [`missing`].
pub fn refusal() -> impl Strategy<Value = Fault> {
    let refused = |code, html| Fault::Status {
        code,
        acted: false,
        html,
        retry_after: None,
    };
    prop_oneof![
        1 => any::<bool>().prop_map(move |html| refused(401, html)),
        2 => any::<bool>().prop_map(move |html| refused(403, html)),
        4 => Just(refused(404, true)),
        3 => any::<bool>().prop_map(move |html| refused(409, html)),
        3 => any::<bool>().prop_map(move |html| refused(412, html)),
        3 => any::<bool>().prop_map(move |html| refused(413, html)),
        3 => any::<bool>().prop_map(move |html| refused(417, html)),
    ]
}

/// CouchDB's own answer that an existing database does not exist.
pub fn missing() -> impl Strategy<Value = Fault> {
    Just(Fault::Status {
        code: 404,
        acted: false,
        html: false,
        retry_after: None,
    })
}

/// Filters of requests.
pub fn request_filter() -> impl Strategy<Value = RequestFilter> {
    prop_oneof![
        3 => Just(RequestFilter::All),
        3 => Just(RequestFilter::Reads),
        6 => Just(RequestFilter::Writes),
        2 => select(vec![
            RequestKind::Databases,
            RequestKind::Database,
            RequestKind::CreateDatabase,
            RequestKind::Range,
            RequestKind::Ranges,
            RequestKind::Keys,
            RequestKind::BulkDocs,
        ]).prop_map(RequestFilter::Only),
    ]
}

fn is_slow(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Hang
            | Fault::HangAfter
            | Fault::Trickle(_)
            | Fault::ActsLate(_)
            | Fault::Restart { .. }
    )
}

fn rule(
    fault: impl Strategy<Value = Fault>,
    at_most: impl Strategy<Value = u32>,
) -> impl Strategy<Value = Rule> {
    (fault, request_filter(), 1..=1000_u16, at_most).prop_map(
        |(fault, on, per_thousand, at_most)| Rule {
            fault,
            on,
            per_thousand,
            // Each of them takes a whole timeout of the client.
            at_most: if is_slow(fault) {
                at_most.min(4)
            } else {
                at_most
            },
        },
    )
}

/// At most `most` faults, all transient: a client with more attempts than that succeeds.
pub fn transient_schedule(most: u32) -> impl Strategy<Value = Schedule> {
    let rules = usize::try_from(most).unwrap_or(1);
    (any::<u64>(), vec(rule(transient(), Just(1)), 1..=rules))
        .prop_map(|(seed, rules)| Schedule { seed, rules })
}

/// Any schedule, from one transient fault to a server without a single correct answer.
pub fn any_schedule() -> impl Strategy<Value = Schedule> {
    let fault = prop_oneof![16 => transient(), 4 => refusal(), 1 => restart()];
    let at_most = prop_oneof![3 => 1..=4_u32, 2 => 5..=40_u32, 1 => Just(1000_u32)];
    (any::<u64>(), vec(rule(fault, at_most), 1..=5))
        .prop_map(|(seed, rules)| Schedule { seed, rules })
}

/// As [`any_schedule`], with endless, oversized or slow answers.
pub fn hostile_schedule() -> impl Strategy<Value = Schedule> {
    let fault = prop_oneof![
        Just(Fault::Endless),
        (1_000..30_000_000_usize).prop_map(Fault::Huge),
        (20..2000_u64).prop_map(|slow| Fault::Trickle(Duration::from_millis(slow))),
    ];
    (any_schedule(), rule(fault, 1..=10_u32)).prop_map(|(mut schedule, hostile)| {
        schedule.rules.push(hostile);
        schedule
    })
}

/// As [`any_schedule`], with databases reported as missing.
pub fn missing_database_schedule() -> impl Strategy<Value = Schedule> {
    (any_schedule(), rule(missing(), 1..=10_u32)).prop_map(|(mut schedule, rule)| {
        schedule.rules.insert(0, rule);
        schedule
    })
}
