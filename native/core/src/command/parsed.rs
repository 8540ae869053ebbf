//! A command with parsed arguments, ready to run.

use std::fmt;
use std::sync::Arc;

use super::prepared::Prepared;
use super::spec::{Brake, CommandSpec};
use crate::commands::Answer;
use crate::engine::{Changes, DeleteLimit, MaxDelete, Planned, Run, Settings, Withhold};
use crate::lease::Scope;
use couchdb::Error;

/// A parsed and checked command. Its numbers are not normalised yet, because the converters are configured in the cluster.
pub struct Command {
    spec: &'static CommandSpec,
    prepared: Prepared,
    /// For `plan`: the function that is planned, and its scope.
    planned: Option<(&'static CommandSpec, Option<Scope>)>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.spec.name, self.spec.parameters.len())
    }
}

impl Command {
    pub(super) fn new(spec: &'static CommandSpec, prepared: Prepared) -> Self {
        Self {
            spec,
            prepared,
            planned: None,
        }
    }

    /// A plan of another command.
    pub(super) fn plan_of(spec: &'static CommandSpec, other: Self) -> Self {
        let planned = Some((other.spec, other.scope()));
        Self {
            spec,
            prepared: other.prepared.planned(),
            planned,
        }
    }

    /// How its changes are made. `dry_run`: none is; `settings`: the operator's limits.
    pub(crate) fn changes(&self, settings: &Settings) -> Changes {
        let (spec, scope) = self.planned.unwrap_or((self.spec, self.scope()));
        let usual = (spec.brake == Brake::Always).then_some(MaxDelete::USUAL);
        let is_limited = settings.max_changes.is_some() || settings.limit.is_some();
        let is_braked = spec.brake != Brake::Never;
        let withhold = match () {
            () if settings.dry_run => Withhold::Announced,
            () if self.planned.is_some() => Withhold::Plan,
            () if is_braked && is_limited => Withhold::Everything,
            () if is_braked && spec.deletes_documents() => Withhold::Deletions,
            () => Withhold::Nothing,
        };
        let delete_limit = match (withhold, settings.max_delete) {
            (Withhold::Everything | Withhold::Deletions, Some(given)) => DeleteLimit::Given(given),
            (Withhold::Everything | Withhold::Deletions, None) if spec.deletes_documents() => {
                DeleteLimit::Configured(usual)
            }
            _ => DeleteLimit::None,
        };
        Changes {
            withhold,
            planned: spec.is_planned.then(|| Planned {
                function: spec.name.to_owned(),
                is_exclusive: scope == Some(Scope::Exclusive),
                reconciles_services: spec.reconciles_services,
            }),
            delete_limit,
        }
    }

    /// Whether it, or the command that it plans, reads what changed where the cluster has an index.
    pub(crate) fn uses_index(&self) -> bool {
        self.planned.map_or(self.spec, |(spec, _)| spec).uses_index
    }

    /// Its row of the catalog.
    pub fn spec(&self) -> &'static CommandSpec {
        self.spec
    }

    /// How much of the cluster the command may change. `None`: it changes no numbers.
    pub fn scope(&self) -> Option<Scope> {
        if let Some(scope) = &self.prepared.late_scope {
            return Some(scope());
        }
        self.prepared.scope.unwrap_or(self.spec.scope)
    }

    /// If the command only prints a refusal, that refusal. The check can end the command before.
    pub fn refusal(&self) -> Option<&str> {
        self.prepared.refusal.as_deref()
    }

    /// Whether the run is written to the report and the counters.
    pub(crate) fn is_published(&self) -> bool {
        self.prepared.is_published
    }

    /// Checks whether the command can run here, before the lock is taken. An answer ends the run.
    pub(crate) async fn check(&mut self, run: &Arc<Run>) -> Result<Option<Answer>, Error> {
        match self.prepared.check.take() {
            Some(check) => check(run.clone()).await,
            None => Ok(None),
        }
    }

    /// Runs the command.
    pub(crate) async fn start(self, run: &Arc<Run>) -> Result<Answer, Error> {
        (self.prepared.work)(run.clone()).await
    }
}
