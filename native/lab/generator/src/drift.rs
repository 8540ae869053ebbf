//! What can be wrong between the two sides of a cluster, and the list of what was made wrong.

use std::collections::BTreeSet;

/// A kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// Assigned, and the account's database has no document (or a tombstone).
    MissingCopy,
    /// Assigned, and the account's document is not the number database's.
    DifferingCopy,
    /// `pvt_used_by` in the number database is not what the account uses the number for.
    WrongUsedByInNumberDatabase,
    /// `pvt_used_by` in an account's database is not what that account uses the number for.
    WrongUsedByInAccount,
    /// In an account's database, and assigned to another account by its own `pvt_assigned_to`.
    WrongAccount,
    /// In an account's database and assigned to that account there, while the number database
    /// assigns it to another, or to nobody.
    FormerAccount,
    /// In an account's database, and in no number database.
    OnlyInAccount,
    /// Assigned to an account that has no database.
    AccountMissing,
    /// A number document in the number database of another prefix.
    Misfiled,
    /// In the number database with a `pvt_used_by`, and assigned to nobody.
    UnassignedButUsed,
    /// In the number database with a `pvt_assigned_to` that is neither `null` nor an account id.
    OddAssignment,
    /// A document with leaves that lost against the winner and are not deleted.
    Conflicted,
    /// In no number database, while several accounts hold it and each copy says that it is that
    /// account's; or in two number databases that assign it to two accounts.
    Contested,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::MissingCopy,
        Self::DifferingCopy,
        Self::WrongUsedByInNumberDatabase,
        Self::WrongUsedByInAccount,
        Self::WrongAccount,
        Self::FormerAccount,
        Self::OnlyInAccount,
        Self::AccountMissing,
        Self::Misfiled,
        Self::UnassignedButUsed,
        Self::OddAssignment,
        Self::Conflicted,
        Self::Contested,
    ];

    /// The set of every kind.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.into_iter().collect()
    }

    /// The kind's name in options and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingCopy => "missing_copy",
            Self::DifferingCopy => "differing_copy",
            Self::WrongUsedByInNumberDatabase => "wrong_used_by_in_number_db",
            Self::WrongUsedByInAccount => "wrong_used_by_in_account",
            Self::WrongAccount => "wrong_account",
            Self::FormerAccount => "former_account",
            Self::OnlyInAccount => "only_in_account",
            Self::AccountMissing => "account_missing",
            Self::Misfiled => "misfiled",
            Self::UnassignedButUsed => "unassigned_but_used",
            Self::OddAssignment => "odd_assignment",
            Self::Conflicted => "conflicted",
            Self::Contested => "contested",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One thing that is wrong in a generated cluster.
///
/// Breaking one thing can make two facts: a `pvt_used_by` that is wrong on one side only is a
/// differing copy too. Both are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Drift {
    /// What is wrong.
    pub kind: DriftKind,
    /// The number (the document's `_id`).
    pub number: String,
    /// The account that it concerns: the assigned one, or for what lies in an account's database
    /// that account.
    pub account: Option<String>,
    /// The databases to look at, by plain name; the one that is wrong comes first. A missing
    /// database is listed too.
    pub databases: Vec<String>,
    /// Which fields differ, for differing copies.
    pub fields: Vec<String>,
}
