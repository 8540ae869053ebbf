//! The totals of an audit, which the history, the counters and the command line use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Audit, NumberCounts};
use crate::plan::{Drift, Severity};
use couchdb::ClusterIdentity;

/// The cluster of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedCluster {
    /// The URL of the server, without credentials.
    pub server: String,
    /// The identity that the cluster reports.
    #[serde(flatten)]
    pub identity: ClusterIdentity,
}

impl AuditedCluster {
    /// Whether both are one cluster: by their identities, otherwise by the URL of the server.
    pub fn is_same(&self, other: &Self) -> bool {
        self.identity
            .is_same(&other.identity)
            .unwrap_or(self.server == other.server)
    }
}

/// The totals of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditTotals {
    /// The time of the audit, in Unix seconds.
    pub taken_at: u64,
    /// The version of this library.
    pub version: String,
    /// The cluster.
    pub cluster: AuditedCluster,
    /// Assigned numbers, counted once per account.
    pub assigned: u64,
    /// Assigned numbers in sync.
    pub in_sync: u64,
    /// The numbers, by what the audit found.
    pub numbers: NumberCounts,
    /// The findings by the name of their kind, kinds without findings included. A later version can know other kinds.
    pub kinds: BTreeMap<String, u64>,
    /// Accepted findings.
    pub accepted: u64,
    /// Whether something could not be read or checked.
    pub incomplete: bool,
}

/// A finished audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its totals.
    pub totals: AuditTotals,
    /// Whether it was of the whole cluster and of all kinds.
    pub is_whole: bool,
}

impl AuditTotals {
    /// The totals of an audit.
    pub fn of(audit: &Audit) -> Self {
        let kinds = audit.kinds.iter();
        Self {
            taken_at: audit.taken_at,
            version: audit.version.to_owned(),
            cluster: audit.cluster.clone(),
            assigned: audit.assigned,
            in_sync: audit.in_sync,
            numbers: audit.numbers,
            kinds: kinds
                .map(|kind| (kind.kind.name().to_owned(), kind.count))
                .collect(),
            accepted: audit.kinds.iter().map(|kind| kind.accepted).sum(),
            incomplete: audit.is_incomplete(),
        }
    }

    /// The findings of all kinds.
    pub fn findings(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// The findings of the kinds with this severity.
    pub fn of_severity(&self, severity: Severity) -> u64 {
        let kinds = Drift::ALL.into_iter();
        kinds
            .filter(|kind| kind.severity() == severity)
            .filter_map(|kind| self.kinds.get(kind.name()))
            .sum()
    }
}
