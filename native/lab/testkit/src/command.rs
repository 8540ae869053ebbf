//! Runs a command as users of the library do, and makes random clusters and commands.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Standalone;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::report::{Event, Renderer};
use kazoo_numbers::run::{Finished, Job, Returned, Settings, run};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::{self as model, Call, arbitrary};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// [`settings`] with a journal in this folder.
pub fn journalled(folder: &tempfile::TempDir) -> Settings {
    Settings {
        journals: Some(Journals::new(folder.path().to_owned())),
        ..settings()
    }
}

/// The numbers of documents that a command wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
}

impl WriteCounts {
    pub fn total(self) -> u64 {
        self.created + self.updated + self.deleted
    }

    pub fn created(created: u64) -> Self {
        Self {
            created,
            ..Self::default()
        }
    }

    pub fn updated(updated: u64) -> Self {
        Self {
            updated,
            ..Self::default()
        }
    }

    pub fn deleted(deleted: u64) -> Self {
        Self {
            deleted,
            ..Self::default()
        }
    }
}

/// The result of a command that ran or was refused.
pub struct CommandRun {
    pub returned: Returned,
    pub finished: Option<Finished>,
    pub lines: Vec<String>,
    pub events: Vec<Event>,
}

impl CommandRun {
    /// The ids in the failure report.
    pub fn failed_ids(&self) -> BTreeSet<String> {
        let Some(finished) = &self.finished else {
            return BTreeSet::new();
        };
        finished
            .summary
            .failures
            .by_database()
            .values()
            .flat_map(|failures| failures.failed.values().flatten().cloned())
            .collect()
    }

    /// The numbers of created, updated and deleted documents.
    pub fn writes(&self) -> WriteCounts {
        self.finished
            .as_ref()
            .map_or(WriteCounts::default(), |finished| {
                let counts = &finished.summary.counts;
                WriteCounts {
                    created: counts.created,
                    updated: counts.updated,
                    deleted: counts.deleted,
                }
            })
    }
}

pub fn text(text: &str) -> Argument {
    Argument::Text(text.into())
}

/// Converts the arguments of a call that the model generated.
pub fn arguments(call: &Call) -> Vec<Argument> {
    call.arguments
        .iter()
        .map(|argument| match argument {
            model::Argument::Text(text) => Argument::Text(text.clone()),
            model::Argument::List(all) => Argument::List(all.clone()),
        })
        .collect()
}

/// Clusters from the model's and the generator's strategies.
pub fn clusters() -> impl Strategy<Value = Cluster> {
    prop_oneof![
        arbitrary::cluster(),
        kazoo_numbers_generator::arbitrary::cluster()
    ]
}

/// Clusters, each with a random command of the manual.
pub fn clusters_and_calls() -> impl Strategy<Value = (Cluster, Call)> {
    clusters().prop_flat_map(|cluster| {
        let call = arbitrary::call(&cluster);
        (Just(cluster), call)
    })
}

/// Settings with short back-off pauses.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.http.first_pause = Duration::from_millis(5);
    settings.http.longest_pause = Duration::from_millis(50);
    settings
}

pub async fn call(url: &str, function: &str, arguments: &[Argument]) -> CommandRun {
    call_with(url, function, arguments, settings()).await
}

pub async fn call_with(
    url: &str,
    function: &str,
    arguments: &[Argument],
    settings: Settings,
) -> CommandRun {
    let command = match command::parse(function, arguments) {
        Ok(command) => command,
        Err(refusal) => {
            return CommandRun {
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
    CommandRun {
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
