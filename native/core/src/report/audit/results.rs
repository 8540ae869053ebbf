//! The findings of an audit as a value.

use std::collections::BTreeMap;

use serde::Serialize;

use super::finding::{AuditScope, Finding};
use super::remedy;
use crate::plan::Drift;
use crate::report::failures::Failures;

/// The count of one kind of drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Drift,
    /// A description of the kind.
    pub meaning: &'static str,
    /// The number of findings.
    pub count: u64,
    /// The command that repairs the kind, with its arguments. `None` if no command does.
    pub command: Option<String>,
    /// Advice for the repair.
    pub hint: Option<&'static str>,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The scope.
    pub scope: AuditScope,
    /// The time of the audit, in Unix seconds.
    pub taken_at: u64,
    /// Assigned numbers, counted once per account.
    pub assigned: u64,
    /// Assigned numbers in sync.
    pub in_sync: u64,
    /// Documents that could not be checked completely, because something could not be read.
    pub unchecked: u64,
    /// Every kind of drift, kinds without findings included.
    pub kinds: Vec<KindCount>,
    /// Every finding, sorted by kind, database and number.
    pub findings: Vec<Finding>,
    /// The names of accounts with findings, by id.
    pub account_names: BTreeMap<String, String>,
    /// The databases that could not be read, as a failure report.
    pub unread: Failures,
}

impl Audit {
    /// Makes a report of these findings.
    pub fn new(scope: AuditScope, mut findings: Vec<Finding>) -> Self {
        findings.sort_unstable();
        // Three number databases can assign a number to three accounts: keep one finding per database.
        findings.dedup_by(|one, other| {
            let place = |finding: &Finding| {
                (
                    finding.kind,
                    finding.database.clone(),
                    finding.number.clone(),
                )
            };
            one == other || (one.kind == Drift::Contested && place(one) == place(other))
        });
        let mut counts: BTreeMap<Drift, u64> = BTreeMap::new();
        for finding in &findings {
            *counts.entry(finding.kind).or_default() += 1;
        }
        let kinds = Drift::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                meaning: kind.meaning(),
                count: counts.get(&kind).copied().unwrap_or_default(),
                command: remedy::command(kind, &scope),
                hint: remedy::hint(kind),
            })
            .collect();
        Self {
            scope,
            taken_at: 0,
            assigned: 0,
            in_sync: 0,
            unchecked: 0,
            kinds,
            findings,
            account_names: BTreeMap::new(),
            unread: Failures::default(),
        }
    }

    /// Whether everything was read and there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && !self.is_incomplete()
    }

    /// Whether something could not be read or checked.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.unchecked > 0
    }

    /// The findings of a kind.
    pub fn of_kind(&self, kind: Drift) -> &[Finding] {
        let start = self.findings.partition_point(|one| one.kind < kind);
        let end = self.findings.partition_point(|one| one.kind <= kind);
        self.findings.get(start..end).unwrap_or_default()
    }
}
