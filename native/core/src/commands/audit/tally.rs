//! Counts findings and numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::number_set::NumberSet;
use crate::kazoo::AccountId;
use crate::plan::Drift;
use crate::report::{Finding, FindingCounts, NumberCounts};

/// Whether a finding is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Reported,
    /// The operator accepted it.
    Accepted,
    /// The operator did not ask for its kind.
    NotAsked,
}

/// The findings so far, as counts and numbers.
#[derive(Debug, Default)]
pub(super) struct FindingTally {
    kinds: BTreeMap<Drift, KindTally>,
    with_findings: NumberSet,
    set_aside: NumberSet,
    /// The accounts of reported findings.
    accounts: BTreeSet<AccountId>,
}

#[derive(Debug, Default)]
struct KindTally {
    findings: u64,
    accepted: u64,
    numbers: NumberSet,
}

impl FindingTally {
    pub(super) fn add(&mut self, finding: &Finding, treatment: Treatment) {
        let kind = self.kinds.entry(finding.kind).or_default();
        match treatment {
            Treatment::Reported => {
                kind.findings += 1;
                kind.numbers.insert(&finding.number);
                self.with_findings.insert(&finding.number);
                let accounts = [finding.account, finding.assigned_to];
                self.accounts.extend(accounts.into_iter().flatten());
            }
            Treatment::Accepted => {
                kind.accepted += 1;
                self.set_aside.insert(&finding.number);
            }
            Treatment::NotAsked => self.set_aside.insert(&finding.number),
        }
    }

    pub(super) fn accounts(&self) -> &BTreeSet<AccountId> {
        &self.accounts
    }

    /// The counts of each kind with findings.
    pub(super) fn of_kinds(&self) -> BTreeMap<Drift, FindingCounts> {
        let counts = |kind: &KindTally| FindingCounts {
            numbers: kind.numbers.len(),
            findings: kind.findings,
            accepted: kind.accepted,
        };
        self.kinds
            .iter()
            .map(|(kind, tally)| (*kind, counts(tally)))
            .collect()
    }

    /// Counts each number once: with findings first, then set aside, then unchecked; the others are clean. `looked_at` has the
    /// numbers of the scope that were read.
    pub(super) fn of_numbers(
        &self,
        mut looked_at: NumberSet,
        unchecked: &NumberSet,
    ) -> NumberCounts {
        let mut set_aside = self.set_aside.clone();
        set_aside.remove_all(&self.with_findings);
        let mut unchecked = unchecked.clone();
        unchecked.remove_all(&self.with_findings);
        unchecked.remove_all(&set_aside);
        looked_at.extend(&self.with_findings);
        looked_at.extend(&set_aside);
        looked_at.extend(&unchecked);
        let (with_findings, set_aside) = (self.with_findings.len(), set_aside.len());
        let (looked_at, unchecked) = (looked_at.len(), unchecked.len());
        NumberCounts {
            looked_at,
            // Each of the three is a part of `looked_at`, and no two have a number in common.
            clean: looked_at.saturating_sub(with_findings + set_aside + unchecked),
            with_findings,
            set_aside,
            unchecked,
        }
    }
}
