//! The decisions about one number.

use crate::number_documents::Difference;
use crate::ugly::UglyKind;

/// The account that a number is assigned to in its number database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignee {
    Unassigned,
    /// An account with a database.
    Account(usize),
    /// An account without a database.
    WithoutDatabase(usize),
}

/// The usage of a number by the account's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberUsage {
    None,
    Callflow,
    Trunkstore,
    Both,
}

impl NumberUsage {
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Callflow | Self::Both => Some("callflow"),
            Self::Trunkstore => Some("trunkstore"),
        }
    }

    /// A `pvt_used_by` that is wrong for this usage.
    pub(super) fn wrong(self, which: usize) -> Option<&'static str> {
        let wrong = match self {
            Self::None => [Some("callflow"), Some("trunkstore"), Some("callflow")],
            Self::Callflow => [None, Some("trunkstore"), Some("mobile")],
            Self::Trunkstore | Self::Both => [None, Some("callflow"), Some("calltrunkflow")],
        };
        wrong[which % 3]
    }
}

/// A copy in an unrelated account.
#[derive(Clone, Copy, Debug)]
pub(super) struct StrayCopy {
    pub(super) account: usize,
    /// Whether it is assigned to the account that holds it, or to the number's own account.
    pub(super) own: bool,
    /// Whether it has `pvt_used_by`.
    pub(super) used: bool,
    pub(super) difference: Option<Difference>,
}

#[derive(Clone, Debug)]
pub(super) enum DriftCase {
    Missing {
        tombstone: bool,
    },
    Differing(Difference),
    UsedBy {
        number_side: Option<usize>,
        account_side: Option<usize>,
    },
    /// Also in another account. `tombstone`: and the own account has a tombstone.
    Stray(StrayCopy),
    OnlyInAccount {
        in_own: bool,
        strays: Vec<StrayCopy>,
        tombstone: bool,
    },
    Misfiled {
        prefix: usize,
        /// Whether the document is also in the correct database.
        twice: bool,
    },
    UnassignedButUsed,
    /// An index into [`super::ugly_documents::odd_assignments`].
    OddAssignment(usize),
    /// `agree`: the losing leaf equals the winner.
    Conflicted {
        number_side: bool,
        account_side: bool,
        agree: bool,
    },
    /// Also in `numbers/managed`, and thereby in another account.
    AssignedTwice {
        account: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) struct NumberPlan {
    pub(super) prefix: u32,
    pub(super) serial: u32,
    pub(super) assignee: Assignee,
    pub(super) usage: NumberUsage,
    pub(super) drift_case: Option<Box<DriftCase>>,
    pub(super) ugly_documents: Option<UglyKind>,
    pub(super) content: Option<UglyKind>,
}
