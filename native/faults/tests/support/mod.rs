//! What the tests share: a server behind a proxy, commands run on it, and cases dealt out.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a module of each test that uses some of it"
)]

pub mod properties;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couch::ServerUrl;
use kazoo_numbers::host::Standalone;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::report::{Event, Renderer};
use kazoo_numbers::run::{Finished, Job, Returned, Settings, run};
use kazoo_numbers_cluster::{Cluster, Revisions, claim, refuse_if_occupied};
use kazoo_numbers_faults::{Proxy, Witness};
use kazoo_numbers_model::{self as model, Call, arbitrary};
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

/// However much goes wrong, a run of these small clusters is over by then.
pub const LONGEST: Duration = Duration::from_secs(120);

/// A server given from outside is one for all tests: one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A server, the workspace's own or that of `COUCHDB_URL`, and a proxy before it.
pub struct Stage {
    pub url: String,
    pub proxy: Proxy,
    sandbox: Option<Server>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Stage {
    pub async fn new() -> Self {
        let (url, sandbox, turn) = match std::env::var("COUCHDB_URL") {
            Ok(url) => {
                let turn = TURN.lock().await;
                if std::env::var_os("KAZOO_NUMBERS_TEST_ANYWAY").is_some() {
                    claim(&url).await.unwrap();
                } else {
                    refuse_if_occupied(&url).await.unwrap();
                }
                (url, None, Some(turn))
            }
            Err(_) => {
                let sandbox = Server::start(SandboxConfig::default()).await.unwrap();
                (sandbox.url(), Some(sandbox), None)
            }
        };
        let proxy = Proxy::start(&url).await.unwrap();
        Self {
            url,
            proxy,
            sandbox,
            _turn: turn,
        }
    }

    /// Makes the server hold this and nothing else.
    pub async fn set(&self, cluster: &Cluster) -> (Cluster, Revisions) {
        Cluster::wipe(&self.url).await.unwrap();
        cluster.load(&self.url).await.unwrap();
        self.read().await
    }

    pub async fn read(&self) -> (Cluster, Revisions) {
        Cluster::read(&self.url).await.unwrap()
    }

    pub async fn end(self) {
        Cluster::wipe(&self.url).await.unwrap();
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// How a run goes about its work: pages and batches so small that small clusters have many.
#[derive(Clone, Debug)]
pub struct Knobs {
    pub read: usize,
    pub insert: usize,
    pub at_once: usize,
    pub memory: usize,
}

pub fn knobs() -> impl Strategy<Value = Knobs> {
    (
        select(vec![1000, 2, 3, 7]),
        select(vec![500, 1, 3]),
        select(vec![16, 1, 4]),
        select(vec![32 << 20, 0, 3000]),
    )
        .prop_map(|(read, insert, at_once, memory)| Knobs {
            read,
            insert,
            at_once,
            memory,
        })
}

impl Knobs {
    fn settings(&self) -> Settings {
        let mut settings = Settings {
            max_bulk_read: self.read,
            max_bulk_insert: self.insert,
            databases_at_once: self.at_once,
            memory: self.memory,
            ..Settings::default()
        };
        settings.http.read_timeout = Duration::from_millis(300);
        settings.http.first_pause = Duration::from_millis(2);
        settings.http.longest_pause = Duration::from_millis(20);
        settings
    }
}

/// Clusters of the model's own making and of the generator's, and commands for them.
pub fn clusters_and_calls() -> impl Strategy<Value = (Cluster, Call)> {
    prop_oneof![
        arbitrary::cluster(),
        kazoo_numbers_cluster::arbitrary::cluster()
    ]
    .prop_flat_map(|cluster| {
        let call = arbitrary::call(&cluster);
        (Just(cluster), call)
    })
}

/// A command that was run, or refused.
pub struct Ran {
    pub finished: Option<Finished>,
    pub returned: Returned,
    pub lines: Vec<String>,
}

impl Ran {
    /// The ids that the failure report names.
    pub fn failed_ids(&self) -> std::collections::BTreeSet<String> {
        let Some(finished) = &self.finished else {
            return Default::default();
        };
        finished
            .summary
            .failures
            .by_database()
            .values()
            .flat_map(|failures| failures.failed.values().flatten().cloned())
            .collect()
    }

    /// Created, updated, deleted.
    pub fn writes(&self) -> [u64; 3] {
        self.finished.as_ref().map_or([0; 3], |finished| {
            let counts = &finished.summary.counts;
            [counts.created, counts.updated, counts.deleted]
        })
    }
}

/// Runs a command against a URL; None when it is not over after [`LONGEST`].
pub async fn call(url: &str, given: &Call, knobs: &Knobs) -> Option<Ran> {
    journalled(url, given, knobs, None).await
}

/// As [`call`], with a journal in this folder.
pub async fn journalled(
    url: &str,
    given: &Call,
    knobs: &Knobs,
    journal: Option<&Path>,
) -> Option<Ran> {
    let arguments: Vec<Argument> = given
        .arguments
        .iter()
        .map(|argument| match argument {
            model::Argument::Text(text) => Argument::Text(text.clone()),
            model::Argument::List(all) => Argument::List(all.clone()),
        })
        .collect();
    let command = match command::parse(&given.function, &arguments) {
        Ok(command) => command,
        Err(refusal) => {
            return Some(Ran {
                returned: Returned::of_refusal(&given.function, &refusal),
                finished: None,
                lines: vec![refusal.to_string()],
            });
        }
    };
    let (sender, mut receiver) = mpsc::channel::<Event>(64);
    let job = Job {
        function: given.function.clone(),
        command,
        host: Standalone::new(ServerUrl::parse(url).unwrap()),
        settings: Settings {
            journals: journal.map(|folder| Journals::new(folder.to_owned())),
            ..knobs.settings()
        },
        events: sender,
        cancel: CancellationToken::new(),
    };
    let collect = tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Some(event) = receiver.recv().await {
            lines.extend(Renderer.lines(&event));
        }
        lines
    });
    let finished = tokio::time::timeout(LONGEST, run(job)).await.ok()?;
    Some(Ran {
        returned: finished.returned.clone(),
        finished: Some(finished),
        lines: collect.await.unwrap(),
    })
}

pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Fields that a command may change in a document; every other one is as it was read.
fn may_change(function: &str, field: &str) -> bool {
    match field {
        "_rev" | "_attachments" | "_revisions" => true,
        "pvt_used_by" => function.starts_with("fix_"),
        "pvt_module_name" | "pvt_modified" | "pvt_features" => function.starts_with("convert_"),
        _ => false,
    }
}

/// What is wrong with the writes of a run: something overwritten that was not read, something
/// written twice, content that was not read.
pub fn bad_writes(function: &str, witness: &Witness) -> Vec<String> {
    let mut bad: Vec<String> = witness
        .unread()
        .map(|write| {
            format!(
                "{} {} was overwritten at {:?}, which was not read",
                write.database, write.id, write.replaces
            )
        })
        .collect();
    for write in &witness.written {
        let own_making = write.id.starts_with("_design/") || write.database == "system_config";
        if own_making || write.document.contains_key("_deleted") {
            continue;
        }
        let in_place = if write.database.starts_with("numbers/") {
            write.replaces.is_some()
        } else {
            function.starts_with("fix_apps_") || function == "fix_numbers_apps_in_accountdb"
        };
        let kept = |document: &Map<String, Value>| -> Vec<(String, Value)> {
            let mut kept: Vec<(String, Value)> = document
                .iter()
                .filter(|(field, _)| !may_change(function, field))
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect();
            kept.sort_by(|one, other| one.0.cmp(&other.0));
            kept
        };
        let sent = kept(&write.document);
        let was_read = witness.delivered.get(&write.id).is_some_and(|all| {
            all.iter().any(|read| {
                let place = if in_place {
                    read.database == write.database && Some(&read.rev) == write.replaces.as_ref()
                } else {
                    read.database != write.database
                };
                place
                    && read
                        .document
                        .as_ref()
                        .is_some_and(|document| kept(document) == sent)
            })
        });
        if !was_read {
            bad.push(format!(
                "{} {} was written with content that was not read: {:?}",
                write.database, write.id, write.document
            ));
        }
    }
    bad
}

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Deals cases out to threads, each with a server, a proxy and chance of its own: most of a case
/// is waiting.
pub fn deal<S, C>(name: &str, default: u64, strategy: fn() -> S, check: C)
where
    S: Strategy,
    S::Value: std::fmt::Debug,
    C: Fn(&tokio::runtime::Runtime, &Stage, S::Value) -> Result<(), TestCaseError> + Sync,
{
    let shares = if std::env::var_os("COUCHDB_URL").is_some() {
        1
    } else {
        4
    };
    let count = setting("KAZOO_NUMBERS_CASES", default).div_ceil(shares);
    let first = setting("KAZOO_NUMBERS_SEED", 20_261_123);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for share in 0..shares {
            let check = &check;
            scope.spawn(move || {
                let seed = first * shares + share;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                let stage = runtime.block_on(Stage::new());
                let config = Config {
                    cases: u32::try_from(count).unwrap(),
                    failure_persistence: None,
                    max_shrink_iters: u32::try_from(setting("KAZOO_NUMBERS_SHRINK", 60)).unwrap(),
                    ..Config::default()
                };
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
                let outcome = TestRunner::new_with_rng(config, rng)
                    .run(&strategy(), |case| check(&runtime, &stage, case));
                runtime.block_on(stage.end());
                match outcome {
                    Ok(()) => {}
                    Err(TestError::Fail(reason, case)) => {
                        panic!("{name}, seed {seed}: {reason}\nthe case was {case:?}")
                    }
                    Err(other) => panic!("{name}, seed {seed}: {other}"),
                }
            });
        }
    });
    println!(
        "{name}: {} cases hold, from seed {first}, in {:?}",
        count * shares,
        started.elapsed()
    );
}
