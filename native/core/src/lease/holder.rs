//! One run in the lock's document.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize};

use super::Scope;
use super::request::ControlRequest;
use couchdb::Rate;

/// The longest command line that an entry carries, and the longest text that is shown of one; a list of numbers can be very
/// long.
const LONGEST: usize = 120;

/// The longest lease that is believed. No setting makes a longer one.
pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(600);

/// A run that writes, or one that did and died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// An id of this run alone.
    pub run: String,
    /// The function and its arguments, not endless.
    pub command: String,
    /// The user who runs it.
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
    /// How often it said that it lives: two renewals within a second differ by it. Version 0.1 has none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub renewals: u64,
    /// Its progress and pace, as of its last renewal. Nothing is decided by it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "or_none"
    )]
    pub report: Option<RunReport>,
}

/// The progress and the pace of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunReport {
    /// Finished databases.
    pub databases: u64,
    /// Databases to process, as far as known.
    pub of: u64,
    /// Documents that CouchDB delivered.
    pub documents: u64,
    /// Documents that were created, updated or deleted.
    pub changed: u64,
    /// Whether it starts no requests.
    pub paused: bool,
    /// The most requests a second, if limited.
    #[serde(skip_serializing_if = "Option::is_none", with = "rate")]
    pub requests_per_second: Option<Rate>,
    /// The requests that it took last, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenRequest>,
}

/// A request that a run took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenRequest {
    /// When the run read it, by the server's clock.
    #[serde(with = "moment")]
    pub taken: SystemTime,
    /// The request.
    #[serde(flatten)]
    pub request: ControlRequest,
}

/// An entry whose report is damaged is still an entry.
fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RunReport>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

mod rate {
    use couchdb::Rate;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(rate: &Option<Rate>, to: S) -> Result<S::Ok, S::Error> {
        rate.map(Rate::per_second).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Rate>, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.and_then(Rate::new))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Holder {
    /// Its JSON text in the document.
    pub(super) fn json(&self) -> String {
        // All of it is text and numbers, of which serde_json refuses none.
        serde_json::to_string(self).unwrap_or_else(|_| "null".into())
    }

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
            lease_seconds: lease.min(LONGEST_LEASE).as_secs().max(1),
            renewals: 0,
            report: None,
        }
    }

    /// For how long it may be silent.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.max(1)).min(LONGEST_LEASE)
    }

    /// Whether the server's clock says that it has been silent for longer than its lease. A moment as far in the future is of a
    /// clock that was wrong.
    pub(super) fn looks_dead(&self, now: SystemTime) -> bool {
        let away = now
            .duration_since(self.renewed)
            .unwrap_or_else(|ahead| ahead.duration());
        away > self.lease()
    }

    /// When its lock expires if it does not say again that it lives, for people.
    pub(super) fn expires(&self) -> String {
        rfc3339(
            self.renewed
                .checked_add(self.lease())
                .unwrap_or(self.renewed),
        )
    }
}

/// A moment as people read it (RFC 3339), to the second. Later ones than it can say are the last that it can.
pub(super) fn rfc3339(at: SystemTime) -> String {
    // 9999-12-31T23:59:59Z
    const LAST: u64 = 253_402_300_799;
    let seconds = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .min(LAST);
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A text of another program: nothing of it steers the terminal, or fills it.
pub(super) fn plain(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(LONGEST + 3).collect()
}

impl Holder {
    /// `purge_deleted by ann on kazoo@a`
    pub(super) fn about(&self) -> String {
        let mut line = plain(&self.command);
        for (word, text) in [("by", &self.who), ("on", &self.place)] {
            if !text.is_empty() {
                line += &format!(" {word} {}", plain(text));
            }
        }
        line
    }
}

/// `purge_deleted by ann on kazoo@a has been running since 2026-11-24T03:00:00Z`
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (about, since) = (self.about(), rfc3339(self.since));
        write!(f, "{about} has been running since {since}")
    }
}

/// A moment as people read it (RFC 3339), to the second.
pub(super) mod moment {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn serialize<S: Serializer>(
        at: &SystemTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::rfc3339(*at))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(de::Error::custom)
    }
}
