//! An entry of the lock's document, readable or not, and watching it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use super::holder::{Holder, rfc3339};

/// For how long an entry that cannot be read must stay as it is until it is removed.
pub(super) const LEASE_OF_UNREADABLE: Duration = Duration::from_secs(90);

/// One entry of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A run's.
    Holder(Box<Holder>),
    /// One that this version cannot read: its JSON text. It excludes every run.
    Unreadable(Box<str>),
}

impl Entry {
    pub(super) fn parse(json: &str) -> Self {
        serde_json::from_str(json).map_or_else(|_| Self::Unreadable(json.into()), Self::Holder)
    }

    /// The part that two versions of an entry share.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Holder(holder) => &holder.run,
            Self::Unreadable(json) => json,
        }
    }

    pub(super) fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Holder(holder) => Some(holder),
            Self::Unreadable(_) => None,
        }
    }

    /// The id of its run, if it can be read.
    pub(crate) fn run(&self) -> Option<String> {
        self.holder()
            .map(|holder| super::holder::plain(&holder.run))
    }

    /// For how long it must stay as it is to count as dead.
    pub fn lease(&self) -> Duration {
        match self {
            Self::Holder(holder) => holder.lease(),
            Self::Unreadable(_) => LEASE_OF_UNREADABLE,
        }
    }

    /// Whether a run must not start while this entry lives.
    pub(super) fn excludes(&self, me: &Holder) -> bool {
        self.holder()
            .is_none_or(|holder| holder.scope.excludes(me.scope))
    }

    /// Whether the server's clock gives a reason to believe that its run died.
    pub fn looks_dead(&self, now: SystemTime) -> bool {
        self.holder().is_none_or(|holder| holder.looks_dead(now))
    }

    /// When it expires if it does not say again that it lives, for people; empty where the time is not known.
    pub fn expires(&self) -> String {
        self.holder().map(Holder::expires).unwrap_or_default()
    }

    /// `, last renewed at 2026-11-24T03:00:00Z`, for people; empty where the time is not known.
    pub fn last_seen(&self) -> String {
        let since = |holder: &Holder| format!(", last renewed at {}", rfc3339(holder.renewed));
        self.holder().map(since).unwrap_or_default()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holder(holder) => holder.fmt(f),
            Self::Unreadable(_) => {
                f.write_str("an entry of the lock that this version cannot read")
            }
        }
    }
}

impl Entry {
    pub(super) fn json(&self) -> String {
        match self {
            Self::Holder(holder) => holder.json(),
            Self::Unreadable(json) => json.to_string(),
        }
    }
}

/// Since when a run sees entries unchanged, on its own monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct Watch(Vec<Seen>);

#[derive(Clone, Debug)]
struct Seen {
    entry: Entry,
    since: Instant,
    changed: bool,
}

impl Watch {
    /// Notes the entries that were read at this moment. One that changed starts from here, one that is gone is forgotten.
    pub fn see<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>, at: Instant) {
        let seen = entries.map(|entry| match self.of(entry) {
            Some(known) => known.clone(),
            None => Seen {
                entry: entry.clone(),
                since: at,
                changed: self.0.iter().any(|seen| seen.entry.key() == entry.key()),
            },
        });
        self.0 = seen.collect();
    }

    /// The entries that it saw, since when, and whether they had changed then, for the state of a checker.
    #[cfg(test)]
    pub(super) fn seen(&self) -> impl Iterator<Item = (&Entry, Instant, bool)> {
        let seen = self.0.iter();
        seen.map(|seen| (&seen.entry, seen.since, seen.changed))
    }

    fn of(&self, entry: &Entry) -> Option<&Seen> {
        self.0.iter().find(|seen| seen.entry == *entry)
    }

    /// Whether it was seen unchanged for its whole lease.
    pub(super) fn is_dead(&self, entry: &Entry, at: Instant) -> bool {
        self.of(entry)
            .is_some_and(|seen| at.saturating_duration_since(seen.since) > entry.lease())
    }

    /// Whether it was seen to change.
    pub(super) fn has_changed(&self, entry: &Entry) -> bool {
        self.of(entry).is_some_and(|seen| seen.changed)
    }
}
