//! Decides which request gets which fault.

use std::collections::HashMap;

use crate::fault::Fault;
use crate::request::{ParsedRequest, RequestKind};

/// The requests that a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFilter {
    /// All requests.
    All,
    /// Requests that read.
    Reads,
    /// Requests that write.
    Writes,
    /// Requests of one kind.
    Only(RequestKind),
}

impl RequestFilter {
    fn takes(self, kind: RequestKind) -> bool {
        match self {
            Self::All => true,
            Self::Reads => !kind.writes(),
            Self::Writes => kind.writes(),
            Self::Only(only) => only == kind,
        }
    }
}

/// A fault for some requests, with a probability and a maximum count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The fault.
    pub fault: Fault,
    /// The requests that the rule applies to.
    pub on: RequestFilter,
    /// The probability in thousandths.
    pub per_thousand: u16,
    /// The maximum count.
    pub at_most: u32,
}

/// Rules and a random seed. The first rule that matches a request decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The random seed.
    pub seed: u64,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Schedule {
    /// A schedule without faults.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Injects `fault` into the first `at_most` requests that match.
    pub fn first(at_most: u32, on: RequestFilter, fault: Fault) -> Self {
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

    /// The maximum number of faults.
    pub fn max_faults(&self) -> u64 {
        self.rules.iter().map(|rule| u64::from(rule.at_most)).sum()
    }
}

/// The number of faults injected by each rule, in the order of the rules.
pub type Hits = Vec<u32>;

/// A schedule in progress.
#[derive(Debug, Default)]
pub(crate) struct ActiveSchedule {
    schedule: Schedule,
    hits: Hits,
    /// The number of times that each request was sent. A retry gets a new decision.
    seen: HashMap<u64, u64>,
}

impl ActiveSchedule {
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

    /// The fault for this request, if any.
    pub(crate) fn next(&mut self, request: &ParsedRequest) -> Option<Fault> {
        let fingerprint = request.fingerprint(self.schedule.seed);
        let seen = self.seen.entry(fingerprint).or_default();
        *seen += 1;
        for (index, (rule, hits)) in self.schedule.rules.iter().zip(&mut self.hits).enumerate() {
            let random = random(fingerprint, *seen, index as u64);
            if rule.on.takes(request.kind)
                && *hits < rule.at_most
                && random % 1000 < u64::from(rule.per_thousand)
            {
                *hits += 1;
                return Some(rule.fault);
            }
        }
        None
    }
}

fn random(fingerprint: u64, seen: u64, index: u64) -> u64 {
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
    fn faults_depend_on_request_content_and_not_on_order() {
        let schedule = Schedule {
            seed: 7,
            rules: vec![Rule {
                fault: Fault::ResetBefore,
                on: RequestFilter::Reads,
                per_thousand: 300,
                at_most: 1000,
            }],
        };
        let request: Vec<ParsedRequest> = (0..200)
            .map(|page| {
                let target = format!("/numbers%2F%2B1415/_all_docs?limit={page}");
                ParsedRequest::new(Method::GET, target, None, Bytes::new())
            })
            .collect();
        let faulted = |order: &[&ParsedRequest]| {
            let mut active = ActiveSchedule::new(schedule.clone());
            let mut all: Vec<String> = order
                .iter()
                .filter(|request| active.next(request).is_some())
                .map(|request| request.target.clone())
                .collect();
            all.sort_unstable();
            assert_eq!(active.hits(), [u32::try_from(all.len()).unwrap()]);
            all
        };
        let forward: Vec<&ParsedRequest> = request.iter().collect();
        let backward: Vec<&ParsedRequest> = request.iter().rev().collect();
        let some = faulted(&forward);
        assert_eq!(some, faulted(&backward));
        assert!((30..90).contains(&some.len()), "{}", some.len());
    }

    #[test]
    fn rule_respects_maximum_count_and_filter() {
        let mut active =
            ActiveSchedule::new(Schedule::first(2, RequestFilter::Writes, Fault::ResetAfter));
        let read = ParsedRequest::new(Method::GET, "/a/_all_docs".into(), None, Bytes::new());
        let write = ParsedRequest::new(Method::POST, "/a/_bulk_docs".into(), None, Bytes::new());
        assert_eq!(active.next(&read), None);
        assert_eq!(active.next(&write), Some(Fault::ResetAfter));
        assert_eq!(active.next(&write), Some(Fault::ResetAfter));
        assert_eq!(active.next(&write), None);
    }
}
