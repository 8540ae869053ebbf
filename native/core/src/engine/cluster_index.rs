//! The index of a run's cluster: the facts of earlier runs, brought up to date.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use tracing::{debug, info};

use super::database_states::{ClusterMoment, DatabaseStates};
use super::run::Run;
use super::settings::{IndexAsks, IndexSettings};
use crate::index::{KnownDatabase, LastSeen, Sought, Store, WITNESSES, Witnesses};
use crate::kazoo::DatabaseName;
use couchdb::{DatabaseState, Error};

/// A database is read completely after this time, even if everything agrees.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reading all documents is cheaper than changes that are more than this share of them.
const LARGEST_SHARE: u64 = 2;

/// The index of a run's cluster. A run without one reads all documents.
#[derive(Default)]
pub(crate) struct ClusterIndex {
    opened: RwLock<Opened>,
    /// Whether the store could not be written.
    is_broken: AtomicBool,
    unchanged: AtomicU64,
    updated: AtomicU64,
    changes: AtomicU64,
    read: AtomicU64,
}

/// The index after it was opened for databases.
#[derive(Default)]
struct Opened {
    /// The documents in databases that were opened before the index was made.
    documents: u64,
    store: Option<Store>,
    /// The states of the databases, each time when some were opened.
    states: Vec<Arc<DatabaseStates>>,
    /// All databases of the cluster, if the run reads all.
    all: Option<Vec<DatabaseName>>,
    /// Whether all is read, whatever the index says.
    reads_all: bool,
    /// Seconds since 1970.
    now: u64,
}

impl Run {
    /// Opens the index for these databases, which the run is about to read, if it may use one and the cluster is large enough.
    pub(crate) async fn open_index(&self, databases: &[DatabaseName]) -> Result<(), Error> {
        self.open_with(databases, None).await
    }

    async fn open_with(
        &self,
        databases: &[DatabaseName],
        feed: Option<Store>,
    ) -> Result<(), Error> {
        let Some(settings) = &self.settings.index else {
            return Ok(());
        };
        let now = seconds_now();
        let states = Arc::new(self.look_at(databases, feed.as_ref(), now).await?);
        let opened = self.index.opened().store.clone();
        let store = match opened.or(feed) {
            Some(store) => store,
            None => match self.begin_store(settings, &states).await? {
                Some(store) => store,
                None => return Ok(()),
            },
        };
        let reads_all = settings.asks == IndexAsks::Nothing;
        let sample = async {
            match reads_all {
                true => Ok(true),
                false => self.sample_agrees(&store, &states).await,
            }
        };
        let (agrees, ()) = futures::future::try_join(sample, states.begin()).await?;
        {
            let mut opened = self.index.opened_mut();
            opened.states.push(states);
            opened.store = Some(store);
            opened.now = now;
            opened.reads_all |= reads_all || !agrees;
        }
        if !agrees {
            let line = "the index of this cluster does not agree with CouchDB: everything is read, and the index replaced";
            self.reporter.warn(line.to_owned()).await;
        }
        Ok(())
    }

    /// The store of the cluster, which is made if the cluster is large enough. `None`: no index.
    async fn begin_store(
        &self,
        settings: &IndexSettings,
        states: &DatabaseStates,
    ) -> Result<Option<Store>, Error> {
        if let Some(store) = self.made_store(settings).await? {
            return Ok(Some(store));
        }
        let documents = states.documents().await?;
        let documents = {
            let mut opened = self.index.opened_mut();
            opened.documents += documents;
            opened.documents
        };
        if documents < settings.from_documents {
            debug!(documents, "no index: the cluster is small");
            return Ok(None);
        }
        self.open_store(settings).await
    }

    /// The store of the cluster, if an earlier run has made it.
    async fn made_store(&self, settings: &IndexSettings) -> Result<Option<Store>, Error> {
        // Without a directory there is no need to ask which cluster it is.
        if !settings.directory.is_dir() {
            return Ok(None);
        }
        let identity = self.cluster.identity().await?;
        let server = self.cluster.url().await?.to_string();
        if Store::exists(&settings.directory, identity, &server) {
            self.open_store(settings).await
        } else {
            Ok(None)
        }
    }

    /// Opens the index for these databases, if an earlier run has made one. A command for one account reads too little to make it.
    pub(crate) async fn open_made_index(&self, databases: &[DatabaseName]) -> Result<(), Error> {
        let Some(settings) = &self.settings.index else {
            return Ok(());
        };
        match self.made_store(settings).await? {
            Some(_) => self.open_index(databases).await,
            None => Ok(()),
        }
    }

    /// Opens the index for all databases of the cluster. Files of others are deleted at the end. `may_ask_feed`: whether the run may
    /// believe the feed of updates, if its settings say so.
    pub(crate) async fn open_whole_index(
        &self,
        databases: Vec<DatabaseName>,
        may_ask_feed: bool,
    ) -> Result<(), Error> {
        let feed = match &self.settings.index {
            Some(settings) if may_ask_feed && settings.asks == IndexAsks::Feed => {
                self.made_store(settings).await?
            }
            _ => None,
        };
        self.open_with(&databases, feed).await?;
        self.index.opened_mut().all = Some(databases);
        Ok(())
    }

    /// Lets the next audit ask each database: CouchDB's feed may not have the writes of this run yet.
    pub(crate) async fn distrust_feed(&self, settings: &IndexSettings) {
        let store = match self.made_store(settings).await {
            Ok(Some(store)) => store,
            Ok(None) => return,
            Err(error) => return debug!(%error, "no states to forget"),
        };
        let forgotten = tokio::task::spawn_blocking(move || store.forget_states()).await;
        if let Ok(Err(error)) = forgotten {
            info!(%error, "cannot delete files of the index");
        }
    }

    async fn open_store(&self, settings: &IndexSettings) -> Result<Option<Store>, Error> {
        let identity = self.cluster.identity().await?.clone();
        let server = self.cluster.url().await?.to_string();
        let directory = settings.directory.clone();
        let open = move || Store::open(&directory, &identity, &server);
        Ok(match tokio::task::spawn_blocking(open).await {
            Ok(Ok(store)) => Some(store),
            Ok(Err(error)) => {
                info!(%error, directory = %settings.directory.display(), "no index: cannot use the directory");
                None
            }
            Err(_) => None,
        })
    }
}

impl ClusterIndex {
    fn opened(&self) -> RwLockReadGuard<'_, Opened> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened_mut(&self) -> RwLockWriteGuard<'_, Opened> {
        self.opened.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, and the state of a database. `None`: the run does not use the index for it.
    async fn state_of(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<(Store, DatabaseState)>, Error> {
        let (store, all) = {
            let opened = self.opened();
            (opened.store.clone(), opened.states.clone())
        };
        let Some(store) = store else {
            return Ok(None);
        };
        for states in all.iter().rev() {
            if let Some(state) = states.get(database).await? {
                return Ok(KnownDatabase::is_possible(&state).then_some((store, state)));
            }
        }
        Ok(None)
    }

    /// The known facts about a database, as of now. `None`: it must be read.
    pub(super) async fn known(
        &self,
        run: &Run,
        database: &DatabaseName,
    ) -> Result<Option<Box<KnownDatabase>>, Error> {
        let Some((store, state)) = self.state_of(database).await? else {
            return Ok(None);
        };
        match self.up_to_date(run, &store, database, &state).await {
            Ok(known) => Ok(known.map(Box::new)),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                debug!(%database, %error, "the index cannot be brought up to date");
                Ok(None)
            }
        }
    }

    /// Brings the stored facts about a database up to date. `None`: it must be read.
    async fn up_to_date(
        &self,
        run: &Run,
        store: &Store,
        database: &DatabaseName,
        state: &DatabaseState,
    ) -> Result<Option<KnownDatabase>, Error> {
        let (reads_all, now) = {
            let opened = self.opened();
            (opened.reads_all, opened.now)
        };
        if reads_all {
            return Ok(None);
        }
        let Some(mut known) = store.get(database) else {
            return Ok(None);
        };
        let is_old = now.saturating_sub(known.read_at()) > OLDEST.as_secs();
        if is_old || !known.may_continue_to(state) {
            debug!(%database, is_old, "read completely: the index is too old, or of another database");
            return Ok(None);
        }
        let is_at = known.is_at(state);
        if is_at && !known.agrees_with(state) {
            debug!(%database, "read completely: the server counts other documents");
            return Ok(None);
        }
        if is_at && known.has_size_of(state) {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(known));
        }
        let server = run.cluster.server(Some(database)).await?;
        if is_at {
            let witnesses = known.witnesses().changes();
            if !server.has_had(database, witnesses).await? {
                debug!(%database, "read completely: it is another copy of the database");
                return Ok(None);
            }
            known.set_reported(state);
            self.store(store, database, &known).await;
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(known));
        }
        let (mut count, mut since) = (0, known.witnesses().since().to_owned());
        let mut sought = Sought::new(known.witnesses());
        let (before, mut last_seen) = (known.seq_number(), LastSeen::new(&since));
        loop {
            let limit = run.settings.max_bulk_read;
            let page = server.changes(database, &since, limit).await?;
            run.reporter.read(database, page.changes.len());
            count += page.changes.len() as u64;
            sought.look_in(&page.changes);
            last_seen.extend(&page.changes);
            let is_last = page.is_last;
            since.clone_from(&page.last_seq);
            known.advance(database, page);
            if is_last {
                break;
            }
            if count * LARGEST_SHARE > state.documents.max(limit as u64) {
                debug!(%database, count, "read completely: most of it changed");
                return Ok(None);
            }
        }
        if before > known.seq_number() {
            debug!(%database, "read completely: its sequence went back");
            return Ok(None);
        }
        if !server.has_had(database, &sought.in_question()).await? {
            debug!(%database, "read completely: it is another copy of the database");
            return Ok(None);
        }
        let mut counted = Some(state.clone());
        if !known.is_as_of(state) {
            // It changed since the begin of the run.
            let names = std::slice::from_ref(database);
            counted = server.database_states(names).await?.remove(database);
        }
        known.set_witnesses(last_seen.into_witnesses());
        if !counted.is_some_and(|state| known.agrees_with(&state)) {
            debug!(%database, "read completely: the server counts other documents");
            return Ok(None);
        }
        known.set_reported(state);
        self.updated.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(count, Ordering::Relaxed);
        self.store(store, database, &known).await;
        Ok(Some(known))
    }

    /// A database before it is read completely: its state, and its last changes. `None`: they are unknown.
    pub(super) async fn begin(
        &self,
        run: &Run,
        database: &DatabaseName,
    ) -> Result<Option<Box<KnownDatabase>>, Error> {
        let Some((_, state)) = self.state_of(database).await? else {
            return Ok(None);
        };
        let server = run.cluster.server(Some(database)).await?;
        let mut known = KnownDatabase::begin(&state, self.opened().now);
        match server.last_changes(database, WITNESSES).await {
            Ok(last) => known.set_witnesses(Witnesses::new(last)),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                debug!(%database, %error, "not in the index: its last changes are unknown");
                return Ok(None);
            }
        }
        self.read.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::new(known)))
    }

    /// Stores the facts about a database that was read completely.
    pub(super) async fn learn(&self, database: &DatabaseName, known: &KnownDatabase) {
        let store = self.opened().store.clone();
        if let Some(store) = store {
            self.store(&store, database, known).await;
        }
    }

    /// Stores the facts about a database. Without room on the disk the old content stays.
    async fn store(&self, store: &Store, database: &DatabaseName, known: &KnownDatabase) {
        if self.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let packed = match Store::pack(database, known) {
            Ok(packed) => packed,
            Err(error) => return self.cannot_write(&error),
        };
        let (store, database) = (store.clone(), database.clone());
        let put = move || store.put(&database, &packed);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(put).await {
            self.cannot_write(&error);
        }
    }

    fn cannot_write(&self, error: &std::io::Error) {
        if !self.is_broken.swap(true, Ordering::Relaxed) {
            info!(%error, "cannot write the index");
        }
    }

    /// Ends the use of the index: forgets databases that exist no more. Returns the moment at which the run knew all databases; `None`
    /// without feeds of updates.
    pub(crate) async fn finish(&self) -> Option<ClusterMoment> {
        let (store, all, states, now) = {
            let mut opened = self.opened_mut();
            let states = std::mem::take(&mut opened.states);
            (opened.store.take(), opened.all.take(), states, opened.now)
        };
        let store = store?;
        info!(
            databases = states
                .iter()
                .map(|some| some.names().count())
                .sum::<usize>(),
            unchanged = self.unchanged.load(Ordering::Relaxed),
            updated = self.updated.load(Ordering::Relaxed),
            changes = self.changes.load(Ordering::Relaxed),
            read = self.read.load(Ordering::Relaxed),
            "index"
        );
        let all = all?;
        let keep = move || {
            let moments: Vec<_> = states.iter().map(|some| some.keep(&store, now)).collect();
            if let Err(error) = store.keep_only(&all) {
                info!(%error, "cannot delete files of the index");
            }
            // An audit opens the index once.
            moments.into_iter().next().flatten()
        };
        tokio::task::spawn_blocking(keep).await.ok().flatten()
    }

    /// Whether nothing changed in the cluster since a moment, according to feeds of updates.
    pub(crate) fn is_still_of(&self, moment: &ClusterMoment) -> bool {
        let opened = self.opened();
        let all = &opened.states;
        !opened.reads_all && !all.is_empty() && all.iter().all(|some| some.are_still_of(moment))
    }

    /// Whether the run believed a feed of updates.
    pub(crate) fn believed_feed(&self) -> bool {
        self.opened().states.iter().any(|some| some.believes_feed())
    }

    /// Whether facts came from the index.
    pub(crate) fn was_used(&self) -> bool {
        self.unchanged.load(Ordering::Relaxed) + self.updated.load(Ordering::Relaxed) > 0
    }
}

fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
