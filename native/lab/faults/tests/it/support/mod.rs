//! Running commands on a server with faults.

pub mod properties;
mod servers;

pub use servers::{FaultyServer, ProxiedServer, RandomServer, Target};

use std::path::Path;
use std::time::Duration;

use exact_json::{Map, Value};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::run::Settings;
use kazoo_numbers_faults::Recording;
use kazoo_numbers_model::Call;
use kazoo_numbers_testkit::command::{CommandRun, arguments, call_with};
use proptest::prelude::*;
use proptest::sample::select;

/// The longest time that a run on these small clusters may take with any faults.
pub const LONGEST: Duration = Duration::from_secs(120);

/// Settings with small pages and batches, so that small clusters need many requests.
#[derive(Clone, Debug)]
pub struct RunSettings {
    pub read: usize,
    pub insert: usize,
    pub at_once: usize,
    pub memory: usize,
}

/// The read timeout in cases with faults. Short, because in many of them the server stays silent.
const READ_TIMEOUT: Duration = Duration::from_millis(300);

/// The read timeout in cases without faults. It is long, so that a slow machine loses no answer.
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

/// Runs a command on a server. None if it does not finish within [`LONGEST`].
pub async fn call(target: &Target, given: &Call, run_settings: &RunSettings) -> Option<CommandRun> {
    journalled(target, given, run_settings, None).await
}

/// As [`call`], with the long read timeout.
pub async fn call_without_faults(
    target: &Target,
    given: &Call,
    run_settings: &RunSettings,
) -> Option<CommandRun> {
    call_with_settings(
        target,
        given,
        run_settings.settings(READ_TIMEOUT_WITHOUT_FAULTS),
    )
    .await
}

/// As [`call`], with a journal in this folder.
pub async fn journalled(
    target: &Target,
    given: &Call,
    run_settings: &RunSettings,
    journal: Option<&Path>,
) -> Option<CommandRun> {
    let settings = Settings {
        journals: journal.map(|folder| Journals::new(folder.to_owned())),
        ..run_settings.settings(READ_TIMEOUT)
    };
    call_with_settings(target, given, settings).await
}

async fn call_with_settings(
    target: &Target,
    given: &Call,
    mut settings: Settings,
) -> Option<CommandRun> {
    let arguments = arguments(given);
    settings.http.transport.clone_from(&target.transport);
    let waits_for_thread = target.transport.is_some() && settings.journals.is_some();
    let run = call_with(&target.url, &given.function, &arguments, settings);
    let run = tokio::time::timeout(LONGEST, run);
    if !waits_for_thread {
        return run.await.ok();
    }
    tokio::select! {
        ran = run => ran.ok(),
        () = slow_the_clock() => None,
    }
}

/// Lets the paused clock move on by ten milliseconds at most for each real one. The journal's thread
/// is outside the runtime: while a run waits for it, every task waits, and the clock would move on to
/// the end of [`LONGEST`].
async fn slow_the_clock() {
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // The clock stands while a blocking task runs.
        let real = || std::thread::sleep(Duration::from_millis(1));
        let _ = tokio::task::spawn_blocking(real).await;
    }
}

/// Whether a command may change this field. All other fields stay as they were read.
fn may_change(function: &str, field: &str) -> bool {
    match field {
        "_rev" | "_attachments" | "_revisions" => true,
        "pvt_used_by" if function.starts_with("fix_") => true,
        "pvt_module_name" | "pvt_modified" if function.starts_with("convert_") => true,
        "pvt_features" => {
            function.starts_with("convert_") || function == "migrate_unassigned_numbers"
        }
        // Public fields of features can change too.
        field if function == "migrate_unassigned_numbers" => {
            field == "pvt_used_by" || !field.starts_with("pvt_")
        }
        _ => false,
    }
}

/// The commands whose rules a command follows in its passes.
fn passes(function: &str) -> Vec<&str> {
    match function {
        "repair" => vec![
            "copy_accounts_to_number_dbs",
            "fix_apps_for_number_dbs",
            "copy_number_dbs_to_accounts",
            "fix_apps_for_account_dbs",
            "migrate_unassigned_numbers",
        ],
        function => vec![function],
    }
}

/// Errors in the writes of a run: unread revisions overwritten, a document written twice, content
/// that was not read.
pub fn bad_writes(function: &str, recording: &Recording) -> Vec<String> {
    let mut bad: Vec<String> = recording
        .unread_writes()
        .map(|write| {
            format!(
                "{} {} was overwritten at {:?}, which was not read",
                write.database, write.id, write.replaces
            )
        })
        .collect();
    for write in &recording.written {
        let own_making = write.id.starts_with("_design/") || write.database == "system_config";
        if own_making || write.document.contains_key("_deleted") {
            continue;
        }
        let is_of = |function: &str| -> bool {
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
                kept.sort_by(|left, right| left.0.cmp(&right.0));
                kept
            };
            let sent = kept(&write.document);
            recording.delivered.get(&write.id).is_some_and(|all| {
                all.iter().any(|read| {
                    let place = if in_place {
                        read.database == write.database
                            && Some(&read.rev) == write.replaces.as_ref()
                    } else {
                        read.database != write.database
                    };
                    place
                        && read
                            .document
                            .as_ref()
                            .is_some_and(|document| kept(document) == sent)
                })
            })
        };
        let was_read = passes(function).into_iter().any(is_of);
        if !was_read {
            bad.push(format!(
                "{} {} was written with content that was not read: {:?}",
                write.database, write.id, write.document
            ));
        }
    }
    bad
}
