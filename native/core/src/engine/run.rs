//! The shared state of a run's tasks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::budget::Budget;
use super::cluster::Cluster;
use super::cluster_index::ClusterIndex;
use super::exclude::Excluded;
use super::once::OncePerKey;
use super::planning::Planned;
use super::services::Services;
use super::settings::Settings;
use super::steps::Steps;
use super::withhold::{DeleteLimit, Withheld, Withhold};
use crate::host::Host;
use crate::journal::Journal;
use crate::kazoo::{AccountId, AppUsage, DatabaseName, Normaliser, gregorian_seconds};
use crate::report::{Audited, Reason, Reporter};
use couchdb::{Cancel, Error, Pace};

/// The run that another run undoes.
pub(crate) struct UndoneRun {
    pub(crate) id: String,
    /// The command line of the undo, with the id, where the operator gave a part of the id or `last`.
    pub(crate) command_line: String,
}

/// One run: its settings, and one object per concern.
pub(crate) struct Run {
    /// The id of the run in the log and in the lock.
    pub(crate) id: String,
    pub(crate) settings: Settings,
    /// The function's name.
    pub(crate) function: String,
    pub(crate) cluster: Cluster,
    pub(crate) reporter: Reporter,
    pub(crate) services: Services,
    pub(crate) budget: Budget,
    pub(crate) cancel: CancellationToken,
    /// The pace of all requests but those of the lock.
    pub(crate) pace: Pace,
    /// The time of the run in gregorian seconds, the same in everything that it writes.
    pub(crate) now: u64,
    /// The run that this run undoes, and the command line with its id.
    pub(crate) undoing: OnceLock<UndoneRun>,
    /// The application usage of accounts.
    pub(crate) usages: OncePerKey<AccountId, AppUsage>,
    /// The same according to the index; `None` for an account that it does not know.
    pub(crate) known_usages: OncePerKey<AccountId, Option<AppUsage>>,
    /// The number of which the usages record the documents that use it.
    pub(crate) watched: OnceLock<String>,
    /// Whether an index timed out. Then the others are not built either.
    pub(super) indexes_are_slow: AtomicBool,
    /// The journal, if the run keeps one and has changed something.
    pub(super) journal: OnceCell<Option<Journal>>,
    pub(crate) steps: Steps,
    pub(crate) index: ClusterIndex,
    pub(super) withheld: Withheld,
    pub(super) excluded: Excluded,
    /// The numbers that the run looked at without deciding about each.
    pub(super) looked_at: AtomicU64,
    /// The facts for a plan of this run. `None`: it makes no plan.
    pub(super) planned: Option<Planned>,
    pub(super) delete_limit: DeleteLimit,
    /// The totals, if the run is an audit.
    pub(crate) audited: OnceLock<Audited>,
}

/// The way in which a run makes its changes.
pub(crate) struct Changes {
    pub(crate) withhold: Withhold,
    /// The facts for a plan.
    pub(crate) planned: Option<Planned>,
    pub(crate) delete_limit: DeleteLimit,
}

impl Run {
    /// Counts numbers that the run looked at without deciding about each. The limit for deletions is a share of all.
    pub(crate) fn looked_at(&self, numbers: u64) {
        self.looked_at.fetch_add(numbers, Ordering::Relaxed);
    }

    pub(crate) fn new(
        id: String,
        function: String,
        settings: Settings,
        changes: Changes,
        host: Arc<dyn Host>,
        reporter: Reporter,
        cancel: &CancellationToken,
    ) -> Self {
        // A child token: a fatal error stops this run and not its caller, and lets its writes in flight finish.
        let abandon = cancel.clone();
        let cancel = cancel.child_token();
        let requests = Cancel {
            stop: cancel.clone(),
            abandon,
        };
        // The reporter has it, too.
        let pace = settings.http.pace();
        Self {
            cluster: Cluster::new(
                host,
                &settings.http,
                &pace,
                &settings.config_section,
                &reporter,
                requests,
            ),
            budget: Budget::new(settings.memory),
            // A plan is stamped when it is applied.
            now: match changes.withhold {
                Withhold::Plan => 0,
                _ => gregorian_seconds(SystemTime::now()),
            },
            services: Services::default(),
            usages: OncePerKey::default(),
            known_usages: OncePerKey::default(),
            watched: OnceLock::new(),
            undoing: OnceLock::new(),
            indexes_are_slow: AtomicBool::new(false),
            journal: OnceCell::new(),
            steps: Steps::default(),
            index: ClusterIndex::default(),
            looked_at: AtomicU64::new(0),
            excluded: Excluded::default(),
            withheld: Withheld::new(changes.withhold, changes.delete_limit),
            planned: changes.planned,
            delete_limit: changes.delete_limit,
            audited: OnceLock::new(),
            id,
            function,
            settings,
            reporter,
            cancel,
            pace,
        }
    }

    /// The converters for numbers of this cluster.
    pub(crate) async fn normaliser(&self) -> Result<Arc<Normaliser>, Error> {
        self.cluster.normaliser(&self.reporter).await
    }

    /// The function and its arguments, as journals and locks record them.
    pub(crate) fn command_line(&self) -> &str {
        if let Some(undone) = self.undoing.get() {
            return &undone.command_line;
        }
        match self.settings.command_line.as_str() {
            "" => &self.function,
            line => line,
        }
    }

    /// Reconciles the services of all accounts whose numbers changed, each once.
    pub(crate) async fn reconcile_services(&self) -> Result<(), Error> {
        if self.writes_nothing() {
            return Ok(());
        }
        let host = self.cluster.host();
        self.services
            .reconcile(host, &self.reporter, &self.cancel, &self.pace)
            .await
    }

    /// Records that a database could not be read. A fatal error is returned.
    pub(crate) fn database_failed(
        &self,
        database: &DatabaseName,
        error: Error,
    ) -> Result<(), Error> {
        if error.is_fatal() {
            return Err(error);
        }
        debug!(%database, %error, "database failed");
        self.reporter
            .database_failed(&database.encoded(), error.kind());
        Ok(())
    }

    /// Records numbers that failed because of this error, in the database of the error. A fatal error is returned.
    pub(crate) fn numbers_failed<'a>(
        &self,
        database: &DatabaseName,
        error: &Error,
        reason: Reason,
        numbers: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        if error.is_fatal() {
            return Err(error.clone());
        }
        let database = error.database().unwrap_or(database).encoded();
        for number in numbers {
            self.reporter.failed(&database, reason, number);
        }
        Ok(())
    }
}
