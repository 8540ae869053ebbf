//! The findings of an audit as a value.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::finding::{AuditScope, Finding};
use super::{AcceptedEntry, AuditTotals, AuditedCluster, remedy};
use crate::plan::{Drift, Severity};
use crate::report::failures::Failures;

/// The seconds within which CouchDB writes a change to its feed of updates. It was half a second on an idle server, and two on a busy
/// one.
pub(crate) const FEED_DELAY: u64 = 5;

/// Numbers, each counted once: `looked_at` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberCounts {
    /// Numbers with a live document in the scope.
    pub looked_at: u64,
    /// Numbers without a finding.
    pub clean: u64,
    /// Numbers with at least one reported finding.
    pub with_findings: u64,
    /// Numbers whose findings are all accepted, or of kinds that were not asked for.
    pub set_aside: u64,
    /// Numbers without a finding that could not be checked completely.
    pub unchecked: u64,
}

/// The counts of one kind of drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    /// Numbers with a reported finding.
    pub numbers: u64,
    /// Reported findings. A number can have one in each of several databases.
    pub findings: u64,
    /// Accepted findings, which are not reported.
    pub accepted: u64,
}

/// The count of one kind of drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Drift,
    /// The effect on calls and accounts.
    pub severity: Severity,
    /// A description of the kind.
    pub meaning: &'static str,
    /// Numbers with a finding of this kind.
    pub numbers: u64,
    /// Findings. A number can have one in each of several databases.
    pub count: u64,
    /// Accepted findings, which are not in `count`.
    pub accepted: u64,
    /// The command that repairs the kind, with its arguments. `None` if no command does.
    pub command: Option<String>,
    /// Advice for the repair; without a command, how to decide.
    pub hint: Option<&'static str>,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The scope.
    pub scope: AuditScope,
    /// The time of the audit, in Unix seconds.
    pub taken_at: u64,
    /// The time up to which changes are certainly in it, in Unix seconds. Before `taken_at` if the audit believed CouchDB's feed of
    /// updates, which is written after the changes.
    pub as_of: u64,
    /// The version of this library.
    pub version: &'static str,
    /// The cluster.
    pub cluster: AuditedCluster,
    /// Assigned numbers, counted once per account.
    pub assigned: u64,
    /// Assigned numbers in sync.
    pub in_sync: u64,
    /// Documents that could not be checked completely, because something could not be read.
    pub unchecked: u64,
    /// The numbers, by what the audit found.
    pub numbers: NumberCounts,
    /// Every kind of drift, kinds without findings included.
    pub kinds: Vec<KindCount>,
    /// The kinds that were asked for. Empty: all.
    pub only_kinds: Vec<Drift>,
    /// Every finding, sorted by kind, database and number. Empty if they were sent as events.
    pub findings: Vec<Finding>,
    /// The entries of the file of accepted findings.
    pub accepted: Vec<AcceptedEntry>,
    /// The names of accounts with findings, by id.
    pub account_names: BTreeMap<String, String>,
    /// The databases that could not be read, as a failure report.
    pub unread: Failures,
    /// The audits of the whole cluster so far, this one included. Empty for an audit of a part.
    #[serde(skip)]
    pub history: Vec<AuditTotals>,
}

impl Audit {
    /// Makes a report of these findings.
    pub fn new(
        scope: AuditScope,
        counts: &BTreeMap<Drift, FindingCounts>,
        mut findings: Vec<Finding>,
    ) -> Self {
        findings.sort_unstable();
        let kinds = Drift::ALL
            .into_iter()
            .map(|kind| {
                let counts = counts.get(&kind).copied().unwrap_or_default();
                KindCount {
                    kind,
                    severity: kind.severity(),
                    meaning: kind.meaning(),
                    numbers: counts.numbers,
                    count: counts.findings,
                    accepted: counts.accepted,
                    command: remedy::command(kind, &scope),
                    hint: remedy::hint(kind),
                }
            })
            .collect();
        Self {
            scope,
            taken_at: 0,
            as_of: 0,
            version: env!("CARGO_PKG_VERSION"),
            cluster: AuditedCluster::default(),
            assigned: 0,
            in_sync: 0,
            unchecked: 0,
            numbers: NumberCounts::default(),
            kinds,
            only_kinds: Vec::new(),
            findings,
            accepted: Vec::new(),
            account_names: BTreeMap::new(),
            unread: Failures::default(),
            history: Vec::new(),
        }
    }

    /// The findings of all kinds.
    pub fn count(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// Whether everything was read and there are no findings.
    pub fn is_clean(&self) -> bool {
        self.count() == 0 && !self.is_incomplete()
    }

    /// Whether something could not be read or checked.
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty() || self.unchecked > 0
    }

    /// The same audit at a later time, at which nothing had changed according to CouchDB's feed of updates.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Self {
        let taken_at = now.duration_since(SystemTime::UNIX_EPOCH);
        let taken_at = taken_at.unwrap_or_default().as_secs();
        Self {
            taken_at,
            as_of: taken_at.saturating_sub(FEED_DELAY),
            ..self
        }
    }

    /// A line that says which changes can be missing. `None`: none that were made before the audit.
    pub fn delay(&self) -> Option<String> {
        let seconds = self.taken_at.saturating_sub(self.as_of);
        (seconds > 0).then(|| {
            format!("changes of the {seconds} seconds before can be missing: CouchDB's feed of updates is late")
        })
    }

    /// The findings of a kind.
    pub fn of_kind(&self, kind: Drift) -> &[Finding] {
        let start = self.findings.partition_point(|one| one.kind < kind);
        let end = self.findings.partition_point(|one| one.kind <= kind);
        self.findings.get(start..end).unwrap_or_default()
    }
}
