//! The assignment of a number document in a number database, and whether it is in the right one.

use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts};

/// The class of a document in a number database for commands on assigned numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A live number in the right database, assigned to this account.
    Assigned(AccountId),
    /// A live number without an account: no `pvt_assigned_to`, or `null`.
    Unassigned,
    /// A live number with a `pvt_assigned_to` that is not an account id (docs/specification.md#odd-assignment).
    OddlyAssigned,
    /// A live number in the number database of another prefix. It is left alone with a warning (docs/specification.md#misfiled).
    Misfiled,
    /// Soft-deleted, or of another type. It is never changed.
    Not,
}

impl Source {
    /// Whether it is a live number in the right database, with or without an account.
    pub fn is_filed(self) -> bool {
        match self {
            Self::Assigned(_) | Self::Unassigned | Self::OddlyAssigned => true,
            Self::Misfiled | Self::Not => false,
        }
    }
}

/// Classifies a document of a number database.
pub fn source_in_number_database(database: &DatabaseName, id: &str, facts: &NumberFacts) -> Source {
    if !facts.is_live_number() {
        return Source::Not;
    }
    if !database.holds(id) {
        return Source::Misfiled;
    }
    match facts.assigned_to {
        Some(account) => Source::Assigned(account),
        None if facts.is_assignment_odd => Source::OddlyAssigned,
        None => Source::Unassigned,
    }
}
