//! Properties of a run under faults, and statistics over all cases.

use kazoo_numbers_testkit::command::{CommandRun, unix_seconds};
use std::collections::BTreeSet;
use std::sync::Mutex;

use kazoo_numbers_faults::{Recording, Schedule};
use kazoo_numbers_generator::{Cluster, Database, Document, Revisions};
use kazoo_numbers_model::{self as model, Call};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{FaultyServer, RunSettings, bad_writes, journalled};

pub type Case = ((Cluster, Call), RunSettings, Schedule);

/// The observations of one case.
pub struct Observed<'a> {
    given: &'a Call,
    before: (Cluster, Revisions),
    after: (Cluster, Revisions),
    wanted: model::Outcome,
    ran: CommandRun,
    /// The journal of a conversion. The next run needs it to complete an interrupted one.
    journal: Option<TempDir>,
    recording: Recording,
    started: u64,
    ended: u64,
}

/// Ids of changed documents.
#[derive(Default)]
struct ChangedIds {
    created: Vec<String>,
    updated: Vec<String>,
    deleted: Vec<String>,
}

/// Statistics over all cases.
#[derive(Clone, Debug, Default)]
struct Figures {
    cases: u64,
    requests: u64,
    faults: u64,
    disturbed: u64,
    /// Runs that reported a failure which a run without faults does not have.
    reported: u64,
    /// Successful writes that the report lists as failed because the outcome was unknown.
    uncounted: u64,
    /// Number databases that were created without a design document and did not get one from a
    /// second run.
    undesigned: u64,
}

static FIGURES: Mutex<Option<Figures>> = Mutex::new(None);

fn figures(change: impl FnOnce(&mut Figures)) {
    let mut figures = FIGURES.lock().unwrap();
    change(figures.get_or_insert_default());
}

async fn observe<'a>(
    server: &impl FaultyServer,
    cluster: &Cluster,
    given: &'a Call,
    run_settings: &RunSettings,
    schedule: &Schedule,
) -> Result<Observed<'a>, TestCaseError> {
    let before = server.set(cluster).await;
    let wanted = model::run(&before.0, given, model::Now::marker());
    let journal = given
        .function
        .starts_with("convert_")
        .then(|| tempfile::tempdir().unwrap());
    server.arm(schedule.clone(), None);
    let started = unix_seconds();
    let folder = journal.as_ref().map(TempDir::path);
    let ran = journalled(&server.target(), given, run_settings, folder).await;
    let (recording, hits) = server.disarm().await;
    let Some(ran) = ran else {
        return Err(TestCaseError::fail(format!("{given} does not finish")));
    };
    let after = server.read().await;
    let hits: u64 = hits.into_iter().map(u64::from).sum();
    figures(|figures| {
        figures.cases += 1;
        figures.requests += recording.requests;
        figures.faults += hits;
        figures.disturbed += u64::from(hits > 0);
        let failed = ran
            .finished
            .as_ref()
            .map_or(0, |finished| finished.summary.counts.failed);
        figures.reported += u64::from(failed > wanted.counts.failed);
    });
    Ok(Observed {
        given,
        before,
        after,
        wanted,
        ran,
        journal,
        recording,
        started,
        ended: unix_seconds(),
    })
}

impl Observed<'_> {
    fn result(
        &self,
        schedule: &Schedule,
        run_settings: &RunSettings,
        all: Vec<String>,
    ) -> Result<(), TestCaseError> {
        if all.is_empty() {
            return Ok(());
        }
        Err(TestCaseError::fail(format!(
            "{}\n{schedule:?}\n{run_settings:?}\n{}\noutput:\n{}",
            self.given,
            all.join("\n"),
            self.ran.lines.join("\n")
        )))
    }

    /// The ids of created, updated and deleted documents.
    fn changes(&self) -> ChangedIds {
        let mut changes = ChangedIds::default();
        let none = Database::default();
        let names: BTreeSet<&String> = self
            .before
            .0
            .databases
            .keys()
            .chain(self.after.0.databases.keys())
            .collect();
        for name in names {
            let before = self.before.0.databases.get(name).unwrap_or(&none);
            let after = self.after.0.databases.get(name).unwrap_or(&none);
            let ids: BTreeSet<&String> = before
                .documents
                .keys()
                .chain(after.documents.keys())
                .collect();
            for id in ids.into_iter().filter(|id| !id.starts_with("_design/")) {
                let was = before.documents.contains_key(id);
                let is = after.documents.contains_key(id);
                let changed = self.before.1.get(name).and_then(|revs| revs.get(id))
                    != self.after.1.get(name).and_then(|revs| revs.get(id));
                match (was, is) {
                    (false, true) => changes.created.push(id.clone()),
                    (true, true) if changed => changes.updated.push(id.clone()),
                    (true, false) => changes.deleted.push(id.clone()),
                    _ => {}
                }
            }
        }
        changes
    }

    /// Counted changes exist in the database. Changes in the database are counted, or reported as
    /// failed because the answer was lost.
    fn miscounts(&self) -> Vec<String> {
        let mut all = Vec::new();
        let failed = self.ran.failed_ids();
        let was_interrupted = self.recording.statuses.contains_key(&401);
        let counts = self.ran.writes();
        let changes = self.changes();
        for (word, counted, ids) in [
            ("created", counts.created, changes.created),
            ("updated", counts.updated, changes.updated),
            ("deleted", counts.deleted, changes.deleted),
        ] {
            let known = ids.iter().filter(|id| !failed.contains(*id)).count() as u64;
            // Several passes can write one document.
            let writes = self.recording.written.iter();
            let landed = writes.filter(|write| write.landed.is_some()).count() as u64;
            let most = match self.has_passes() {
                true => landed.max(ids.len() as u64),
                false => ids.len() as u64,
            };
            let least = if was_interrupted { 0 } else { known };
            if !(least..=most).contains(&counted) {
                all.push(format!(
                    "{word}: counted {counted}, and there are {ids:?}; failed: {failed:?}"
                ));
            } else {
                figures(|figures| figures.uncounted += most - counted);
            }
        }
        all
    }

    /// Each document is unchanged or in the state that the command makes.
    fn losses(&self) -> Vec<String> {
        let mut hybrid = self.after.0.clone();
        let none = Database::default();
        let fixes = matches!(
            self.given.function.as_str(),
            "fix_number" | "fix_numbers" | "fix_account_db_numbers"
        );
        // Replaces tolerated documents with the expected ones as of the start of the run.
        let now = model::Now::at(self.started);
        let right = model::run(&self.before.0, self.given, now).cluster;
        for (name, wanted) in &right.databases {
            let before = self.before.0.databases.get(name).unwrap_or(&none);
            let after = hybrid.databases.entry(name.clone()).or_default();
            let ids: BTreeSet<String> = before
                .documents
                .keys()
                .chain(after.documents.keys())
                .chain(wanted.documents.keys())
                .cloned()
                .collect();
            for id in ids {
                let is = after.documents.get(&id);
                let untouched = before.documents.get(&id) == is;
                // A copy of the number before or after the correction of its application.
                let copied = fixes
                    && is.is_some()
                    && [&self.before.0, &self.after.0].iter().any(|cluster| {
                        cluster
                            .number_databases()
                            .any(|other| cluster.document(other, &id) == is)
                    });
                // A document between two passes: one of the number's documents, its application aside.
                let between = self.has_passes()
                    && is.is_some_and(|is| {
                        self.before.0.databases.values().any(|database| {
                            let one = database.documents.get(&id);
                            one.is_some_and(|one| without_app(one) == without_app(is))
                        })
                    });
                if !untouched && !copied && !between {
                    continue;
                }
                match wanted.documents.get(&id) {
                    Some(document) => after.documents.insert(id, document.clone()),
                    None => after.documents.remove(&id),
                };
            }
        }
        model::same_end_state(&self.wanted.cluster, &hybrid, self.started, self.ended)
            .into_iter()
            .map(|line| format!("lost: {line}"))
            .collect()
    }

    /// Numbers that several accounts claim as assigned to themselves.
    fn contested(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut contested = BTreeSet::new();
        for (name, database) in &self.before.0.databases {
            let Some(account) = name.strip_prefix("account/") else {
                continue;
            };
            let account = account.replace('/', "");
            for (id, document) in &database.documents {
                let claims = document
                    .get("pvt_assigned_to")
                    .and_then(|to| to.as_str())
                    .is_some_and(|to| to.eq_ignore_ascii_case(&account));
                if claims && !seen.insert(id.clone()) {
                    contested.insert(id.clone());
                }
            }
        }
        contested
    }

    /// Whether the command has several passes, of which later ones write documents of earlier ones.
    fn has_passes(&self) -> bool {
        self.given.function == "repair"
    }

    fn written_twice(&self) -> Vec<String> {
        if self.has_passes() {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        self.recording
            .written
            .iter()
            .filter(|write| write.landed.is_some())
            .filter(|write| !write.is_further_leaf)
            .filter(|write| !seen.insert((&write.database, &write.id)))
            .map(|write| format!("{} {} was written twice", write.database, write.id))
            .collect()
    }
}

fn without_app(document: &Document) -> Document {
    let mut document = document.clone();
    document.remove("pvt_used_by");
    document
}

/// A few transient faults: the result is the same as without faults.
pub fn succeeds_as_without_faults(
    server: &impl FaultyServer,
    rt: &tokio::runtime::Runtime,
    case: &Case,
) -> Result<(), TestCaseError> {
    let ((cluster, given), run_settings, schedule) = case;
    rt.block_on(async {
        let seen = observe(server, cluster, given, run_settings, schedule).await?;
        let mut all = seen.miscounts();
        all.extend(bad_writes(&given.function, &seen.recording));
        all.extend(seen.written_twice());
        all.extend(model::same_end_state(
            &seen.wanted.cluster,
            &seen.after.0,
            seen.started,
            seen.ended,
        ));
        if let Some(finished) = &seen.ran.finished {
            let counts = &finished.summary.counts;
            let got = [
                counts.unchanged,
                counts.created,
                counts.updated,
                counts.deleted,
                counts.failed,
            ];
            let wanted = &seen.wanted.counts;
            let wanted = [
                wanted.unchanged,
                wanted.created,
                wanted.updated,
                wanted.deleted,
                wanted.failed,
            ];
            // The model runs the passes as single commands, which also count what they leave as it is.
            let differs = match seen.has_passes() {
                true => got[1..4] != wanted[1..4],
                false => got != wanted,
            };
            if differs {
                all.push(format!(
                    "counted {got:?}, not {wanted:?}: {}",
                    finished.summary.failures.to_json()
                ));
            }
            let services: BTreeSet<String> = finished.summary.services.iter().cloned().collect();
            if services != seen.wanted.services {
                all.push(format!(
                    "services {services:?}, not {:?}",
                    seen.wanted.services
                ));
            }
        }
        seen.result(schedule, run_settings, all)
    })
}

/// Any faults, then a second run without faults.
pub fn loses_nothing(
    server: &impl FaultyServer,
    rt: &tokio::runtime::Runtime,
    case: &Case,
) -> Result<(), TestCaseError> {
    let ((cluster, given), run_settings, schedule) = case;
    rt.block_on(async {
        let seen = observe(server, cluster, given, run_settings, schedule).await?;
        let mut all = seen.miscounts();
        all.extend(bad_writes(&given.function, &seen.recording));
        all.extend(seen.written_twice());
        all.extend(seen.losses());
        // Through the proxy again: a journal is bound to the server's address.
        let folder = seen.journal.as_ref().map(TempDir::path);
        let again = journalled(&server.target(), given, run_settings, folder).await;
        let last = server.read().await;
        let ended = unix_seconds();
        let left = model::same_end_state(&seen.wanted.cluster, &last.0, seen.started, ended);
        // Known limit: a number database that was created but not filled looks to the next run like
        // one that never had a design document.
        let (undesigned, left): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|line| line.ends_with(" _design/numbers: missing"));
        figures(|figures| {
            figures.undesigned += u64::from(!undesigned.is_empty());
        });
        all.extend(
            left.into_iter()
                .map(|line| format!("after a run without faults: {line}")),
        );
        // Known limit: if two accounts claim a number, the one that could be read gets it. Waiting
        // for the other would let one account's failure stop others.
        let contested = seen.contested();
        let created_for_them: Vec<String> = last
            .0
            .databases
            .iter()
            .filter(|(_, database)| {
                let mut numbers = database.documents.keys().filter(|id| !id.starts_with('_'));
                numbers.all(|id| contested.contains(id))
            })
            .map(|(name, _)| format!(": {name}: must not be there"))
            .collect();
        all.retain(|line| {
            let of_one = contested.iter().any(|id| line.contains(id.as_str()));
            let of_all = created_for_them.iter().any(|end| line.ends_with(end));
            !line.contains(": numbers/") || !(of_one || of_all)
        });
        if again.is_none() {
            all.push("the run without faults does not finish".into());
        }
        seen.result(schedule, run_settings, all)
    })
}

/// The server reports existing databases as missing. The run believes it, and still overwrites
/// nothing unread. Counts can be wrong: a document that existed, was reported as missing, and
/// exists after a lost answer, counts as created by the run.
pub fn keeps_data_despite_false_404(
    server: &impl FaultyServer,
    rt: &tokio::runtime::Runtime,
    case: &Case,
) -> Result<(), TestCaseError> {
    let ((cluster, given), run_settings, schedule) = case;
    rt.block_on(async {
        let seen = observe(server, cluster, given, run_settings, schedule).await?;
        let all = bad_writes(&given.function, &seen.recording);
        seen.result(schedule, run_settings, all)
    })
}

pub fn print_figures(property: &str) {
    println!("{property}, total so far: {:?}", FIGURES.lock().unwrap());
}
