//! The states of a server's databases as of the last run that read the feed of updates (`_db_updates`), and the rules for trusting
//! the feed: it is written after the change, and loses what CouchDB has not written when a node stops.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use couchdb::{DatabaseState, DatabaseUpdates};
use document::DatabaseName;
use serde::{Deserialize, Serialize};

use super::known_database::number_of;

/// After this time each database is asked again, whatever the feed says.
const CHECKED_FOR: Duration = Duration::from_secs(60 * 60);

/// A feed that lost an update is not used for this time, unless the update comes.
const DISTRUSTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The states of a server's databases, and the sequence of the feed before they were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastStates {
    seq: String,
    feed_created: String,
    /// The time at which each database was asked, in seconds since 1970.
    checked_at: u64,
    states: BTreeMap<String, DatabaseState>,
    /// Databases that had changed when each was asked, and were not in the feed. Their updates may be on the way; until they come,
    /// each database is asked.
    missed: BTreeSet<String>,
    /// The time since which updates are missed, in seconds since 1970.
    missed_since: u64,
}

impl LastStates {
    /// The sequence of the feed after which updates are new.
    pub(crate) fn seq(&self) -> &str {
        &self.seq
    }

    /// The states that still hold after these updates. `None`: each database must be asked.
    pub(crate) fn still_hold(
        &self,
        updates: &DatabaseUpdates,
        now: u64,
    ) -> Option<HashMap<DatabaseName, DatabaseState>> {
        let is_recent = now.saturating_sub(self.checked_at) < CHECKED_FOR.as_secs();
        let is_same_feed = self.is_same_feed(updates);
        if !is_recent || !is_same_feed || self.still_missed(updates, now).next().is_some() {
            return None;
        }
        let states = self.states.iter().filter_map(|(name, state)| {
            let name = DatabaseName::new(name)?;
            (!updates.databases.contains(&name)).then(|| (name, state.clone()))
        });
        Some(states.collect())
    }

    fn is_same_feed(&self, updates: &DatabaseUpdates) -> bool {
        // An older CouchDB does not say when a database was created.
        !matches!(self.feed_created.as_str(), "" | "0") && self.feed_created == updates.feed_created
    }

    fn still_missed<'a>(
        &'a self,
        updates: &'a DatabaseUpdates,
        now: u64,
    ) -> impl Iterator<Item = &'a String> {
        let is_over = now.saturating_sub(self.missed_since) >= DISTRUSTED_FOR.as_secs();
        let missed = self.missed.iter().filter(move |_| !is_over);
        missed.filter(|name| !updates.databases.iter().any(|one| one.plain() == **name))
    }

    /// The states after a run. `states`: those that still hold, and those that the run asked for after it read the updates.
    /// `before`: the states of the run before. `asked_each`: whether each database was asked.
    pub(crate) fn after(
        before: Option<&Self>,
        updates: &DatabaseUpdates,
        states: &HashMap<DatabaseName, DatabaseState>,
        asked_each: bool,
        now: u64,
    ) -> Self {
        let mut missed = BTreeSet::new();
        if let Some(before) = before.filter(|before| before.is_same_feed(updates)) {
            missed.extend(before.still_missed(updates, now).cloned());
            if asked_each {
                let is_missed = |(name, state): &(&DatabaseName, &DatabaseState)| {
                    let earlier = before.states.get(name.plain());
                    !updates.databases.contains(*name)
                        && earlier.is_some_and(|earlier| has_changed(earlier, state))
                };
                let new = states.iter().filter(is_missed);
                missed.extend(new.map(|(name, _)| name.plain().to_owned()));
            }
        }
        let began = before.filter(|before| !before.missed.is_empty());
        let asked_at = before.filter(|_| !asked_each);
        Self {
            seq: updates.last_seq.clone(),
            feed_created: updates.feed_created.clone(),
            checked_at: asked_at.map_or(now, |before| before.checked_at),
            states: states
                .iter()
                .map(|(name, state)| (name.plain().to_owned(), state.clone()))
                .collect(),
            missed_since: began.map_or(now, |before| before.missed_since),
            missed,
        }
    }
}

/// Whether a database certainly changed between two states. Its sequence says less: it differs from node to node.
fn has_changed(before: &DatabaseState, after: &DatabaseState) -> bool {
    before.documents != after.documents
        || before.external_size != after.external_size
        || before.instance_start_time != after.instance_start_time
        || number_of(&before.purge_seq) != number_of(&after.purge_seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;
    const HOUR: u64 = 60 * 60;

    fn name(name: &str) -> DatabaseName {
        DatabaseName::new(name).unwrap()
    }

    fn updates(databases: &[&str], feed_created: &str) -> DatabaseUpdates {
        DatabaseUpdates {
            databases: databases.iter().map(|one| name(one)).collect(),
            last_seq: "2-a".to_owned(),
            feed_created: feed_created.to_owned(),
        }
    }

    fn states(documents: &[(&str, u64)]) -> HashMap<DatabaseName, DatabaseState> {
        let state = |documents| DatabaseState {
            update_seq: "9-a".to_owned(),
            purge_seq: "0".to_owned(),
            instance_start_time: "5".to_owned(),
            documents,
            external_size: 0,
        };
        let all = documents.iter();
        all.map(|(one, count)| (name(one), state(*count))).collect()
    }

    /// The names of the databases that need not be asked.
    fn held(last: &LastStates, updates: &DatabaseUpdates, now: u64) -> Option<Vec<String>> {
        let held = last.still_hold(updates, now)?;
        let mut names: Vec<_> = held
            .into_keys()
            .map(|name| name.plain().to_owned())
            .collect();
        names.sort();
        Some(names)
    }

    #[test]
    fn databases_in_the_feed_are_asked() {
        let first = updates(&[], "7");
        let last = LastStates::after(None, &first, &states(&[("a", 1), ("b", 1)]), true, NOW);
        let both = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(held(&last, &updates(&[], "7"), NOW), both);
        let one = Some(vec!["b".to_owned()]);
        assert_eq!(held(&last, &updates(&["a", "c"], "7"), NOW), one);
        // Made again, or of an unknown age.
        assert_eq!(held(&last, &updates(&[], "8"), NOW), None);
        let unknown = updates(&[], "0");
        let last = LastStates::after(None, &unknown, &states(&[("a", 1)]), true, NOW);
        assert_eq!(held(&last, &unknown, NOW), None);
    }

    #[test]
    fn each_database_is_asked_every_hour() {
        let none = updates(&[], "7");
        let first = LastStates::after(None, &none, &states(&[("a", 1)]), true, NOW);
        assert!(held(&first, &none, NOW + HOUR - 1).is_some());
        assert!(held(&first, &none, NOW + HOUR).is_none());
        let later = NOW + HOUR - 1;
        let next = LastStates::after(Some(&first), &none, &states(&[("a", 1)]), false, later);
        assert!(held(&next, &none, NOW + HOUR).is_none());
        let next = LastStates::after(Some(&first), &none, &states(&[("a", 1)]), true, later);
        assert!(held(&next, &none, NOW + HOUR).is_some());
    }

    #[test]
    fn feed_that_lost_an_update_is_not_used() {
        let none = updates(&[], "7");
        let first = LastStates::after(None, &none, &states(&[("a", 1), ("b", 1)]), true, NOW);
        let now = NOW + HOUR;
        let changed = states(&[("a", 2), ("b", 1)]);
        let missed = LastStates::after(Some(&first), &none, &changed, true, now);
        assert_eq!(held(&missed, &none, now + 10), None);
        assert_eq!(held(&missed, &updates(&["b"], "7"), now + 10), None);
        // It was only late.
        let late = updates(&["a"], "7");
        assert_eq!(held(&missed, &late, now + 10), Some(vec!["b".to_owned()]));
        let found = LastStates::after(Some(&missed), &late, &changed, false, now + 10);
        assert!(held(&found, &none, now + 20).is_some());
        // It does not come for a day.
        let again = LastStates::after(Some(&missed), &none, &changed, true, now + 23 * HOUR);
        assert_eq!(held(&again, &none, now + 24 * HOUR - 1), None);
        let next_day = now + 24 * HOUR;
        let again = LastStates::after(Some(&again), &none, &changed, true, next_day);
        assert!(held(&again, &none, next_day).is_some());
    }
}
