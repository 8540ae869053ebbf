//! Which cluster-wide runs write to a cluster at this moment: one document, written with its
//! revision, so that no two runs can both take what excludes the other.
//!
//! Each cluster-wide run that writes has a [`Holder`] in it, and renews it while it lives. An entry
//! that was not renewed for its lease belongs to a run that died, and the next run removes it. Runs
//! for one account or for given numbers have no entry. Moments are the server's, from the `Date` of
//! its answers: the clocks of Kazoo nodes differ.
//!
//! Everything here is pure; `run::lock` reads and writes.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::command::Scope;

/// The database that holds the document: Kazoo's own for background tasks. A database of our own
/// would be one that Kazoo cannot classify, and it logs a stack trace each time it meets one.
pub const DATABASE: &str = "tasks";

/// The document's id.
pub const DOCUMENT: &str = "kazoo_numbers_maintenance";

/// The document's `pvt_type`: Kazoo's views in that database look at those of its tasks alone.
const TYPE: &str = "numbers_maintenance_lock";

/// The database that held the document in version 0.1, under the id [`FORMER_DOCUMENT`].
pub const FORMER_DATABASE: &str = "kazoo_numbers_maintenance";

/// The document's id in version 0.1.
pub const FORMER_DOCUMENT: &str = "lock";

/// The longest command line that an entry carries; a list of numbers can be very long.
const LONGEST: usize = 120;

/// What a run does about the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// It neither takes it nor looks.
    #[default]
    Off,
    /// It takes it, or is refused.
    Refuse,
    /// It takes it, or waits until it can.
    Wait,
}

/// A run that writes, or one that did and died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// An id of this run alone.
    pub run: String,
    /// The function and its arguments, not endless.
    pub command: String,
    /// Who runs it.
    pub who: String,
    /// Where it runs: a node, or a process of a machine.
    pub place: String,
    /// How much it may change.
    pub scope: Scope,
    /// When it took the lock.
    #[serde(with = "moment")]
    pub since: SystemTime,
    /// When it last said that it lives.
    #[serde(with = "moment")]
    pub renewed: SystemTime,
    /// After how many seconds of silence it counts as dead.
    pub lease_seconds: u64,
}

impl Holder {
    /// A run that is about to take the lock.
    pub fn new(command: &str, who: &str, place: &str, scope: Scope, lease: Duration) -> Self {
        let mut line: String = command.chars().take(LONGEST).collect();
        if line.len() < command.len() {
            line.push_str("...");
        }
        Self {
            run: format!("{:016x}", rand::random::<u64>()),
            command: line,
            who: who.to_owned(),
            place: place.to_owned(),
            scope,
            since: SystemTime::UNIX_EPOCH,
            renewed: SystemTime::UNIX_EPOCH,
            // The server's dates are whole seconds.
            lease_seconds: lease.as_secs().max(1),
        }
    }

    /// Whether it has been silent for longer than its lease. A moment as far in the future is of a
    /// clock that was wrong, and would keep everybody out until then.
    fn is_dead(&self, now: SystemTime) -> bool {
        let away = now
            .duration_since(self.renewed)
            .unwrap_or_else(|ahead| ahead.duration());
        away > Duration::from_secs(self.lease_seconds)
    }

    /// When its lock expires if it does not say again that it lives, for people.
    pub fn expires(&self) -> impl fmt::Display + use<> {
        let lease = Duration::from_secs(self.lease_seconds);
        humantime::format_rfc3339_seconds(self.renewed.checked_add(lease).unwrap_or(self.renewed))
    }

    /// When it last said that it lives, for people.
    pub fn last_seen(&self) -> impl fmt::Display + use<> {
        humantime::format_rfc3339_seconds(self.renewed)
    }
}

/// `purge_deleted by ann on kazoo@a has been running since 2026-11-24T03:00:00Z`
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It was written by another program: nothing of it steers the terminal.
        let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
        write!(f, "{}", plain(&self.command))?;
        if !self.who.is_empty() {
            write!(f, " by {}", plain(&self.who))?;
        }
        if !self.place.is_empty() {
            write!(f, " on {}", plain(&self.place))?;
        }
        let since = humantime::format_rfc3339_seconds(self.since);
        write!(f, " has been running since {since}")
    }
}

/// The content of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    holders: Vec<Holder>,
}

/// What the document means for a run that would take the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has it.
    Held,
    /// It may take it.
    Free {
        /// What is to be written then.
        with: Holders,
        /// Dead runs that are no longer in it.
        dead: Vec<Holder>,
    },
    /// This one excludes it.
    Taken(Box<Holder>),
}

impl Holders {
    /// Reads the document.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The document without its revision.
    pub fn document(&self) -> serde_json::Value {
        serde_json::json!({"_id": DOCUMENT, "pvt_type": TYPE, "holders": self.holders})
    }

    /// All entries, those of dead runs too.
    pub fn iter(&self) -> impl Iterator<Item = &Holder> {
        self.holders.iter()
    }

    /// Those that live.
    pub fn living(&self, now: SystemTime) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |one| !one.is_dead(now))
    }

    /// The entry that excludes a run, if there is one.
    pub fn excluding(&self, me: &Holder, now: SystemTime) -> Option<&Holder> {
        self.living(now)
            .find(|one| one.run != me.run && one.scope.excludes(me.scope))
    }

    /// Whether a run may go on.
    pub fn judge(&self, me: &Holder, now: SystemTime) -> Verdict {
        if self.holders.iter().any(|one| one.run == me.run) {
            return Verdict::Held;
        }
        let (dead, mut living): (Vec<Holder>, Vec<Holder>) = self
            .holders
            .iter()
            .cloned()
            .partition(|one| one.is_dead(now));
        if let Some(other) = self.excluding(me, now) {
            return Verdict::Taken(Box::new(other.clone()));
        }
        living.push(Holder {
            since: now,
            renewed: now,
            ..me.clone()
        });
        Verdict::Free {
            with: Self { holders: living },
            dead,
        }
    }

    /// With this run's entry renewed; None: it is no longer in it.
    pub fn renewed(&self, run: &str, now: SystemTime) -> Option<Self> {
        let mut all = self.clone();
        all.holders.iter_mut().find(|one| one.run == run)?.renewed = now;
        Some(all)
    }

    /// Without this run's entry; None: it is no longer in it.
    pub fn without(&self, run: &str) -> Option<Self> {
        let mut all = self.clone();
        all.holders.retain(|one| one.run != run);
        (all.holders.len() < self.holders.len()).then_some(all)
    }
}

/// A moment as people read it (RFC 3339), to the second.
mod moment {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_seconds(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
    }

    fn holder(scope: Scope) -> Holder {
        Holder::new("purge_deleted", "ann", "a", scope, Duration::from_secs(60))
    }

    fn taken(holders: &Holders, me: &Holder, now: SystemTime) -> Holders {
        match holders.judge(me, now) {
            Verdict::Free { with, .. } => with,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cluster_wide_runs_exclude_each_other_and_nothing_else() {
        let (one, two) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        // Version 0.1 made entries of this scope, too.
        let (three, four) = (holder(Scope::Shared), holder(Scope::Shared));
        let empty = Holders::default();
        let exclusive = taken(&empty, &one, at(0));
        assert_eq!(exclusive.judge(&one, at(1)), Verdict::Held);
        match exclusive.judge(&two, at(60)) {
            Verdict::Taken(by) => assert_eq!(by.run, one.run),
            free => panic!("{free:?}"),
        }
        assert_eq!(taken(&exclusive, &three, at(1)).iter().count(), 2);
        let shared = taken(&taken(&empty, &three, at(0)), &four, at(0));
        assert_eq!(taken(&shared, &one, at(1)).iter().count(), 3);
        assert_eq!(exclusive.without(&one.run), Some(empty));
        assert_eq!(exclusive.without(&two.run), None);
    }

    #[test]
    fn who_is_silent_for_longer_than_its_lease_is_dead() {
        let (dead, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let holders = taken(&Holders::default(), &dead, at(100));
        assert!(matches!(holders.judge(&me, at(160)), Verdict::Taken(_)));
        match holders.judge(&me, at(161)) {
            Verdict::Free { with, dead: gone } => {
                assert_eq!(gone[0].run, dead.run);
                assert_eq!(
                    with.iter().map(|one| &one.run).collect::<Vec<_>>(),
                    [&me.run]
                );
            }
            other => panic!("{other:?}"),
        }
        let renewed = holders.renewed(&dead.run, at(150)).unwrap();
        assert!(matches!(renewed.judge(&me, at(161)), Verdict::Taken(_)));
        assert_eq!(renewed.renewed(&me.run, at(150)), None);
    }

    #[test]
    fn a_moment_far_in_the_future_keeps_nobody_out() {
        let (wrong, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let holders = taken(&Holders::default(), &wrong, at(10_000));
        assert!(matches!(holders.judge(&me, at(9_970)), Verdict::Taken(_)));
        assert!(matches!(holders.judge(&me, at(0)), Verdict::Free { .. }));
    }

    #[test]
    fn the_document_reads_back_and_is_for_people_too() {
        let long = "fix_numbers ".repeat(50);
        let me = Holder::new(&long, "ann", "a", Scope::Shared, Duration::from_secs(60));
        let holders = taken(&Holders::default(), &me, at(0));
        let text = holders.document().to_string();
        assert_eq!(Holders::parse(&text).unwrap(), holders);
        assert!(text.contains(r#""since":"2026-09-21T"#), "{text}");
        assert!(text.len() < 500, "{text}");
    }

    #[test]
    fn nothing_in_an_entry_steers_the_terminal() {
        let mut one = holder(Scope::Shared);
        one.command = "purge\u{1b}[2J\n_deleted".into();
        one.since = at(0);
        assert_eq!(
            one.to_string(),
            "purge[2J_deleted by ann on a has been running since 2026-09-21T14:13:20Z"
        );
    }
}
