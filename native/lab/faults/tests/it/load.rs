//! How many requests are in flight: more while all is well, fewer when the server says that it is
//! too much, and not fewer because one database of it is slow.

use kazoo_numbers_testkit::cases::Scene;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{ProxiedServer, RunSettings, call};
use futures::future::BoxFuture;
use kazoo_numbers::run::Returned;
use kazoo_numbers_faults::{Asked, Bystander, Fault, Kind, On, Passed, Schedule};
use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_model::Call;

/// So long is every request, however fast the machine: what is in flight at once is seen.
const LATENCY: Duration = Duration::from_millis(30);

/// A page holds all numbers of a database.
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

/// Stands before the server, and sees when requests come and how many are there at once.
#[derive(Default)]
struct Gate {
    /// A database of which every request takes so much longer.
    slow: Option<(String, Duration)>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    in_flight: usize,
    /// By order of coming: the database, and how many were there then, this one included.
    came: Vec<(String, usize)>,
}

impl Gate {
    fn slow(database: &str, by: Duration) -> Self {
        Self {
            slow: Some((database.to_owned(), by)),
            ..Self::default()
        }
    }

    fn came(&self) -> Vec<(String, usize)> {
        self.seen.lock().unwrap().came.clone()
    }

    fn most(&self) -> usize {
        self.came().iter().map(|(_, most)| *most).max().unwrap()
    }
}

impl Bystander for Gate {
    fn act<'a>(&'a self, _: Passed<'a>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn comes<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            {
                let mut seen = self.seen.lock().unwrap();
                seen.in_flight += 1;
                let now = seen.in_flight;
                seen.came.push((asked.database.clone(), now));
            }
            tokio::time::sleep(LATENCY).await;
            self.seen.lock().unwrap().in_flight -= 1;
            if let Some((slow, by)) = &self.slow
                && *slow == asked.database
            {
                tokio::time::sleep(*by).await;
            }
        })
    }
}

/// Runs a command that reads every account, through a gate and a schedule.
async fn seen(
    stage: &ProxiedServer,
    gate: Gate,
    run_settings: &RunSettings,
    schedule: Schedule,
) -> Arc<Gate> {
    let gate = Arc::new(gate);
    stage.proxy.watched(schedule, Some(gate.clone()));
    let given = Call::new("fix_apps_for_account_dbs", []);
    let ran = call(&stage.proxy.url(), &given, run_settings)
        .await
        .unwrap();
    stage.proxy.disarm().await;
    assert_eq!(ran.returned, Returned::Ok, "{:?}", ran.lines);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_are_in_flight_while_all_is_well_and_fewer_when_it_is_too_much() {
    let stage = ProxiedServer::begin().await;
    stage.set(&cluster()).await;
    let well = seen(&stage, Gate::default(), &RUN_SETTINGS, Schedule::quiet()).await;
    assert!((12..=16).contains(&well.most()), "{}", well.most());
    for code in [429, 503] {
        let too_much = Fault::Status {
            code,
            acted: false,
            html: false,
            retry_after: None,
        };
        let schedule = Schedule::first(2, On::Only(Kind::Databases), too_much);
        let loaded = seen(&stage, Gate::default(), &RUN_SETTINGS, schedule).await;
        assert!(
            (2..=8).contains(&loaded.most()),
            "{code}: {}",
            loaded.most()
        );
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slow_database_does_not_hold_up_the_others() {
    let stage = ProxiedServer::begin().await;
    let cluster = cluster();
    stage.set(&cluster).await;
    let slow = cluster.account_databases().next().unwrap().to_owned();
    let run_settings = RunSettings {
        read: 2,
        ..RUN_SETTINGS
    };
    // Less than the time after which a request is given up.
    let gate = Gate::slow(&slow, Duration::from_millis(200));
    let gate = seen(&stage, gate, &run_settings, Schedule::quiet()).await;
    let came = gate.came();
    let last_of_others = came.iter().rposition(|(database, _)| *database != slow);
    let of_the_slow: Vec<usize> = (0..came.len()).filter(|at| came[*at].0 == slow).collect();
    assert!(of_the_slow.len() >= 4, "{came:?}");
    assert!(
        last_of_others.unwrap() < of_the_slow[of_the_slow.len() - 2],
        "{came:?}"
    );
    stage.end().await;
}
