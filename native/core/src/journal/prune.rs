//! Selects the journals to delete.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::RunStart;
use super::folder::Folder;
use super::reader::{self, JournalSummary};

/// The newest runs are kept, whatever the size of their journals.
const NEWEST: usize = 3;

/// The age at which a run with only a first line counts as ended.
const BEGINNING: Duration = Duration::from_secs(60 * 60);

/// The facts in the first and last line of a journal.
struct JournalFacts {
    run: String,
    start: RunStart,
    bytes: u64,
    age: Duration,
    /// Whether the run ended or wrote nothing.
    is_over: bool,
    failed: u64,
}

/// Deletes journals older than `keep`, and the oldest beyond `keep_bytes`.
///
/// The journal of an interrupted run is kept until the run is undone: the run may still be active, and a conversion is completed
/// from its journal. The newest runs are kept whatever their size, and so is `needed`. Files that are not our journals are left
/// alone. A file that cannot be deleted is skipped: that must not stop a run.
pub(super) fn prune(folder: &Folder, keep: Duration, keep_bytes: u64, needed: Option<&str>) {
    let now = SystemTime::now();
    let runs = folder.runs().unwrap_or_default();
    let known: Vec<JournalFacts> = runs
        .into_iter()
        .rev()
        .filter_map(|run| known(folder, run, now))
        .collect();
    let undone: HashSet<&str> = known
        .iter()
        .filter(|one| one.is_over && one.failed == 0)
        .filter_map(|one| one.start.undoes())
        .collect();
    let mut bytes = 0_u64;
    for (index, one) in known.iter().enumerate() {
        bytes = bytes.saturating_add(one.bytes);
        let is_open = !one.is_over && !undone.contains(one.run.as_str());
        if is_open || needed == Some(one.run.as_str()) {
            continue;
        }
        if one.age > keep || (bytes > keep_bytes && index >= NEWEST) {
            let _ = folder.remove(&one.run);
        }
    }
}

fn known(folder: &Folder, run: String, now: SystemTime) -> Option<JournalFacts> {
    let file = folder.read(&run).ok().flatten()?;
    let metadata = file.metadata().ok()?;
    let JournalSummary {
        start,
        end,
        is_empty,
    } = reader::summary(&run, &file).ok().flatten()?;
    let modified = metadata.modified().ok()?;
    let age = now.duration_since(modified).unwrap_or_default();
    Some(JournalFacts {
        run,
        start,
        bytes: metadata.len(),
        age,
        is_over: end.is_some() || (is_empty && age > BEGINNING),
        failed: end.map_or(0, |(_, failed)| failed),
    })
}
