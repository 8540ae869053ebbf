//! The number of requests in flight: it grows without errors, shrinks when the server is
//! overloaded, and does not shrink because one database is slow.

use kazoo_numbers_testkit::cases::Fixture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{FaultyServer, ProxiedServer, RunSettings, call};
use futures::future::BoxFuture;
use kazoo_numbers::run::Returned;
use kazoo_numbers_faults::{
    Exchange, Fault, Interceptor, ParsedRequest, RequestFilter, RequestKind, Schedule,
};
use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_model::Call;

/// The duration of every request, so that requests overlap on any machine.
const LATENCY: Duration = Duration::from_millis(30);

/// Pages are large enough for a whole database.
const RUN_SETTINGS: RunSettings = RunSettings {
    read: 1000,
    insert: 500,
    at_once: 32,
    memory: 32 << 20,
};

fn cluster() -> Cluster {
    generate(&Options {
        seed: 6,
        accounts: 24,
        numbers: 96,
        number_databases: 2,
        drift: 0.0,
        ..Options::default()
    })
    .cluster
}

/// Delays requests and records how many are in flight.
#[derive(Default)]
struct DelayGate {
    /// A database with this additional delay for every request.
    slow: Option<(String, Duration)>,
    state: Mutex<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    in_flight: usize,
    /// In order of arrival: the database and the number of requests in flight, including this one.
    arrivals: Vec<(String, usize)>,
}

impl DelayGate {
    fn slow(database: &str, by: Duration) -> Self {
        Self {
            slow: Some((database.to_owned(), by)),
            ..Self::default()
        }
    }

    fn arrivals(&self) -> Vec<(String, usize)> {
        self.state.lock().unwrap().arrivals.clone()
    }

    fn max_in_flight(&self) -> usize {
        self.arrivals().iter().map(|(_, most)| *most).max().unwrap()
    }
}

impl Interceptor for DelayGate {
    fn after_answer<'a>(&'a self, _: Exchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn before_request<'a>(&'a self, request: &'a ParsedRequest) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            {
                let mut seen = self.state.lock().unwrap();
                seen.in_flight += 1;
                let now = seen.in_flight;
                seen.arrivals.push((request.database.clone(), now));
            }
            tokio::time::sleep(LATENCY).await;
            self.state.lock().unwrap().in_flight -= 1;
            if let Some((slow, by)) = &self.slow
                && *slow == request.database
            {
                tokio::time::sleep(*by).await;
            }
        })
    }
}

/// Runs a command that reads every account, with a schedule, and returns the gate.
async fn run_through(
    server: &ProxiedServer,
    gate: DelayGate,
    run_settings: &RunSettings,
    schedule: Schedule,
) -> Arc<DelayGate> {
    let gate = Arc::new(gate);
    server.proxy.arm_with(schedule, Some(gate.clone()));
    let given = Call::new("fix_apps_for_account_dbs", []);
    let ran = call(&server.target(), &given, run_settings).await.unwrap();
    server.proxy.disarm().await;
    assert_eq!(ran.returned, Returned::Ok, "{:?}", ran.lines);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_grow_on_success_and_shrink_on_overload() {
    let server = ProxiedServer::begin().await;
    server.set(&cluster()).await;
    let well = run_through(
        &server,
        DelayGate::default(),
        &RUN_SETTINGS,
        Schedule::quiet(),
    )
    .await;
    assert!(
        (12..=16).contains(&well.max_in_flight()),
        "{}",
        well.max_in_flight()
    );
    for code in [429, 503] {
        let too_much = Fault::Status {
            code,
            acted: false,
            html: false,
            retry_after: None,
        };
        let schedule = Schedule::first(2, RequestFilter::Only(RequestKind::Databases), too_much);
        let loaded = run_through(&server, DelayGate::default(), &RUN_SETTINGS, schedule).await;
        assert!(
            (2..=8).contains(&loaded.max_in_flight()),
            "{code}: {}",
            loaded.max_in_flight()
        );
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_database_does_not_delay_others() {
    let server = ProxiedServer::begin().await;
    let cluster = cluster();
    server.set(&cluster).await;
    let slow = cluster.account_databases().next().unwrap().to_owned();
    let run_settings = RunSettings {
        read: 2,
        ..RUN_SETTINGS
    };
    // Shorter than the read timeout.
    let gate = DelayGate::slow(&slow, Duration::from_millis(200));
    let gate = run_through(&server, gate, &run_settings, Schedule::quiet()).await;
    let arrivals = gate.arrivals();
    let last_of_others = arrivals.iter().rposition(|(database, _)| *database != slow);
    let of_the_slow: Vec<usize> = (0..arrivals.len())
        .filter(|at| arrivals[*at].0 == slow)
        .collect();
    assert!(of_the_slow.len() >= 4, "{arrivals:?}");
    assert!(
        last_of_others.unwrap() < of_the_slow[of_the_slow.len() - 2],
        "{arrivals:?}"
    );
    server.end().await;
}
