//! Whose a number is, and whether its document lies in the right number database.

use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts};

/// What a document of a number database is to a command that works on assigned numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A live number, filed right, assigned to this account.
    Assigned(AccountId),
    /// A live number that no account has: no `pvt_assigned_to`, or `null`.
    Unassigned,
    /// A live number whose `pvt_assigned_to` is no account id (docs/specification.md#odd-assignment).
    OddlyAssigned,
    /// A live number in the number database of another prefix: left alone, with a warning
    /// (docs/specification.md#misfiled).
    Misfiled,
    /// Soft-deleted, or of another type: never touched.
    Not,
}

impl Source {
    /// A live number that is filed right, whoever it is assigned to.
    pub fn is_filed(self) -> bool {
        match self {
            Self::Assigned(_) | Self::Unassigned | Self::OddlyAssigned => true,
            Self::Misfiled | Self::Not => false,
        }
    }
}

/// What a document of a number database is.
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
