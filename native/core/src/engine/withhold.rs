//! Changes that a run does not make as it decides them: those of a dry run and of a plan, and deletions until all are known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use document::Change;

use super::apply::{Applying, End};
use super::max_delete::MaxDelete;
use super::run::Run;
use super::write::after;
use crate::journal::{Intent, Spool, Steps};
use crate::kazoo::{DatabaseName, NUMBER_MANAGER};
use crate::report::{Frontend, Outcome};
use couchdb::Error;

/// The changes that a run does not make as it decides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withhold {
    /// It makes all changes at once.
    Nothing,
    /// It announces its changes and makes none: a dry run.
    Announced,
    /// It records its changes for a plan and makes none.
    Plan,
    /// It makes its changes together, when all are known.
    Everything,
    /// It makes its deletions together, when all are known.
    Deletions,
}

/// The changes that a run withholds at present.
#[derive(Debug)]
pub(crate) struct Withheld {
    what: Withhold,
    limit: OnceLock<Option<MaxDelete>>,
    held: Mutex<Held>,
    /// Whether the run is in one of several passes, whose figures are reported at the end.
    is_in_a_pass: AtomicBool,
    /// Whether later reads see changes that are only announced.
    keeps_announced: AtomicBool,
}

/// The limit of deletions of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeleteLimit {
    /// It has none.
    None,
    /// This one, which the operator set.
    Given(MaxDelete),
    /// That of the system config, else this one.
    Configured(Option<MaxDelete>),
}

#[derive(Debug)]
enum Held {
    NotYet,
    Changes(Arc<Spool>),
    Released,
}

/// The treatment of a change.
enum Fate {
    Made,
    Announced,
    Held { is_counted: bool },
}

impl Withheld {
    pub(super) fn new(what: Withhold, limit: DeleteLimit) -> Self {
        Self {
            what,
            limit: match limit {
                DeleteLimit::None => None.into(),
                DeleteLimit::Given(limit) => Some(limit).into(),
                DeleteLimit::Configured(_) => OnceLock::new(),
            },
            held: Mutex::new(Held::NotYet),
            is_in_a_pass: AtomicBool::new(false),
            keeps_announced: AtomicBool::new(false),
        }
    }

    /// The most documents that the run may delete.
    pub(super) fn limit(&self) -> Option<MaxDelete> {
        self.limit.get().copied().flatten()
    }

    /// Whether the changes become a plan.
    pub(super) fn is_plan(&self) -> bool {
        self.what == Withhold::Plan
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, change: &Change) -> Fate {
        let released = matches!(*self.held(), Held::Released);
        match self.what {
            Withhold::Announced => Fate::Announced,
            Withhold::Plan => Fate::Held { is_counted: true },
            Withhold::Everything if !released => Fate::Held { is_counted: false },
            Withhold::Deletions
                if !released && change.after().is_none() && self.limit().is_some() =>
            {
                Fate::Held { is_counted: false }
            }
            Withhold::Nothing | Withhold::Everything | Withhold::Deletions => Fate::Made,
        }
    }

    /// The changes, on disk. The first call creates the file.
    fn spool(&self, run: &Run) -> Result<Arc<Spool>, Error> {
        let mut held = self.held();
        if let Held::Changes(spool) = &*held {
            return Ok(spool.clone());
        }
        let spool = Arc::new(Spool::begin(run.settings.journals.as_ref())?);
        *held = Held::Changes(spool.clone());
        Ok(spool)
    }

    /// Whether changes in this database will be made later.
    fn delays(&self, database: &DatabaseName) -> bool {
        self.what != Withhold::Announced && self.changes_in(database).is_some()
    }

    /// The changes, if some are in this database.
    pub(super) fn changes_in(&self, database: &DatabaseName) -> Option<Arc<Spool>> {
        match &*self.held() {
            Held::Changes(spool) if spool.has(database.plain()) => Some(spool.clone()),
            Held::Changes(_) | Held::NotYet | Held::Released => None,
        }
    }

    /// Whether the run will create this database.
    pub(super) fn creates(&self, database: &DatabaseName) -> bool {
        match &*self.held() {
            Held::Changes(spool) => spool.does_create(database.plain()),
            Held::NotYet | Held::Released => false,
        }
    }

    fn keeps_announced(&self) -> bool {
        self.what == Withhold::Announced && self.keeps_announced.load(Ordering::Relaxed)
    }
}

impl Run {
    /// Reads the limit of deletions from the system config, if the operator set none. The line that refuses the run, if it cannot
    /// be used.
    pub(crate) async fn read_delete_limit(&self) -> Result<Option<String>, Error> {
        let DeleteLimit::Configured(usual) = self.delete_limit else {
            return Ok(None);
        };
        let configured = self.cluster.max_delete().await?;
        match configured.map(|json| MaxDelete::of_json(&json)).transpose() {
            Ok(limit) => {
                self.withheld.limit.get_or_init(|| limit.or(usual));
                Ok(None)
            }
            Err(expected) => {
                let given = match self.settings.frontend {
                    Frontend::CommandLine => "--max-delete",
                    Frontend::Erlang => "{max_delete, LIMIT} in the application environment",
                };
                Ok(Some(format!(
                    "error: cannot use max_delete of system_config/{NUMBER_MANAGER}: {expected}; nothing is done; {given} goes before it"
                )))
            }
        }
    }

    /// Whether the run writes nothing at present.
    pub(crate) fn writes_nothing(&self) -> bool {
        match self.withheld.what {
            Withhold::Announced | Withhold::Plan => true,
            Withhold::Everything => !matches!(*self.withheld.held(), Held::Released),
            Withhold::Nothing | Withhold::Deletions => false,
        }
    }

    /// Begins several passes, of which later ones read what earlier ones decided.
    pub(crate) fn begin_passes(&self) {
        self.withheld.is_in_a_pass.store(true, Ordering::Relaxed);
        self.reads_what_it_changes();
    }

    /// Makes later reads of a dry run see the documents as they would be after the changes so far.
    pub(crate) fn reads_what_it_changes(&self) {
        self.withheld.keeps_announced.store(true, Ordering::Relaxed);
    }

    /// Ends the last pass: reports the figures of all databases.
    pub(crate) async fn end_passes(&self) {
        self.withheld.is_in_a_pass.store(false, Ordering::Relaxed);
        for database in self.reporter.tally().databases() {
            self.finished(&database).await;
        }
    }

    fn is_in_a_pass(&self) -> bool {
        self.withheld.is_in_a_pass.load(Ordering::Relaxed)
    }

    /// Ends withholding. The changes that were withheld, if there are any.
    pub(crate) fn release(&self) -> Result<Option<Steps>, Error> {
        let held = std::mem::replace(&mut *self.withheld.held(), Held::Released);
        match held {
            _ if self.withheld.what == Withhold::Announced => Ok(None),
            Held::Changes(spool) => spool.finish().map(Some),
            Held::NotYet | Held::Released => Ok(None),
        }
    }

    /// Notes that a plan creates this database.
    pub(crate) fn plans_to_create(&self, database: &DatabaseName) -> Result<(), Error> {
        if matches!(self.withheld.what, Withhold::Plan | Withhold::Everything)
            || self.withheld.keeps_announced()
        {
            self.withheld.spool(self)?.creates(database.plain());
        }
        Ok(())
    }

    /// Reports the figures of a finished database. One with withheld changes is finished when they are made.
    pub(crate) async fn finished(&self, database: &DatabaseName) {
        // The view of a plan has its databases.
        let is_reported = self.withheld.is_plan() || self.is_in_a_pass();
        if !is_reported && !self.withheld.delays(database) {
            self.reporter.finished(database).await;
        }
    }
}

impl Applying<'_> {
    /// Announces or records changes that are not made now, and drops excluded ones. Returns the others.
    pub(super) async fn withhold(&mut self, changes: Vec<Change>) -> Result<Vec<Change>, Error> {
        let mut now = Vec::new();
        for change in changes {
            if self.run.excludes_change(self.database, &change) {
                self.ends.insert(change.id().to_owned(), End::Skipped);
                continue;
            }
            match self.run.withheld.fate(&change) {
                Fate::Made => now.push(change),
                Fate::Announced => {
                    self.run.announce_plan(self.database, &change).await;
                    if self.run.withheld.keeps_announced() {
                        self.keep(&change)?;
                    }
                    self.counted(change);
                }
                Fate::Held { is_counted } => {
                    self.keep(&change)?;
                    if is_counted {
                        self.counted(change);
                    } else {
                        let (id, written) = (change.id().to_owned(), after(change));
                        self.ends.insert(id, End::Done { written });
                    }
                }
            }
        }
        Ok(now)
    }

    fn keep(&self, change: &Change) -> Result<(), Error> {
        let intent = Intent {
            database: self.database.plain(),
            change,
            cause: self.decide.cause(change),
            whole: None,
        };
        self.run.withheld.spool(self.run)?.push(&intent)
    }

    fn counted(&mut self, change: Change) {
        let (id, outcome) = (change.id().to_owned(), Outcome::of(&change));
        self.done(&id, outcome, after(change));
    }
}
