//! When which fault strikes.

use std::collections::HashMap;

use crate::asked::{Asked, Kind};
use crate::fault::Fault;

/// Which requests a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// All.
    All,
    /// Those that read.
    Reads,
    /// Those that write.
    Writes,
    /// Those of a kind.
    Only(Kind),
}

impl On {
    fn takes(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Reads => !kind.writes(),
            Self::Writes => kind.writes(),
            Self::Only(only) => only == kind,
        }
    }
}

/// One fault, for some requests, with a chance, and no more often than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// For which requests.
    pub on: On,
    /// How likely, of a thousand.
    pub per_thousand: u16,
    /// How often in all.
    pub at_most: u32,
}

/// Rules, of which the first that strikes counts, and where chance starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Where chance starts.
    pub seed: u64,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Schedule {
    /// Nothing goes wrong.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// The first `at_most` requests of these fail so.
    pub fn first(at_most: u32, on: On, fault: Fault) -> Self {
        Self {
            seed: 0,
            rules: vec![Rule {
                fault,
                on,
                per_thousand: 1000,
                at_most,
            }],
        }
    }

    /// How many faults there can be at most.
    pub fn most(&self) -> u64 {
        self.rules.iter().map(|rule| u64::from(rule.at_most)).sum()
    }
}

/// How often each rule of a schedule has struck, in its order.
pub type Hits = Vec<u32>;

/// A schedule under way.
#[derive(Debug, Default)]
pub(crate) struct Running {
    schedule: Schedule,
    hits: Hits,
    /// How often each request was seen: sent again, it has another chance.
    seen: HashMap<u64, u64>,
}

impl Running {
    pub(crate) fn new(schedule: Schedule) -> Self {
        Self {
            hits: vec![0; schedule.rules.len()],
            schedule,
            seen: HashMap::new(),
        }
    }

    pub(crate) fn hits(&self) -> Hits {
        self.hits.clone()
    }

    /// The fault that strikes this request, if one does.
    pub(crate) fn next(&mut self, asked: &Asked) -> Option<Fault> {
        let fingerprint = asked.fingerprint(self.schedule.seed);
        let seen = self.seen.entry(fingerprint).or_default();
        *seen += 1;
        for (index, (rule, hits)) in self.schedule.rules.iter().zip(&mut self.hits).enumerate() {
            let dice = dice(fingerprint, *seen, index as u64);
            if rule.on.takes(asked.kind)
                && *hits < rule.at_most
                && dice % 1000 < u64::from(rule.per_thousand)
            {
                *hits += 1;
                return Some(rule.fault);
            }
        }
        None
    }
}

fn dice(fingerprint: u64, seen: u64, index: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seen.to_le_bytes());
    bytes[8..].copy_from_slice(&index.to_le_bytes());
    xxhash_rust::xxh3::xxh3_64_with_seed(&bytes, fingerprint)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::Method;

    use super::*;

    #[test]
    fn chance_depends_on_what_is_asked_and_not_on_the_order() {
        let schedule = Schedule {
            seed: 7,
            rules: vec![Rule {
                fault: Fault::ResetBefore,
                on: On::Reads,
                per_thousand: 300,
                at_most: 1000,
            }],
        };
        let asked: Vec<Asked> = (0..200)
            .map(|page| {
                let target = format!("/numbers%2F%2B1415/_all_docs?limit={page}");
                Asked::new(Method::GET, target, None, Bytes::new())
            })
            .collect();
        let struck = |order: &[&Asked]| {
            let mut running = Running::new(schedule.clone());
            let mut all: Vec<String> = order
                .iter()
                .filter(|asked| running.next(asked).is_some())
                .map(|asked| asked.target.clone())
                .collect();
            all.sort_unstable();
            assert_eq!(running.hits(), [u32::try_from(all.len()).unwrap()]);
            all
        };
        let forward: Vec<&Asked> = asked.iter().collect();
        let backward: Vec<&Asked> = asked.iter().rev().collect();
        let some = struck(&forward);
        assert_eq!(some, struck(&backward));
        assert!((30..90).contains(&some.len()), "{}", some.len());
    }

    #[test]
    fn a_rule_strikes_no_more_often_than_it_may_and_only_its_own() {
        let mut running = Running::new(Schedule::first(2, On::Writes, Fault::ResetAfter));
        let read = Asked::new(Method::GET, "/a/_all_docs".into(), None, Bytes::new());
        let write = Asked::new(Method::POST, "/a/_bulk_docs".into(), None, Bytes::new());
        assert_eq!(running.next(&read), None);
        assert_eq!(running.next(&write), Some(Fault::ResetAfter));
        assert_eq!(running.next(&write), Some(Fault::ResetAfter));
        assert_eq!(running.next(&write), None);
    }
}
