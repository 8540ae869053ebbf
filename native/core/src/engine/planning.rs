//! The end of a plan, and the changes that a run withheld until all were known.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::replay::Rule;
use super::run::Run;
use crate::journal::{PlanCounts, PlanStart, RunStart, Steps, new_run_id, write_plan_file};
use crate::kazoo::{DatabaseName, KazooDatabase};
use crate::operation;
use crate::plan::{Cause, is_planned_leaf, make_planned};
use crate::report::{Frontend, Typed, file_argument};
use couchdb::{Attachments, Error, Kind};

/// The facts about a command that its plan records.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) function: String,
    pub(crate) is_exclusive: bool,
    pub(crate) reconciles_services: bool,
}

/// A plan that was saved: its id and, if it was written to a given file, that.
pub(crate) struct Saved {
    pub(crate) start: PlanStart,
    pub(crate) file: Option<std::path::PathBuf>,
}

impl Saved {
    /// The argument by which `apply` and `show_plan` find it.
    pub(crate) fn argument(&self) -> String {
        match &self.file {
            Some(path) => file_argument(path),
            None => self.start.start.run.clone(),
        }
    }
}

/// Makes planned changes at their revisions.
pub(crate) const MAKE_PLANNED: Rule = Rule {
    decide: |changes, now, at| make_planned(&changes.steps, now, at),
    permits: is_planned_leaf,
    attachments: Attachments::Stubs,
    cause: Cause::Plan,
};

impl Run {
    /// Saves changes as a plan.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or this host keeps no plans.
    pub(crate) async fn save_plan(
        &self,
        steps: &Steps,
        counts: PlanCounts,
    ) -> Result<Saved, Error> {
        let Some(planned) = &self.planned else {
            let line = "this function has no plan";
            return Err(Error::new(Kind::BadRequest, operation::PLAN, line));
        };
        let now = SystemTime::now();
        let start = PlanStart {
            start: RunStart {
                run: new_run_id(now),
                at: humantime::format_rfc3339_seconds(now).to_string(),
                command: self.planned_command_line(planned).to_owned(),
                who: self.settings.who.clone(),
                server: self.cluster.url().await?.to_string(),
                cluster: self.cluster.identity().await?.clone(),
            },
            function: planned.function.clone(),
            is_exclusive: planned.is_exclusive,
            reconciles_services: planned.reconciles_services,
        };
        match (&self.settings.plan_file, &self.settings.journals) {
            (Some(path), _) => write_plan_file(path, &start, steps, counts)?,
            (None, Some(journals)) => {
                journals.save_plan(&start, steps, counts)?;
            }
            (None, None) => {
                let line = "no plans are kept here, because no journals are";
                let hint = match self.settings.frontend {
                    Frontend::CommandLine => "--journal DIR names a folder; -o FILE names a file",
                    Frontend::Erlang => {
                        "{journal, \"DIR\"} in the environment of the application names a folder"
                    }
                };
                return Err(Error::new(Kind::Config, operation::PLAN, line).hint(hint));
            }
        }
        Ok(Saved {
            start,
            file: self.settings.plan_file.clone(),
        })
    }

    /// How the operator types a command.
    pub(crate) fn typed(&self) -> Typed {
        Typed {
            frontend: self.settings.frontend,
            options: self.settings.repeated_options.clone(),
        }
    }

    /// The command line of the changes, without the word "plan".
    fn planned_command_line<'a>(&'a self, planned: &'a Planned) -> &'a str {
        match self.settings.command_line.as_str() {
            "" => &planned.function,
            line => line.strip_prefix("plan ").unwrap_or(line),
        }
    }

    /// Makes the changes that the run withheld until all were known, unless there are too many. A second call does nothing.
    ///
    /// # Errors
    ///
    /// There are too many: nothing was made, and they are saved as a plan.
    pub(crate) async fn make_withheld(self: &Arc<Self>) -> Result<(), Error> {
        if self.withheld.is_plan() {
            return Ok(());
        }
        let Some(steps) = self.limited()? else {
            return Ok(());
        };
        let counts = steps.counts();
        if let Some(refusal) = self.brake(&steps, counts) {
            return Err(self.stopped(refusal, &steps, counts).await);
        }
        self.replay(Arc::new(steps), Vec::new(), MAKE_PLANNED).await
    }

    /// The changes that the run withheld, as many of them as the operator wants. `None`: they were taken before.
    pub(crate) fn limited(&self) -> Result<Option<Steps>, Error> {
        let mut steps = self.release()?;
        if let (Some(steps), Some(limit)) = (&mut steps, self.settings.limit) {
            steps.truncate(limit);
        }
        Ok(steps)
    }

    /// The error of a run whose changes are too many, after saving them.
    async fn stopped(&self, refusal: String, steps: &Steps, counts: PlanCounts) -> Error {
        let error = |line: String| Error::new(Kind::BadRequest, operation::BRAKE, line);
        match self.save_plan(steps, counts).await {
            Ok(saved) => {
                let plan = saved.argument();
                let [show, apply] =
                    ["show_plan", "apply"].map(|function| self.typed().command(function, &[&plan]));
                error(format!("{refusal}; nothing of this was done"))
                    .hint(format!("it is saved as a plan: {show}; to do it: {apply}"))
            }
            Err(failed) => error(format!(
                "{refusal}; nothing of this was done, and the plan cannot be saved: {failed}"
            )),
        }
    }

    /// Why these changes are too many for one run.
    fn brake(&self, steps: &Steps, counts: PlanCounts) -> Option<String> {
        let (deleted, changes) = (counts.deleted, counts.changes());
        if let Some(most) = self.settings.max_changes
            && changes > most
        {
            return Some(format!(
                "this would change {changes} documents, more than --max-changes {most}"
            ));
        }
        let max = self.withheld.limit()?;
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        let seen = self.seen_by_kind(steps).max(looked_at);
        max.stops(deleted, seen)
            .then(|| format!("this would delete {deleted} of the {seen} numbers that it looked at"))
    }

    /// The documents that the run has decided about, in databases of the kinds in which it would delete. A command that also
    /// works on the other side would count a number twice.
    fn seen_by_kind(&self, steps: &Steps) -> u64 {
        let kind = |name: &str| {
            DatabaseName::new(name).map(|name| std::mem::discriminant(&name.classification()))
        };
        let deletes = |name: &&str| steps.counts_of(name).deleted > 0;
        let kinds: HashSet<_> = steps.databases().filter(deletes).map(kind).collect();
        let is_seen = |name: &str| kinds.contains(&kind(name));
        let held = steps.databases().filter(|name| is_seen(name));
        let held: u64 = held.map(|name| steps.counts_of(name).changes()).sum();
        self.reporter.tally().decided_documents(is_seen) + held
    }
}

/// The error of changes that were written and cannot be read.
pub(crate) fn unreadable(error: &std::io::Error) -> Error {
    let detail = format!("the changes of the run cannot be read again: {error}");
    Error::new(Kind::File, operation::PLAN, detail)
}
