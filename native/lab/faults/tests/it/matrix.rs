//! Every kind of fault by itself, on every kind of request, under commands of every family: what
//! the random cases of `faults.rs` come upon now and then is here each time.

use kazoo_numbers_testkit::cases::Scene;
use std::time::Duration;

use crate::support::properties::{Case, lied_to, unharmed, unnoticed};
use crate::support::{ProxiedServer, RunSettings};
use kazoo_numbers_faults::{Fault, Kind, On, RetryAfter, Schedule};
use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_model::{Argument, Call};
use proptest::test_runner::TestCaseError;

/// How often a fault strikes: less often than a request is tried.
const STRIKES: u32 = 2;

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// A command that reads and writes accounts, one that creates databases, one that deletes, one
/// that reads other documents than numbers, one that does everything twice.
fn calls() -> [Call; 5] {
    [
        Call::new("copy_number_dbs_to_accounts", []),
        Call::new("copy_accounts_to_number_dbs", []),
        Call::new("destructively_remove_from_account_db_if_not_in_numdb", []),
        Call::new("fix_apps_for_number_dbs", []),
        Call::new(
            "convert_carrier_module",
            [text("knm_bandwidth2"), text("knm_telnyx")],
        ),
    ]
}

fn cluster() -> Cluster {
    let mut cluster = generate(&Options {
        seed: 6,
        accounts: 3,
        numbers: 24,
        number_databases: 3,
        drift: 0.6,
        ..Options::default()
    })
    .cluster;
    // One that a copy must create.
    let first = cluster.number_databases().next().unwrap().to_owned();
    cluster.databases.remove(&first);
    cluster
}

/// Pages and batches are small, so that there are many.
const RUN_SETTINGS: RunSettings = RunSettings {
    read: 7,
    insert: 3,
    at_once: 4,
    memory: 3000,
};

/// Each of these faults, on the first requests of each kind.
fn withstands(
    faults: &[Fault],
    property: fn(&ProxiedServer, &tokio::runtime::Runtime, &Case) -> Result<(), TestCaseError>,
) {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let stage = rt.block_on(ProxiedServer::begin());
    let [to_accounts, to_number_dbs, destructive, fix_apps, _] = calls();
    // Each with a command that sends such requests; the writes of all of them.
    let kinds = [
        (Kind::Databases, vec![to_accounts]),
        (Kind::Range, vec![fix_apps]),
        (Kind::Ranges, vec![destructive.clone()]),
        (Kind::Keys, vec![destructive]),
        (Kind::CreateDatabase, vec![to_number_dbs]),
        (Kind::BulkDocs, calls().to_vec()),
    ];
    for fault in faults {
        let before = stage.struck();
        for (kind, calls) in &kinds {
            for given in calls {
                let schedule = Schedule::first(STRIKES, On::Only(*kind), *fault);
                let case = ((cluster(), given.clone()), RUN_SETTINGS, schedule);
                if let Err(error) = property(&stage, &rt, &case) {
                    panic!("{fault:?} on {kind:?}: {error}");
                }
            }
        }
        assert!(stage.struck() > before, "{fault:?} never struck");
    }
    rt.block_on(stage.end());
}

fn status(code: u16) -> [Fault; 2] {
    [false, true].map(|html| Fault::Status {
        code,
        acted: false,
        html,
        retry_after: None,
    })
}

/// Before the server acted, and after.
fn passing_status(code: u16) -> [Fault; 2] {
    [false, true].map(|acted| Fault::Status {
        code,
        acted,
        html: acted,
        retry_after: None,
    })
}

#[test]
fn latency_and_a_narrow_line_change_nothing() {
    let slow = [
        Fault::Latency(Duration::from_millis(50)),
        Fault::Bandwidth(64),
    ];
    withstands(&slow, unnoticed);
}

#[test]
fn resets_before_and_after_the_server_acted_change_nothing() {
    withstands(&[Fault::ResetBefore, Fault::ResetAfter], unnoticed);
}

#[test]
fn truncated_and_garbage_bodies_change_nothing() {
    let broken = [Fault::CutShort, Fault::Truncated, Fault::Garbage];
    withstands(&broken, unnoticed);
}

#[test]
fn a_server_that_hangs_changes_nothing() {
    let hung = [
        Fault::Hang,
        Fault::HangAfter,
        Fault::ActsLate(Duration::from_millis(400)),
    ];
    withstands(&hung, unnoticed);
}

#[test]
fn bodies_that_trickle_change_nothing() {
    // Each byte comes within the time that a server may be silent.
    withstands(&[Fault::Trickle(Duration::from_millis(100))], unnoticed);
}

#[test]
fn a_restart_in_mid_run_loses_nothing() {
    let restarts = [(false, 0), (true, 0), (false, 100), (true, 100)];
    let restarts = restarts.map(|(acted, away)| Fault::Restart {
        acted,
        away: Duration::from_millis(away),
    });
    withstands(&restarts, unharmed);
}

#[test]
fn status_408_changes_nothing() {
    withstands(&passing_status(408), unnoticed);
}

#[test]
fn status_429_changes_nothing_whatever_it_says_of_when_to_come_back() {
    let retry_after = [
        None,
        Some(RetryAfter::Seconds(1)),
        Some(RetryAfter::Date),
        Some(RetryAfter::Nonsense),
    ];
    let limited = retry_after.map(|retry_after| Fault::Status {
        code: 429,
        acted: false,
        html: false,
        retry_after,
    });
    withstands(&limited, unnoticed);
}

#[test]
fn status_500_changes_nothing_with_rows_or_without() {
    withstands(&passing_status(500), unnoticed);
    withstands(&[Fault::ErrorWithRows, Fault::RowErrors], unnoticed);
}

#[test]
fn statuses_502_503_504_change_nothing() {
    for code in [502, 503, 504] {
        withstands(&passing_status(code), unnoticed);
    }
}

#[test]
fn status_202_and_rows_twice_or_in_another_order_change_nothing() {
    let odd = [Fault::Accepted, Fault::DuplicatedRows, Fault::ReorderedRows];
    withstands(&odd, unnoticed);
}

#[test]
fn status_401_ends_the_run_and_loses_nothing() {
    withstands(&status(401), unharmed);
}

#[test]
fn status_403_loses_nothing() {
    withstands(&status(403), unharmed);
}

#[test]
fn status_404_of_a_load_balancer_loses_nothing() {
    let [couchdb, balancer] = status(404);
    withstands(&[balancer], unharmed);
    withstands(&[couchdb], lied_to);
}

#[test]
fn status_409_loses_nothing() {
    withstands(&status(409), unharmed);
}

#[test]
fn status_412_loses_nothing() {
    withstands(&status(412), unharmed);
}

#[test]
fn status_413_loses_nothing() {
    withstands(&status(413), unharmed);
}

#[test]
fn status_417_loses_nothing() {
    withstands(&status(417), unharmed);
}

/// A CouchDB older than 2.2, or a proxy that lets nothing else through: both ranges of an account
/// are read one by one.
#[test]
fn a_server_that_answers_no_queries_is_read_all_the_same() {
    let rt = tokio::runtime::Runtime::new().unwrap();
    let stage = rt.block_on(ProxiedServer::begin());
    for (code, html) in [(404, false), (404, true), (405, false), (400, false)] {
        let fault = Fault::Status {
            code,
            acted: false,
            html,
            retry_after: None,
        };
        let before = stage.struck();
        let schedule = Schedule::first(u32::MAX, On::Only(Kind::Ranges), fault);
        let [_, to_number_dbs, ..] = calls();
        let case = ((cluster(), to_number_dbs), RUN_SETTINGS, schedule);
        if let Err(error) = unnoticed(&stage, &rt, &case) {
            panic!("{code}: {error}");
        }
        assert!(stage.struck() > before, "{code} never struck");
    }
    rt.block_on(stage.end());
}
