//! The runs that hold the cluster lock or wait for it.

use serde::Serialize;

/// An entry of the lock's document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LockEntry {
    /// A run that holds the lock.
    HoldsLock(RunInProgress),
    /// A run that waits for it.
    Waits(RunInProgress),
    /// An entry that this version cannot read. It excludes every run.
    Unreadable,
}

/// A run, as it described itself when it last renewed its entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunInProgress {
    /// The id for `cancel`, `pause`, `resume` and `throttle`.
    pub run: String,
    /// The function and its arguments, shortened.
    pub command: String,
    /// The user who runs it.
    pub who: String,
    /// A node, or a process of a machine.
    pub place: String,
    /// When it took the lock, or began to wait (RFC 3339).
    pub since: String,
    /// When it last renewed its entry (RFC 3339).
    pub renewed: String,
    /// The lease in seconds, if it has been silent for longer: it may have died.
    pub silent_for: Option<u64>,
    /// Whether it takes requests. Runs of version 0.1 do not.
    pub takes_requests: bool,
    /// Its progress, if it gave one.
    pub progress: Option<RunProgress>,
    /// Whether it starts no requests to the server.
    pub paused: bool,
    /// The user who paused it, and the time.
    pub paused_by: Option<String>,
    /// The most requests to the server a second, if limited.
    pub requests_per_second: Option<f64>,
    /// Whether it was cancelled, and finishes its requests.
    pub cancelled: bool,
    /// Orders that it has not read yet.
    pub unread_orders: Vec<UnreadOrder>,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunProgress {
    /// Finished databases.
    pub databases: u64,
    /// Databases to process, as far as known.
    pub of: u64,
    /// Documents that CouchDB delivered.
    pub documents: u64,
    /// Documents that were created, updated or deleted.
    pub changed: u64,
}

/// An order that a run has not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadOrder {
    /// `cancel`, `pause`, `resume`, or `throttle …`.
    pub order: String,
    /// The user who gave it, and the time.
    pub by: String,
}

/// The lines for the terminal: one for each entry.
pub(super) fn lines(entries: &[LockEntry]) -> Vec<String> {
    if entries.is_empty() {
        return vec!["no run holds the cluster lock or waits for it".to_owned()];
    }
    let line = |entry: &LockEntry| match entry {
        LockEntry::HoldsLock(run) => line(run, "holds the lock"),
        LockEntry::Waits(run) => line(run, "waits for the lock"),
        LockEntry::Unreadable => "an entry of the lock that this version cannot read".to_owned(),
    };
    entries.iter().map(line).collect()
}

/// `1f: purge_deleted by ann on kazoo@a holds the lock since …; 12 of 602 databases, …`
fn line(run: &RunInProgress, what: &str) -> String {
    let mut line = format!("{}: {}", run.run, run.command);
    for (word, text) in [("by", &run.who), ("on", &run.place)] {
        if !text.is_empty() {
            line += &format!(" {word} {text}");
        }
    }
    line += &format!(" {what} since {}", run.since);
    if let Some(progress) = run.progress {
        line += &format!(
            "; {} of {} databases, {} documents read, {} changed",
            progress.databases, progress.of, progress.documents, progress.changed
        );
    }
    line += &format!("; as of {}", run.renewed);
    if run.paused {
        line += "; paused";
        line.extend(run.paused_by.iter().map(|by| format!(" by {by}")));
    }
    if let Some(rate) = run.requests_per_second {
        line += &format!("; at most {rate} requests a second");
    }
    if run.cancelled {
        line += "; cancelled";
    }
    for unread in &run.unread_orders {
        line += &format!("; asked to {} by {}, not read yet", unread.order, unread.by);
    }
    if let Some(seconds) = run.silent_for {
        line += &format!(
            "; silent for more than {seconds} seconds: if it died, `unlock` removes its lock"
        );
    }
    if !run.takes_requests {
        line += "; this run is of version 0.1, which takes no requests";
    }
    line
}
