//! The index of a run's cluster: the facts of earlier runs, brought up to date.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rand::RngExt as _;
use tracing::{debug, info};

use super::run::Run;
use super::settings::IndexSettings;
use crate::index::{KnownDatabase, Store, WITNESSES};
use crate::kazoo::DatabaseName;
use couchdb::{DatabaseState, Error, Found, Revised};

/// A database is read completely after this time, even if everything agrees.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The databases of which a sample is compared at the begin of a run, and the documents of each.
const SAMPLED: usize = 4;
const SAMPLE: usize = 25;

/// Reading all documents is cheaper than changes that are more than this share of them.
const LARGEST_SHARE: u64 = 2;

/// The index of a run's cluster.
pub(crate) struct ClusterIndex {
    store: Store,
    /// The states of the databases at the begin of the run.
    pub(super) states: HashMap<DatabaseName, DatabaseState>,
    /// All databases of the cluster, if the run reads all.
    all: Option<Vec<DatabaseName>>,
    /// Whether all is read, whatever the index says.
    reads_all: bool,
    /// Seconds since 1970.
    now: u64,
    /// Whether the store could not be written.
    is_broken: AtomicBool,
    unchanged: AtomicU64,
    updated: AtomicU64,
    changes: AtomicU64,
    read: AtomicU64,
}

impl Run {
    /// Opens the index for these databases, if the run may use one and they are large enough. A run without an index reads all
    /// documents. `are_all`: the cluster has no other databases.
    pub(crate) async fn open_index(
        &self,
        databases: &[DatabaseName],
        are_all: bool,
    ) -> Result<Option<ClusterIndex>, Error> {
        let Some(settings) = &self.settings.index else {
            return Ok(None);
        };
        let states = match self.states_of(databases).await {
            Ok(states) => states,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                debug!(%error, "no index: the server does not report sequences");
                return Ok(None);
            }
        };
        let documents: u64 = states.values().map(|state| state.documents).sum();
        if documents < settings.from_documents {
            debug!(documents, "no index: the cluster is small");
            return Ok(None);
        }
        let store = self.open_store(settings).await?;
        let Some(store) = store else {
            return Ok(None);
        };
        let mut index = ClusterIndex {
            store,
            states,
            all: are_all.then(|| databases.to_vec()),
            reads_all: settings.reads_all,
            now: seconds_now(),
            is_broken: AtomicBool::new(false),
            unchanged: AtomicU64::new(0),
            updated: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            read: AtomicU64::new(0),
        };
        if !index.reads_all && !self.sample_agrees(&index).await? {
            let line = "the index of this cluster does not agree with CouchDB: everything is read, and the index replaced";
            self.reporter.warn(line.to_owned()).await;
            index.reads_all = true;
        }
        Ok(Some(index))
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

    /// The states of databases, on all servers of the cluster.
    pub(crate) async fn states_of(
        &self,
        databases: &[DatabaseName],
    ) -> Result<HashMap<DatabaseName, DatabaseState>, Error> {
        let mut by_server: HashMap<String, (Arc<couchdb::Server>, Vec<DatabaseName>)> =
            HashMap::new();
        for database in databases {
            let server = self.cluster.server(Some(database)).await?;
            let key = server.url().to_string();
            let (_, names) = by_server.entry(key).or_insert((server, Vec::new()));
            names.push(database.clone());
        }
        let asked = by_server
            .values()
            .map(|(server, names)| server.database_states(names));
        let mut states = HashMap::new();
        for answer in futures::future::try_join_all(asked).await? {
            states.extend(answer);
        }
        Ok(states)
    }

    /// Compares a random sample of the documents in unchanged databases with the index.
    async fn sample_agrees(&self, index: &ClusterIndex) -> Result<bool, Error> {
        let mut names: Vec<&DatabaseName> = index.states.keys().collect();
        let mut sampled = 0;
        while sampled < SAMPLED && !names.is_empty() {
            let place = rand::rng().random_range(0..names.len());
            let database = names.swap_remove(place);
            let (Some(known), Some(state)) =
                (index.store.get(database), index.states.get(database))
            else {
                continue;
            };
            if !known.is_at(state) {
                continue;
            }
            sampled += 1;
            let places: Vec<usize> = (0..SAMPLE)
                .map(|_| rand::rng().random_range(0..usize::MAX))
                .collect();
            let wanted = known.revisions_at(&places);
            let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
            if ids.is_empty() {
                continue;
            }
            let found = match self.revisions(database, &ids).await {
                Ok(found) => found,
                Err(error) if error.is_fatal() => return Err(error),
                // Reading it will report that.
                Err(_) => continue,
            };
            let agrees = wanted.iter().zip(&found).all(|((_, rev), found)| {
                matches!(found, Found::Present(Revised { rev: now, .. }) if now == rev)
            });
            if !agrees {
                // Another writer may have changed them just now; then the sequence moved, too.
                let now = self.states_of(std::slice::from_ref(database)).await?;
                if now.get(database).is_some_and(|state| known.is_at(state)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl ClusterIndex {
    /// The known facts about a database, as of now. `None`: it must be read completely.
    pub(super) async fn bring_up_to_date(
        &self,
        run: &Run,
        database: &DatabaseName,
        state: &DatabaseState,
    ) -> Result<Option<KnownDatabase>, Error> {
        if self.reads_all {
            return Ok(None);
        }
        let Some(mut known) = self.store.get(database) else {
            return Ok(None);
        };
        let is_old = self.now.saturating_sub(known.read_at()) > OLDEST.as_secs();
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
        if !server.has_had(database, known.witnesses()).await? {
            debug!(%database, "read completely: it is another copy of the database");
            return Ok(None);
        }
        if is_at {
            known.set_reported(state);
            self.learn(database, &known).await;
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(known));
        }
        let mut count = 0;
        loop {
            let limit = run.settings.max_bulk_read;
            let page = server.changes(database, known.since(), limit).await?;
            run.reporter.read(database, page.changes.len());
            count += page.changes.len() as u64;
            if known.is_after(&page.last_seq) {
                debug!(%database, "read completely: its sequence went back");
                return Ok(None);
            }
            let last = page.changes.iter().rev().take(WITNESSES).rev();
            let last = last
                .map(|change| (change.id.clone(), change.rev.clone()))
                .collect();
            for change in &page.changes {
                known.apply(database, &change.id, change.document.as_ref());
            }
            known.advance(page.last_seq, last);
            if page.is_last {
                break;
            }
            if count * LARGEST_SHARE > state.documents.max(limit as u64) {
                debug!(%database, count, "read completely: most of it changed");
                return Ok(None);
            }
        }
        let mut counted = Some(state.clone());
        if !known.is_as_of(state) {
            // It changed since the begin of the run.
            let names = std::slice::from_ref(database);
            counted = server.database_states(names).await?.remove(database);
        }
        if !counted.is_some_and(|state| known.agrees_with(&state)) {
            debug!(%database, "read completely: the server counts other documents");
            return Ok(None);
        }
        known.set_reported(state);
        self.updated.fetch_add(1, Ordering::Relaxed);
        self.changes.fetch_add(count, Ordering::Relaxed);
        self.learn(database, &known).await;
        Ok(Some(known))
    }

    /// A database before it is read completely: its state, and its last changes. `None`: they are unknown.
    pub(super) async fn begin(
        &self,
        run: &Run,
        database: &DatabaseName,
        state: &DatabaseState,
    ) -> Result<Option<Box<KnownDatabase>>, Error> {
        let server = run.cluster.server(Some(database)).await?;
        let mut known = KnownDatabase::begin(state, self.now);
        match server.last_changes(database, WITNESSES).await {
            Ok(last) => known.advance(state.update_seq.clone(), last),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                debug!(%database, %error, "not in the index: its last changes are unknown");
                return Ok(None);
            }
        }
        self.read.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::new(known)))
    }

    /// Stores the facts about a database. Without room on the disk the old content stays.
    pub(super) async fn learn(&self, database: &DatabaseName, known: &KnownDatabase) {
        if self.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let packed = match Store::pack(database, known) {
            Ok(packed) => packed,
            Err(error) => return self.cannot_write(&error),
        };
        let (store, database) = (self.store.clone(), database.clone());
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

    /// Ends the use of the index: forgets databases that exist no more.
    pub(crate) async fn finish(&self) {
        info!(
            databases = self.states.len(),
            unchanged = self.unchanged.load(Ordering::Relaxed),
            updated = self.updated.load(Ordering::Relaxed),
            changes = self.changes.load(Ordering::Relaxed),
            read = self.read.load(Ordering::Relaxed),
            "index"
        );
        let Some(all) = self.all.clone() else {
            return;
        };
        let store = self.store.clone();
        let keep = move || store.keep_only(&all);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(keep).await {
            info!(%error, "cannot delete files of the index");
        }
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
