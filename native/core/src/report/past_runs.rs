//! The runs that can be undone, by cluster.

use serde::Serialize;

use couchdb::ClusterIdentity;

/// The runs that can be undone: those of this cluster first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastRuns {
    /// The clusters, each with its runs.
    pub clusters: Vec<ClusterOfRuns>,
}

/// A cluster and its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterOfRuns {
    /// The URL of its server, without credentials, as the first run used it.
    pub server: String,
    /// Its identity.
    pub identity: ClusterIdentity,
    /// Whether it is the cluster of this server. `None`: the server did not answer.
    pub is_this: Option<bool>,
    /// Its runs, the newest last.
    pub runs: Vec<PastRun>,
}

/// A run that can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// The start time (RFC 3339).
    pub at: String,
    /// The user and the machine, or the calling node.
    pub who: String,
    /// The function and its arguments.
    pub command: String,
    /// `done`, `in_progress`, `interrupted`, `undone` or `partly_undone`.
    pub state: &'static str,
    /// The run that undid it.
    pub undone_by: Option<String>,
    /// Documents that it is known to have written.
    pub written: u64,
    /// The same by what it did to them. `None`: it did not end.
    pub counts: Option<RunCounts>,
    /// Further documents that it may have written.
    pub unknown: u64,
    /// Failures in its final report.
    pub failed: u64,
}

/// The documents that a run wrote, by what it did to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    /// Documents created.
    pub created: u64,
    /// Documents updated.
    pub updated: u64,
    /// Documents deleted.
    pub deleted: u64,
}

impl RunCounts {
    pub(crate) fn total(self) -> u64 {
        self.created
            .saturating_add(self.updated)
            .saturating_add(self.deleted)
    }
}

/// The lines for the terminal: one for each run.
pub(super) fn lines(past: &PastRuns) -> Vec<String> {
    let lines = past.clusters.iter().flat_map(|cluster| {
        let suffix = match cluster.is_this {
            Some(false) => " (another cluster)",
            Some(true) | None => "",
        };
        let place = format!("on {}{suffix}", cluster.server);
        cluster.runs.iter().map(move |run| line(run, &place))
    });
    lines.collect()
}

fn line(run: &PastRun, place: &str) -> String {
    let who = if run.who.is_empty() {
        "unknown"
    } else {
        &run.who
    };
    let counts = match run.counts {
        Some(counts) => format!(
            "{} created, {} updated, {} deleted, {} failed",
            counts.created, counts.updated, counts.deleted, run.failed
        ),
        None => format!("{} documents written", run.written),
    };
    let unknown = match run.unknown {
        0 => String::new(),
        unknown => format!(", the result of {unknown} more is unknown"),
    };
    let state = run.state.replace('_', " ");
    let by = run.undone_by.iter();
    let by: String = by.map(|by| format!(" by {by}")).collect();
    format!(
        "{}  {}  {who}  {}: {counts}{unknown}; {state}{by}; {place}",
        run.run, run.at, run.command
    )
}
