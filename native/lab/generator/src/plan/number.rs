//! What is decided about one number.

use crate::number_documents::Difference;
use crate::ugly::UglyKind;

/// Who a number is assigned to in its number database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    /// An account with a database.
    Account(usize),
    /// An account without one.
    Gone(usize),
}

/// What the account's documents use the number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    None,
    Callflow,
    Trunkstore,
    Both,
}

impl Usage {
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

/// A copy that lies in an account that has nothing to do with the number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stray {
    pub(super) account: usize,
    /// Whether it is assigned to the account it lies in, or to the number's own.
    pub(super) own: bool,
    /// Whether `pvt_used_by` is still there.
    pub(super) used: bool,
    pub(super) difference: Option<Difference>,
}

#[derive(Clone, Debug)]
pub(super) enum Breakage {
    Missing {
        tombstone: bool,
    },
    Differing(Difference),
    UsedBy {
        number_side: Option<usize>,
        account_side: Option<usize>,
    },
    /// In another account as well; `tombstone`: and left a tombstone in its own.
    Astray(Stray),
    OnlyInAccount {
        in_own: bool,
        strays: Vec<Stray>,
        tombstone: bool,
    },
    Misfiled {
        prefix: usize,
        /// Whether it is also where it should be.
        twice: bool,
    },
    UnassignedButUsed,
    /// Which of [`super::fate::odd_assignments`].
    OddAssignment(usize),
    /// `agree`: the leaf that lost is as the winner.
    Conflicted {
        number_side: bool,
        account_side: bool,
        agree: bool,
    },
    /// In `numbers/managed` as well, and in another account that has it by that.
    GivenTwice {
        account: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) struct NumberPlan {
    pub(super) prefix: u32,
    pub(super) serial: u32,
    pub(super) holder: Holder,
    pub(super) usage: Usage,
    pub(super) breakage: Option<Box<Breakage>>,
    pub(super) fate: Option<UglyKind>,
    pub(super) content: Option<UglyKind>,
}
