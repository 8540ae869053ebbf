//! The states of the databases that a run with an index looks at.
//!
//! A group is asked for when the first of its databases is needed, right before their changes are read: CouchDB opens the files of a
//! database for either question, and in a large cluster it closes them again in between.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::future::try_join_all;
use tokio::sync::OnceCell;
use tracing::{debug, info};

use super::run::Run;
use crate::index::{LastStates, Store};
use crate::kazoo::DatabaseName;
use couchdb::{DATABASES_AT_ONCE, DatabaseState, DatabaseUpdates, Error, Server};

/// The databases of a group: some requests, which CouchDB works on at the same time.
const GROUP: usize = 4 * DATABASES_AT_ONCE;

/// The states of databases, from the moment at which the run begins to look at them.
#[derive(Default)]
pub(super) struct DatabaseStates {
    groups: Vec<StateGroup>,
    /// The places of databases in `groups`.
    places: HashMap<DatabaseName, usize>,
    /// The states that still hold, according to feeds of updates.
    held: HashMap<DatabaseName, DatabaseState>,
    feeds: Vec<Feed>,
}

/// Databases of one server whose states are asked for together.
struct StateGroup {
    server: Arc<Server>,
    databases: Vec<DatabaseName>,
    /// `None`: the server does not report them.
    answer: OnceCell<Option<HashMap<DatabaseName, DatabaseState>>>,
}

/// The answer of a server's feed at the begin of the run.
struct Feed {
    server: String,
    databases: Vec<DatabaseName>,
    last: Option<LastStates>,
    updates: DatabaseUpdates,
    asks_each: bool,
}

/// The moment at which a run that asked the feeds of updates knew all databases of the cluster: the sequences of the feeds by server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterMoment {
    feeds: BTreeMap<String, String>,
    databases: Vec<DatabaseName>,
}

impl StateGroup {
    async fn answer(&self) -> Result<Option<&HashMap<DatabaseName, DatabaseState>>, Error> {
        let ask = || async {
            match self.server.database_states(&self.databases).await {
                Ok(states) => Ok(Some(states)),
                Err(error) if error.is_fatal() => Err(error),
                Err(error) => {
                    debug!(%error, "no index: the server does not report sequences");
                    Ok(None)
                }
            }
        };
        self.answer.get_or_try_init(ask).await.map(Option::as_ref)
    }
}

impl DatabaseStates {
    /// The databases.
    pub(super) fn names(&self) -> impl Iterator<Item = &DatabaseName> {
        self.held.keys().chain(self.places.keys())
    }

    /// Whether a feed of updates says that states still hold.
    pub(super) fn believes_feed(&self) -> bool {
        !self.held.is_empty()
    }

    /// The state of a database. `None`: it is not among these, or the server does not report it.
    pub(super) async fn get(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<DatabaseState>, Error> {
        if let Some(state) = self.held.get(database) {
            return Ok(Some(state.clone()));
        }
        let place = self.places.get(database);
        let Some(group) = place.and_then(|place| self.groups.get(*place)) else {
            return Ok(None);
        };
        let answer = group.answer().await?;
        Ok(answer.and_then(|states| states.get(database)).cloned())
    }

    /// Asks for the first group, which will be needed first.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        if let Some(group) = self.groups.first() {
            group.answer().await?;
        }
        Ok(())
    }

    /// The number of documents in all databases. Asks for every state.
    pub(super) async fn documents(&self) -> Result<u64, Error> {
        let asked = self.groups.iter().map(StateGroup::answer);
        let answers = try_join_all(asked).await?;
        let states = answers.into_iter().flatten().flat_map(HashMap::values);
        let all = states.chain(self.held.values());
        Ok(all.map(|state| state.documents).sum())
    }

    /// Whether nothing changed since a moment, and no other run stored states since.
    pub(super) fn are_still_of(&self, moment: &ClusterMoment) -> bool {
        let last = self.feeds.iter().filter(|feed| !feed.asks_each);
        let last = last.filter_map(|feed| {
            let seq = feed.last.as_ref()?.seq();
            Some((feed.server.clone(), seq.to_owned()))
        });
        self.places.is_empty()
            && last.collect::<BTreeMap<_, _>>() == moment.feeds
            && self.databases_of_feeds() == moment.databases
    }

    fn databases_of_feeds(&self) -> Vec<DatabaseName> {
        let all = self.feeds.iter().flat_map(|feed| &feed.databases);
        all.cloned().collect()
    }

    /// Stores the states for the next run that reads the feed. Returns the moment of which they are; `None` if some are unknown.
    pub(super) fn keep(&self, store: &Store, now: u64) -> Option<ClusterMoment> {
        let mut is_whole = true;
        let mut feeds = BTreeMap::new();
        for feed in &self.feeds {
            let state = |name: &DatabaseName| {
                let asked = || {
                    let group = self.groups.get(*self.places.get(name)?)?;
                    group.answer.get()?.as_ref()?.get(name)
                };
                let state = self.held.get(name).or_else(asked)?;
                Some((name.clone(), state.clone()))
            };
            let states: HashMap<_, _> = feed.databases.iter().filter_map(state).collect();
            let last = feed.last.as_ref();
            let next = LastStates::after(last, &feed.updates, &states, feed.asks_each, now);
            is_whole &= states.len() == feed.databases.len();
            feeds.insert(feed.server.clone(), next.seq().to_owned());
            if let Err(error) = store.put_states(&feed.server, &next) {
                info!(%error, "cannot write the index");
                is_whole = false;
            }
        }
        let databases = self.databases_of_feeds();
        let is_whole = is_whole && databases.len() == self.names().count();
        (is_whole && !feeds.is_empty()).then_some(ClusterMoment { feeds, databases })
    }
}

impl Run {
    /// Begins to look at databases. `feed`: the store with the last states, if the run may believe the feed of updates.
    pub(super) async fn look_at(
        &self,
        databases: &[DatabaseName],
        feed: Option<&Store>,
        now: u64,
    ) -> Result<DatabaseStates, Error> {
        let mut all = DatabaseStates::default();
        for (server, mut databases) in self.by_server(databases).await? {
            if let Some(store) = feed
                && let Some((feed, held)) = feed_of(&server, &databases, store, now).await?
            {
                databases.retain(|name| !held.contains_key(name));
                all.feeds.push(feed);
                all.held.extend(held);
            }
            for some in databases.chunks(GROUP) {
                let place = all.groups.len();
                all.places
                    .extend(some.iter().map(|name| (name.clone(), place)));
                all.groups.push(StateGroup {
                    server: server.clone(),
                    databases: some.to_vec(),
                    answer: OnceCell::new(),
                });
            }
        }
        Ok(all)
    }

    /// The states of databases, on all servers of the cluster, as of now.
    pub(crate) async fn states_of(
        &self,
        databases: &[DatabaseName],
    ) -> Result<HashMap<DatabaseName, DatabaseState>, Error> {
        let by_server = self.by_server(databases).await?;
        let asked = by_server
            .iter()
            .map(|(server, names)| server.database_states(names));
        let answers = try_join_all(asked).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn by_server(
        &self,
        databases: &[DatabaseName],
    ) -> Result<Vec<(Arc<Server>, Vec<DatabaseName>)>, Error> {
        let mut all: Vec<(Arc<Server>, Vec<DatabaseName>)> = Vec::new();
        for database in databases {
            let server = self.cluster.server(Some(database)).await?;
            let of = |(other, _): &&mut (Arc<Server>, _)| other.url() == server.url();
            match all.iter_mut().find(of) {
                Some((_, names)) => names.push(database.clone()),
                None => all.push((server, vec![database.clone()])),
            }
        }
        Ok(all)
    }
}

/// The feed of a server, and the states that still hold according to it. `None`: the server has no feed, or this user may not read it.
async fn feed_of(
    server: &Server,
    databases: &[DatabaseName],
    store: &Store,
    now: u64,
) -> Result<Option<(Feed, HashMap<DatabaseName, DatabaseState>)>, Error> {
    let url = server.url().to_string();
    let mut last = store.states(&url);
    let since = last.as_ref().map(LastStates::seq);
    let updates = match server.database_updates(since).await {
        Err(error) if last.is_some() && !error.is_fatal() => {
            debug!(%error, "the feed of updates does not go on");
            last = None;
            server.database_updates(None).await
        }
        answer => answer,
    };
    let updates = match updates {
        Ok(updates) => updates,
        Err(error) if error.is_fatal() => return Err(error),
        Err(error) => {
            debug!(%error, "no feed of updates: each database is asked");
            return Ok(None);
        }
    };
    let holds = last
        .as_ref()
        .and_then(|last| last.still_hold(&updates, now));
    let asks_each = holds.is_none();
    let mut held = holds.unwrap_or_default();
    let wanted: HashSet<_> = databases.iter().collect();
    held.retain(|name, _| wanted.contains(name));
    debug!(
        asks_each,
        updates = updates.databases.len(),
        held = held.len(),
        "feed of updates"
    );
    let feed = Feed {
        server: url,
        databases: databases.to_vec(),
        last,
        updates,
        asks_each,
    };
    Ok(Some((feed, held)))
}
