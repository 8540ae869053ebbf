//! Every kind of fault alone, on every kind of request, under commands of every family. The random
//! cases of `faults.rs` cover these only sometimes.

use kazoo_numbers_testkit::cases::Fixture;
use std::time::Duration;

use crate::support::properties::{
    Case, keeps_data_despite_false_404, loses_nothing, succeeds_as_without_faults,
};
use crate::support::{ProxiedServer, RunSettings};
use kazoo_numbers_faults::{Fault, RequestFilter, RequestKind, RetryAfter, Schedule};
use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_model::{Argument, Call};
use proptest::test_runner::TestCaseError;

/// The number of faults. It is smaller than the number of attempts of a request.
const FAULTS_PER_REQUEST: u32 = 2;

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// Commands that write account databases, create databases, delete documents, read the system
/// configuration, and write twice.
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
    // A database that a copy must create.
    let first = cluster.number_databases().next().unwrap().to_owned();
    cluster.databases.remove(&first);
    cluster
}

/// Small pages and batches, so that there are many.
const RUN_SETTINGS: RunSettings = RunSettings {
    read: 7,
    insert: 3,
    at_once: 4,
    memory: 3000,
};

/// Injects each fault into the first requests of each kind.
fn check_faults(
    faults: &[Fault],
    property: fn(&ProxiedServer, &tokio::runtime::Runtime, &Case) -> Result<(), TestCaseError>,
) {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = rt.block_on(ProxiedServer::begin());
    let [to_accounts, to_number_dbs, destructive, fix_apps, _] = calls();
    // Each kind of request with a command that sends it; writes with all commands.
    let kinds = [
        (RequestKind::Databases, vec![to_accounts]),
        (RequestKind::Range, vec![fix_apps]),
        (RequestKind::Ranges, vec![destructive.clone()]),
        (RequestKind::Keys, vec![destructive]),
        (RequestKind::CreateDatabase, vec![to_number_dbs]),
        (RequestKind::BulkDocs, calls().to_vec()),
    ];
    for fault in faults {
        let before = server.injected_faults();
        for (kind, calls) in &kinds {
            for given in calls {
                let schedule =
                    Schedule::first(FAULTS_PER_REQUEST, RequestFilter::Only(*kind), *fault);
                let case = ((cluster(), given.clone()), RUN_SETTINGS, schedule);
                if let Err(error) = property(&server, &rt, &case) {
                    panic!("{fault:?} on {kind:?}: {error}");
                }
            }
        }
        assert!(
            server.injected_faults() > before,
            "{fault:?} was never injected"
        );
    }
    rt.block_on(server.end());
}

fn status(code: u16) -> [Fault; 2] {
    [false, true].map(|html| Fault::Status {
        code,
        acted: false,
        html,
        retry_after: None,
    })
}

/// A status before the server acted and one after it.
fn passing_status(code: u16) -> [Fault; 2] {
    [false, true].map(|acted| Fault::Status {
        code,
        acted,
        html: acted,
        retry_after: None,
    })
}

#[test]
fn latency_and_low_bandwidth_change_nothing() {
    let slow = [
        Fault::Latency(Duration::from_millis(50)),
        Fault::Bandwidth(64),
    ];
    check_faults(&slow, succeeds_as_without_faults);
}

#[test]
fn resets_before_and_after_write_change_nothing() {
    check_faults(
        &[Fault::ResetBefore, Fault::ResetAfter],
        succeeds_as_without_faults,
    );
}

#[test]
fn truncated_and_garbage_bodies_change_nothing() {
    let broken = [Fault::CutShort, Fault::Truncated, Fault::Garbage];
    check_faults(&broken, succeeds_as_without_faults);
}

#[test]
fn hanging_server_changes_nothing() {
    let hung = [
        Fault::Hang,
        Fault::HangAfter,
        Fault::ActsLate(Duration::from_millis(400)),
    ];
    check_faults(&hung, succeeds_as_without_faults);
}

#[test]
fn slow_bodies_change_nothing() {
    // Each byte arrives within the read timeout.
    check_faults(
        &[Fault::Trickle(Duration::from_millis(100))],
        succeeds_as_without_faults,
    );
}

#[test]
fn restart_during_run_loses_nothing() {
    let restarts = [(false, 0), (true, 0), (false, 100), (true, 100)];
    let restarts = restarts.map(|(acted, away)| Fault::Restart {
        acted,
        away: Duration::from_millis(away),
    });
    check_faults(&restarts, loses_nothing);
}

#[test]
fn status_408_changes_nothing() {
    check_faults(&passing_status(408), succeeds_as_without_faults);
}

#[test]
fn status_429_with_any_retry_after_changes_nothing() {
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
    check_faults(&limited, succeeds_as_without_faults);
}

#[test]
fn status_500_with_or_without_rows_changes_nothing() {
    check_faults(&passing_status(500), succeeds_as_without_faults);
    check_faults(
        &[Fault::ErrorWithRows, Fault::RowErrors],
        succeeds_as_without_faults,
    );
}

#[test]
fn statuses_502_503_504_change_nothing() {
    for code in [502, 503, 504] {
        check_faults(&passing_status(code), succeeds_as_without_faults);
    }
}

#[test]
fn status_202_and_duplicated_or_reordered_rows_change_nothing() {
    let odd = [Fault::Accepted, Fault::DuplicatedRows, Fault::ReorderedRows];
    check_faults(&odd, succeeds_as_without_faults);
}

#[test]
fn status_401_stops_run_and_loses_nothing() {
    check_faults(&status(401), loses_nothing);
}

#[test]
fn status_403_loses_nothing() {
    check_faults(&status(403), loses_nothing);
}

#[test]
fn status_404_from_load_balancer_loses_nothing() {
    let [couchdb, balancer] = status(404);
    check_faults(&[balancer], loses_nothing);
    check_faults(&[couchdb], keeps_data_despite_false_404);
}

#[test]
fn status_409_loses_nothing() {
    check_faults(&status(409), loses_nothing);
}

#[test]
fn status_412_loses_nothing() {
    check_faults(&status(412), loses_nothing);
}

#[test]
fn status_413_loses_nothing() {
    check_faults(&status(413), loses_nothing);
}

#[test]
fn status_417_loses_nothing() {
    check_faults(&status(417), loses_nothing);
}

/// CouchDB before 2.2, or a proxy that refuses `queries`: both ranges of an account are read
/// separately.
#[test]
fn server_without_queries_endpoint_is_read() {
    let rt = tokio::runtime::Runtime::new().unwrap();
    let server = rt.block_on(ProxiedServer::begin());
    for (code, html) in [(404, false), (404, true), (405, false), (400, false)] {
        let fault = Fault::Status {
            code,
            acted: false,
            html,
            retry_after: None,
        };
        let before = server.injected_faults();
        let schedule = Schedule::first(u32::MAX, RequestFilter::Only(RequestKind::Ranges), fault);
        let [_, to_number_dbs, ..] = calls();
        let case = ((cluster(), to_number_dbs), RUN_SETTINGS, schedule);
        if let Err(error) = succeeds_as_without_faults(&server, &rt, &case) {
            panic!("{code}: {error}");
        }
        assert!(
            server.injected_faults() > before,
            "{code} was never injected"
        );
    }
    rt.block_on(server.end());
}
