//! A command with parsed arguments, ready to run.

use std::fmt;
use std::sync::Arc;

use super::prepared::Prepared;
use super::spec::CommandSpec;
use crate::commands::Answer;
use crate::engine::Run;
use crate::lease::Scope;
use couchdb::Error;

/// A parsed and checked command. Its numbers are not normalised yet, because the converters are configured in the cluster.
pub struct Command {
    spec: &'static CommandSpec,
    prepared: Prepared,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.spec.name, self.spec.parameters.len())
    }
}

impl Command {
    pub(super) fn new(spec: &'static CommandSpec, prepared: Prepared) -> Self {
        Self { spec, prepared }
    }

    /// Its row of the catalog.
    pub fn spec(&self) -> &'static CommandSpec {
        self.spec
    }

    /// How much of the cluster the command may change. `None`: it changes no numbers.
    pub fn scope(&self) -> Option<Scope> {
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
