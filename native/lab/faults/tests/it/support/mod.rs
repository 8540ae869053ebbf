//! Shared by the tests: a server behind a proxy, and commands run on it.

pub mod properties;

use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exact_json::{Map, Value};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::run::Settings;
use kazoo_numbers_faults::{Proxy, Witness};
use kazoo_numbers_model::Call;
use kazoo_numbers_testkit::cases::Scene;
use kazoo_numbers_testkit::command::{Ran, arguments, call_with};
use kazoo_numbers_testkit::server::TestServer;
use proptest::prelude::*;
use proptest::sample::select;

/// However much goes wrong, a run of these small clusters is over by then.
pub const LONGEST: Duration = Duration::from_secs(120);

/// A server with a proxy in front of it.
pub struct ProxiedServer {
    pub proxy: Proxy,
    server: TestServer,
    /// How many faults struck in all.
    struck: AtomicU64,
}

impl ProxiedServer {
    /// How many faults struck in all.
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }
}

impl Deref for ProxiedServer {
    type Target = TestServer;

    fn deref(&self) -> &TestServer {
        &self.server
    }
}

impl Scene for ProxiedServer {
    async fn begin() -> Self {
        let server = TestServer::start().await;
        let proxy = Proxy::start(&server.url).await.unwrap();
        Self {
            proxy,
            server,
            struck: AtomicU64::new(0),
        }
    }

    async fn end(self) {
        self.server.end().await;
    }
}

/// How a run goes about its work: pages and batches so small that small clusters have many.
#[derive(Clone, Debug)]
pub struct RunSettings {
    pub read: usize,
    pub insert: usize,
    pub at_once: usize,
    pub memory: usize,
}

/// The read timeout in cases with faults. Short, because in many of them the server stays silent.
const READ_TIMEOUT: Duration = Duration::from_millis(300);

/// The read timeout in cases without faults: no answer is lost, even on a slow machine.
const READ_TIMEOUT_WITHOUT_FAULTS: Duration = Duration::from_secs(30);

pub fn run_settings() -> impl Strategy<Value = RunSettings> {
    (
        select(vec![1000, 2, 3, 7]),
        select(vec![500, 1, 3]),
        select(vec![16, 1, 4]),
        select(vec![32 << 20, 0, 3000]),
    )
        .prop_map(|(read, insert, at_once, memory)| RunSettings {
            read,
            insert,
            at_once,
            memory,
        })
}

impl RunSettings {
    fn settings(&self, read_timeout: Duration) -> Settings {
        let mut settings = Settings {
            max_bulk_read: self.read,
            max_bulk_insert: self.insert,
            databases_at_once: self.at_once,
            memory: self.memory,
            ..Settings::default()
        };
        settings.http.read_timeout = read_timeout;
        settings.http.first_pause = Duration::from_millis(2);
        settings.http.longest_pause = Duration::from_millis(20);
        settings
    }
}

/// Runs a command against a URL; None when it is not over after [`LONGEST`].
pub async fn call(url: &str, given: &Call, run_settings: &RunSettings) -> Option<Ran> {
    journalled(url, given, run_settings, None).await
}

/// As [`call`], on a server that loses no answer.
pub async fn call_without_faults(
    url: &str,
    given: &Call,
    run_settings: &RunSettings,
) -> Option<Ran> {
    call_with_settings(
        url,
        given,
        run_settings.settings(READ_TIMEOUT_WITHOUT_FAULTS),
    )
    .await
}

/// As [`call`], with a journal in this folder.
pub async fn journalled(
    url: &str,
    given: &Call,
    run_settings: &RunSettings,
    journal: Option<&Path>,
) -> Option<Ran> {
    let settings = Settings {
        journals: journal.map(|folder| Journals::new(folder.to_owned())),
        ..run_settings.settings(READ_TIMEOUT)
    };
    call_with_settings(url, given, settings).await
}

async fn call_with_settings(url: &str, given: &Call, settings: Settings) -> Option<Ran> {
    let arguments = arguments(given);
    let run = call_with(url, &given.function, &arguments, settings);
    tokio::time::timeout(LONGEST, run).await.ok()
}

/// Fields that a command may change in a document; every other one is as it was read.
fn may_change(function: &str, field: &str) -> bool {
    match field {
        "_rev" | "_attachments" | "_revisions" => true,
        "pvt_used_by" if function.starts_with("fix_") => true,
        "pvt_module_name" | "pvt_modified" if function.starts_with("convert_") => true,
        "pvt_features" => {
            function.starts_with("convert_") || function == "migrate_unassigned_numbers"
        }
        // Public fields of features, too.
        field if function == "migrate_unassigned_numbers" => {
            field == "pvt_used_by" || !field.starts_with("pvt_")
        }
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
