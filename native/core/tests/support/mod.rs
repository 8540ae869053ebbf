//! What the tests share: a server to work on, and commands run the way a front door runs them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a module of each test that uses some of it"
)]

pub mod commands;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couch::ServerUrl;
use kazoo_numbers::host::Standalone;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::report::{Event, Renderer};
use kazoo_numbers::run::{Finished, Job, Returned, Settings, run};
use kazoo_numbers_cluster::{Cluster, claim, refuse_if_occupied};
use kazoo_numbers_model::{self as model, Call, arbitrary};
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use proptest::prelude::*;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

/// A server given from outside is one for all tests: one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A server for a test: the workspace's own, or that of `COUCHDB_URL`, which is left alone if it
/// holds somebody else's databases.
pub struct Stage {
    pub url: String,
    pub sandbox: Option<Server>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Stage {
    pub async fn new() -> Self {
        if let Ok(url) = std::env::var("COUCHDB_URL") {
            let turn = TURN.lock().await;
            if std::env::var_os("KAZOO_NUMBERS_TEST_ANYWAY").is_some() {
                claim(&url).await.unwrap();
            } else {
                refuse_if_occupied(&url).await.unwrap();
            }
            Cluster::wipe(&url).await.unwrap();
            return Self {
                url,
                sandbox: None,
                _turn: Some(turn),
            };
        }
        let sandbox = Server::start(SandboxConfig::default()).await.unwrap();
        Self {
            url: sandbox.url(),
            sandbox: Some(sandbox),
            _turn: None,
        }
    }

    /// Whether this is a server given from outside, which is slower and shared.
    pub fn is_real(&self) -> bool {
        self.sandbox.is_none()
    }

    pub async fn end(self) {
        Cluster::wipe(&self.url).await.unwrap();
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// The same settings, with a journal in this folder.
pub fn journalled(folder: &tempfile::TempDir) -> Settings {
    Settings {
        journals: Some(Journals::new(folder.path().to_owned())),
        ..settings()
    }
}

/// A command that was run, or refused.
pub struct Ran {
    pub returned: Returned,
    pub finished: Option<Finished>,
    pub lines: Vec<String>,
    pub events: Vec<Event>,
}

pub fn text(text: &str) -> Argument {
    Argument::Text(text.into())
}

/// The arguments of a command that the model throws.
pub fn arguments(call: &Call) -> Vec<Argument> {
    call.arguments
        .iter()
        .map(|argument| match argument {
            model::Argument::Text(text) => Argument::Text(text.clone()),
            model::Argument::List(all) => Argument::List(all.clone()),
        })
        .collect()
}

/// Clusters of the model's own making and of the generator's.
pub fn clusters() -> impl Strategy<Value = Cluster> {
    prop_oneof![
        arbitrary::cluster(),
        kazoo_numbers_cluster::arbitrary::cluster()
    ]
}

/// The same, and any of the manual's commands for them.
pub fn clusters_and_calls() -> impl Strategy<Value = (Cluster, Call)> {
    clusters().prop_flat_map(|cluster| {
        let call = arbitrary::call(&cluster);
        (Just(cluster), call)
    })
}

/// Settings whose waits are those of a test.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.http.first_pause = Duration::from_millis(5);
    settings.http.longest_pause = Duration::from_millis(50);
    settings
}

pub async fn call(url: &str, function: &str, arguments: &[Argument]) -> Ran {
    call_with(url, function, arguments, settings()).await
}

pub async fn call_with(
    url: &str,
    function: &str,
    arguments: &[Argument],
    settings: Settings,
) -> Ran {
    let command = match command::parse(function, arguments) {
        Ok(command) => command,
        Err(refusal) => {
            return Ran {
                returned: Returned::of_refusal(function, &refusal),
                finished: None,
                lines: vec![refusal.to_string()],
                events: Vec::new(),
            };
        }
    };
    let (sender, mut receiver) = mpsc::channel(64);
    let job = Job {
        function: function.to_owned(),
        command,
        host: Standalone::new(ServerUrl::parse(url).unwrap()),
        settings,
        events: sender,
        cancel: CancellationToken::new(),
    };
    let collect = tokio::spawn(async move {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            events.push(event);
        }
        events
    });
    let finished = run(job).await;
    let events = collect.await.unwrap();
    Ran {
        returned: finished.returned.clone(),
        lines: events.iter().flat_map(|e| Renderer.lines(e)).collect(),
        finished: Some(finished),
        events,
    }
}

pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
