//! Compares one audit with the last ones: which drift has arisen, and which is gone.
//!
//! The two documents of a number are never written at the same moment, so drift counts only after a grace time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::kazoo::DatabaseName;
use crate::plan::Drift;
use crate::report::audit::Finding;

/// A change of the drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftChange {
    /// Drift that has lasted for the grace time.
    Arisen(Finding),
    /// Drift that was reported, or was there at the start, and is gone.
    Gone(Finding),
}

/// The drift so far.
#[derive(Clone, Debug)]
pub struct Watched {
    grace: Duration,
    has_begun: bool,
    /// The time of the last audit.
    now: Duration,
    known: BTreeMap<Place, Known>,
}

/// The identity of a finding: its fields and accounts can change while it lasts.
type Place = (Drift, DatabaseName, String);

#[derive(Clone, Debug)]
struct Known {
    finding: Finding,
    /// The time of the first audit that found it, since the start of the watch.
    since: Duration,
    is_reported: bool,
}

impl Watched {
    /// Starts to watch. `grace`: the time that drift must last before it is reported.
    pub fn new(grace: Duration) -> Self {
        Self {
            grace,
            has_begun: false,
            now: Duration::ZERO,
            known: BTreeMap::new(),
        }
    }

    /// Whether an audit was complete.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Takes in the findings of an audit, and returns the changes to report, each once. `now`: the time at the start of the audit, since
    /// the start of the watch. `is_complete`: the audit could read everything; if not, a missing finding is not gone.
    ///
    /// The findings of the first complete audit were there before, so they are no changes.
    pub fn update(
        &mut self,
        now: Duration,
        findings: Vec<Finding>,
        is_complete: bool,
    ) -> Vec<DriftChange> {
        self.now = now;
        let is_first = !self.has_begun;
        self.has_begun |= is_complete;
        let mut before = std::mem::take(&mut self.known);
        let mut changes = Vec::new();
        for finding in findings {
            let place = (
                finding.kind,
                finding.database.clone(),
                finding.number.clone(),
            );
            let (since, mut is_reported) = match before.remove(&place) {
                Some(known) => (known.since, known.is_reported),
                None => (now, is_first),
            };
            if !is_reported && now >= since + self.grace {
                is_reported = true;
                changes.push(DriftChange::Arisen(finding.clone()));
            }
            let known = Known {
                finding,
                since,
                is_reported,
            };
            self.known.insert(place, known);
        }
        if is_complete {
            let gone = before.into_values().filter(|known| known.is_reported);
            changes.extend(gone.map(|known| DriftChange::Gone(known.finding)));
        } else {
            self.known.append(&mut before);
        }
        changes
    }

    /// The time at which the first drift that is not reported yet will have lasted for the grace time.
    pub fn next_due(&self) -> Option<Duration> {
        let waiting = self.known.values().filter(|known| !known.is_reported);
        waiting.map(|known| known.since + self.grace).min()
    }

    /// The reported drift of these kinds that has lasted for the grace time, also that of the start.
    pub fn reported<'a>(&'a self, kinds: &'a BTreeSet<Drift>) -> impl Iterator<Item = &'a Finding> {
        let known = self.known.values();
        let has_lasted = |known: &&Known| self.now >= known.since + self.grace;
        let reported = known.filter(|known| known.is_reported).filter(has_lasted);
        reported
            .map(|known| &known.finding)
            .filter(|finding| kinds.contains(&finding.kind))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRACE: u64 = 60;

    fn finding(number: &str) -> Finding {
        Finding {
            kind: Drift::MissingCopy,
            database: DatabaseName::new("numbers/+1415").unwrap(),
            number: number.to_owned(),
            account: None,
            number_database: None,
            fields: Vec::new(),
            assigned_to: None,
        }
    }

    fn update(watched: &mut Watched, now: u64, numbers: &[&str], is_complete: bool) -> String {
        let findings = numbers.iter().map(|number| finding(number)).collect();
        let changes = watched.update(Duration::from_secs(now), findings, is_complete);
        let shown = changes.iter().map(|change| match change {
            DriftChange::Arisen(finding) => format!("+{}", finding.number),
            DriftChange::Gone(finding) => format!("-{}", finding.number),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn drift_is_reported_once_after_the_grace_time() {
        let mut watched = Watched::new(Duration::from_secs(GRACE));
        assert_eq!(update(&mut watched, 0, &["old"], true), "");
        assert_eq!(watched.next_due(), None);
        assert_eq!(update(&mut watched, 10, &["old", "new"], true), "");
        assert_eq!(watched.next_due(), Some(Duration::from_secs(70)));
        assert_eq!(update(&mut watched, 69, &["old", "new", "short"], true), "");
        assert_eq!(update(&mut watched, 70, &["old", "new"], true), "+new");
        assert_eq!(update(&mut watched, 200, &["old", "new"], true), "");
        assert_eq!(update(&mut watched, 210, &["new"], true), "-old");
        assert_eq!(update(&mut watched, 220, &[], true), "-new");
        assert_eq!(update(&mut watched, 230, &[], true), "");
    }

    #[test]
    fn incomplete_audit_ends_no_drift() {
        let mut watched = Watched::new(Duration::from_secs(GRACE));
        assert_eq!(update(&mut watched, 0, &["old"], true), "");
        assert_eq!(update(&mut watched, 10, &["new"], false), "");
        assert_eq!(update(&mut watched, 80, &["new"], false), "+new");
        assert_eq!(update(&mut watched, 90, &["new"], true), "-old");
    }

    proptest! {
        /// However audits follow each other, each drift alternates between arisen and gone, and is reported at the right time.
        #[test]
        fn changes_alternate_and_respect_the_grace_time(
            audits in prop::collection::vec((1..100_u64, prop::collection::btree_set(0..4_u8, 0..4)), 1..30),
        ) {
            let mut watched = Watched::new(Duration::from_secs(GRACE));
            let mut now = 0;
            let mut shown: BTreeSet<String> = BTreeSet::new();
            let mut since: BTreeMap<String, u64> = BTreeMap::new();
            for (at, (pause, numbers)) in audits.into_iter().enumerate() {
                now += pause;
                let numbers: BTreeSet<String> = numbers.iter().map(u8::to_string).collect();
                since.retain(|number, _| numbers.contains(number));
                for number in &numbers {
                    since.entry(number.clone()).or_insert(now);
                }
                let findings = numbers.iter().map(|number| finding(number)).collect();
                for change in watched.update(Duration::from_secs(now), findings, true) {
                    match change {
                        DriftChange::Arisen(finding) => {
                            prop_assert!(now >= since[&finding.number] + GRACE);
                            prop_assert!(shown.insert(finding.number));
                        }
                        DriftChange::Gone(finding) => {
                            prop_assert!(!numbers.contains(&finding.number));
                            prop_assert!(shown.remove(&finding.number));
                        }
                    }
                }
                if at == 0 {
                    shown.clone_from(&numbers);
                }
                for (number, since) in &since {
                    prop_assert!(shown.contains(number) || now < since + GRACE);
                }
            }
        }
    }
}
