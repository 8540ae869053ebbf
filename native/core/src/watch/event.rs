//! The events of a watch, and their lines.

use super::drift::DriftChange;
use crate::report::audit::{Audit, Finding};
use crate::report::sanitise;
use crate::run::Finished;

/// An event of a watch.
#[derive(Debug)]
pub enum WatchEvent {
    /// The first complete audit: its findings were there before.
    Started {
        /// The number of findings.
        findings: usize,
        /// The numbers that it looked at.
        numbers: u64,
    },
    /// Drift has arisen, or is gone.
    Drift(DriftChange),
    /// An audit has ended.
    Audited {
        /// Its findings.
        audit: Box<Audit>,
        /// Its figures.
        finished: Box<Finished>,
    },
    /// An audit has failed. It is tried again.
    Failed {
        /// The reason.
        reason: String,
        /// Whether the audit before it worked.
        is_first: bool,
    },
    /// An audit has worked after others that failed.
    Recovered,
    /// Audits are incomplete from now on, or complete again.
    Incomplete {
        /// The databases or numbers that could not be read; 0 if audits are complete again.
        unread: u64,
        /// The documents that could not be checked in full.
        unchecked: u64,
    },
    /// Documents were repaired.
    Repaired {
        /// Their number.
        documents: u64,
        /// The id of the run, for `undo`.
        run: String,
    },
    /// A repair was refused, or failed.
    NotRepaired {
        /// The reason.
        reason: String,
    },
}

impl WatchEvent {
    /// The line for people; `None` for an event that needs none.
    pub fn line(&self) -> Option<String> {
        let line = match self {
            Self::Started { findings, numbers } => {
                format!(
                    "watch: {numbers} numbers, {findings} findings; from now on changes are reported"
                )
            }
            Self::Drift(DriftChange::Arisen(finding)) => {
                let fields: Vec<&str> = finding.field_names().collect();
                match fields.as_slice() {
                    [] => format!("drift: {}", described(finding)),
                    fields => format!("drift: {}: {}", described(finding), fields.join(", ")),
                }
            }
            Self::Drift(DriftChange::Gone(finding)) => format!("gone: {}", described(finding)),
            Self::Failed {
                reason,
                is_first: true,
            } => {
                format!("warning: {reason}; trying again")
            }
            Self::Audited { .. } | Self::Failed { .. } => return None,
            Self::Recovered => "watch: the audit works again".to_owned(),
            Self::Incomplete {
                unread: 0,
                unchecked: 0,
            } => "watch: audits are complete again".to_owned(),
            Self::Incomplete { unread, unchecked } => {
                format!(
                    "warning: audits are incomplete: {unread} databases or numbers could not be read, {unchecked} documents could not be checked in full; their drift is not followed"
                )
            }
            Self::Repaired { documents, run } => {
                format!("watch: repaired {documents} documents in run {run}")
            }
            Self::NotRepaired { reason } => {
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                format!("warning: cannot repair: {reason}")
            }
        };
        Some(sanitise::line(&line).into_owned())
    }
}

/// The kind of a finding, and its place.
fn described(finding: &Finding) -> String {
    let (kind, number) = (finding.kind.name(), &finding.number);
    let database = finding.database.plain();
    let account = finding.account;
    match account.filter(|account| account.database() != finding.database) {
        Some(account) => format!("{kind} {number} in {database}, account {account}"),
        None => format!("{kind} {number} in {database}"),
    }
}
