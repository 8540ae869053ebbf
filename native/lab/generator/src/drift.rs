//! Kinds of drift between the two sides of a cluster, and the list of the drift in a generated one.

use std::collections::BTreeSet;

/// A kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// The number is assigned, and the account's database has no document or a tombstone.
    MissingCopy,
    /// The number is assigned, and the account's document differs from the number database's.
    DifferingCopy,
    /// `pvt_used_by` in the number database differs from the account's usage.
    WrongUsedByInNumberDatabase,
    /// `pvt_used_by` in an account's database differs from that account's usage.
    WrongUsedByInAccount,
    /// The document in an account's database names another account in `pvt_assigned_to`.
    WrongAccount,
    /// The account's copy claims the number; the number database assigns it to another account or
    /// to none.
    FormerAccount,
    /// The number is in an account's database and in no number database.
    OnlyInAccount,
    /// The number is assigned to an account without a database.
    AccountMissing,
    /// A number document in the number database of another prefix.
    Misfiled,
    /// The document in the number database has `pvt_used_by` and is not assigned.
    UnassignedButUsed,
    /// The document in the number database has a `pvt_assigned_to` that is neither `null` nor an
    /// account id.
    OddAssignment,
    /// The document has losing leaves that are not deleted.
    Conflicted,
    /// Several accounts claim a number that is in no number database, or two number databases
    /// assign it to different accounts.
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

    /// The name of the kind in options and reports.
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

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One drift in a generated cluster.
///
/// One change can cause two kinds: a wrong `pvt_used_by` on one side is also a differing copy. Both
/// are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Drift {
    /// The kind.
    pub kind: DriftKind,
    /// The number (the document's `_id`).
    pub number: String,
    /// The account: the assigned one, or for a document in an account's database the owner of that
    /// database.
    pub account: Option<String>,
    /// The databases by plain name, the one with the error first. A missing database is listed too.
    pub databases: Vec<String>,
    /// The fields that differ, for differing copies.
    pub fields: Vec<String>,
}
