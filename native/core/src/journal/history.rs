//! The states of runs, and the runs that operators name by a part of an id.

use std::collections::HashMap;

use super::files::{Journals, RunSummary};
use super::folder::is_run;
use crate::operation;
use couchdb::{Error, Kind};

/// The most ids in a message.
const LISTED: usize = 5;

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It ended, and its changes were not undone.
    Done,
    /// Its process is alive.
    InProgress,
    /// It did not end.
    Interrupted,
    /// A run restored all its documents.
    Undone {
        /// The id of that run.
        by: String,
    },
    /// A run restored some of its documents: others failed, or the run did not end.
    PartlyUndone {
        /// The id of that run.
        by: String,
    },
}

impl RunState {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::InProgress => "in_progress",
            Self::Interrupted => "interrupted",
            Self::Undone { .. } => "undone",
            Self::PartlyUndone { .. } => "partly_undone",
        }
    }
}

/// Runs and their undos.
pub struct History<'a> {
    runs: &'a [RunSummary],
    /// The undos of each run, oldest first.
    undos: HashMap<&'a str, Vec<&'a RunSummary>>,
}

impl<'a> History<'a> {
    /// The history of runs, which are sorted, oldest first.
    pub fn new(runs: &'a [RunSummary]) -> Self {
        let mut undos: HashMap<&str, Vec<&RunSummary>> = HashMap::new();
        for run in runs {
            if let Some(undone) = run.start.undoes() {
                undos.entry(undone).or_default().push(run);
            }
        }
        Self { runs, undos }
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &'a [RunSummary] {
        self.runs
    }

    /// The state of a run on its own cluster.
    pub fn state(&self, run: &RunSummary) -> RunState {
        let start = &run.start;
        let on_its_cluster =
            |undo: &RunSummary| start.is_on(&undo.start.cluster, &undo.start.server);
        if let Some(undo) = self.last_undo(&start.run, &on_its_cluster) {
            let by = undo.start.run.clone();
            return if undo.ended && undo.failed == 0 {
                RunState::Undone { by }
            } else {
                RunState::PartlyUndone { by }
            };
        }
        match (run.ended, run.in_progress) {
            (true, _) => RunState::Done,
            (false, true) => RunState::InProgress,
            (false, false) => RunState::Interrupted,
        }
    }

    /// The run that undid all of a run. `here`: whether a run was on the cluster in question.
    pub fn undone_by(
        &self,
        run: &str,
        here: &dyn Fn(&RunSummary) -> bool,
    ) -> Option<&'a RunSummary> {
        self.last_undo(run, here)
            .filter(|undo| undo.ended && undo.failed == 0)
    }

    /// The last undo of a run, unless it was itself undone.
    fn last_undo(&self, run: &str, here: &dyn Fn(&RunSummary) -> bool) -> Option<&'a RunSummary> {
        let undos = self.undos.get(run)?.iter().copied();
        // An undo is newer than its run, so this ends also for files that somebody made.
        let mut undos = undos.filter(|undo| *undo.start.run > *run && here(undo));
        let last = undos.next_back()?;
        match self.undone_by(&last.start.run, here) {
            Some(_) => None,
            None => Some(last),
        }
    }
}

impl Journals {
    /// The id of the run that `given` names: an id, or the first characters of exactly one id.
    ///
    /// # Errors
    ///
    /// The given text begins several ids. A text that begins none is returned as it is: other errors are better known there.
    pub fn resolve(&self, given: &str) -> Result<String, Error> {
        if is_run(given) || given.is_empty() {
            return Ok(given.to_owned());
        }
        let mut ids = self.ids();
        ids.retain(|id| id.starts_with(given));
        match ids.as_slice() {
            [] => Ok(given.to_owned()),
            [id] => Ok(id.clone()),
            _ => {
                let all = ids.len();
                let newest = ids.get(all.saturating_sub(LISTED)..);
                let listed = newest.unwrap_or_default().join(", ");
                Err(Error::new(
                    Kind::BadRequest,
                    operation::ARGUMENTS,
                    format!("{given:?} begins the ids of {all} runs; the newest are {listed}"),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RunStart;
    use couchdb::ClusterIdentity;

    fn run(hour: u32, command: &str) -> RunSummary {
        RunSummary {
            start: RunStart {
                run: format!("20261126T{hour:02}0000Z-000000"),
                at: String::new(),
                command: command.to_owned(),
                who: String::new(),
                server: "http://one".to_owned(),
                cluster: ClusterIdentity::default(),
            },
            ended: true,
            in_progress: false,
            landed: 1,
            counts: None,
            unknown: 0,
            failed: 0,
        }
    }

    fn undo(hour: u32, of: u32) -> RunSummary {
        run(hour, &format!("undo 20261126T{of:02}0000Z-000000"))
    }

    fn states(runs: &[RunSummary]) -> Vec<&'static str> {
        let history = History::new(runs);
        runs.iter().map(|run| history.state(run).name()).collect()
    }

    #[test]
    fn state_follows_undos_of_the_same_cluster() {
        assert_eq!(states(&[run(1, "purge_deleted")]), ["done"]);
        let interrupted = RunSummary {
            ended: false,
            ..run(1, "purge_deleted")
        };
        assert_eq!(states(std::slice::from_ref(&interrupted)), ["interrupted"]);
        let in_progress = RunSummary {
            in_progress: true,
            ..interrupted.clone()
        };
        assert_eq!(states(&[in_progress]), ["in_progress"]);
        assert_eq!(
            states(&[interrupted.clone(), undo(2, 1)]),
            ["undone", "done"]
        );
        // An undo of the undo makes the changes again.
        assert_eq!(
            states(&[interrupted, undo(2, 1), undo(3, 2)]),
            ["interrupted", "undone", "done"]
        );
        let failed = RunSummary {
            failed: 1,
            ..undo(2, 1)
        };
        assert_eq!(
            states(&[run(1, "purge_deleted"), failed]),
            ["partly_undone", "done"]
        );
        let mut elsewhere = undo(2, 1);
        elsewhere.start.server = "http://two".to_owned();
        assert_eq!(
            states(&[run(1, "purge_deleted"), elsewhere]),
            ["done", "done"]
        );
        // Two files that name each other.
        assert_eq!(states(&[undo(1, 2), undo(2, 1)]), ["undone", "done"]);
    }

    #[test]
    fn run_is_named_by_first_characters_of_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        for hour in 1..=7 {
            let path = folder
                .path()
                .join(format!("20261126T{hour:02}0000Z-000000.journal"));
            std::fs::write(path, "").unwrap();
        }
        let resolve = |given: &str| {
            journals
                .resolve(given)
                .map_err(|error| error.detail().to_owned())
        };
        let first = "20261126T010000Z-000000";
        assert_eq!(resolve("20261126T01").unwrap(), first);
        assert_eq!(resolve(first).unwrap(), first);
        assert_eq!(resolve("2025").unwrap(), "2025");
        let several = resolve("2026").unwrap_err();
        assert!(
            several.starts_with("\"2026\" begins the ids of 7 runs; the newest are 20261126T03"),
            "{several}"
        );
    }
}
