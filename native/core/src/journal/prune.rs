//! Which journals are kept.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::Start;
use super::folder::Folder;
use super::reader::{self, Summary};

/// So many of the newest runs stay, however many bytes their journals have.
const NEWEST: usize = 3;

/// When a run that wrote nothing after its first line is not going on any more.
const BEGINNING: Duration = Duration::from_secs(60 * 60);

/// The facts about a journal that need only its first and last line.
struct Known {
    run: String,
    start: Start,
    bytes: u64,
    age: Duration,
    /// Whether it came to its end, or there is nothing in it.
    is_over: bool,
    failed: u64,
}

/// Deletes journals that are older than `keep`, and the oldest beyond `keep_bytes`.
///
/// A run that did not come to its end stays until it is undone: it may be going on, and a conversion is completed from its
/// journal. The newest runs stay whatever they measure. `needed` stays, too. Files that do not begin as a journal of ours are
/// left alone, and so is one that cannot be deleted: that is no reason not to work.
pub(super) fn prune(folder: &Folder, keep: Duration, keep_bytes: u64, needed: Option<&str>) {
    let now = SystemTime::now();
    let runs = folder.runs().unwrap_or_default();
    let known: Vec<Known> = runs
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

fn known(folder: &Folder, run: String, now: SystemTime) -> Option<Known> {
    let file = folder.read(&run).ok().flatten()?;
    let metadata = file.metadata().ok()?;
    let Summary {
        start,
        end,
        is_empty,
    } = reader::summary(&run, &file).ok().flatten()?;
    let modified = metadata.modified().ok()?;
    let age = now.duration_since(modified).unwrap_or_default();
    Some(Known {
        run,
        start,
        bytes: metadata.len(),
        age,
        is_over: end.is_some() || (is_empty && age > BEGINNING),
        failed: end.map_or(0, |(_, failed)| failed),
    })
}
