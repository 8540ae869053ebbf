//! The groups in which help lists the commands.

use super::spec::Family;

/// A group of commands in help, by what an operator wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Look, and change nothing.
    Inspect,
    /// Repair everything that can be decided.
    Repair,
    /// Copy between number databases and account databases.
    Copy,
    /// Fix fields.
    Fix,
    /// Remove documents.
    Remove,
    /// Carrier modules.
    Carrier,
    /// Features.
    Features,
    /// Runs: list, undo, unlock.
    Runs,
    /// Databases, views, and help.
    Setup,
}

impl Group {
    /// Every group, in the order of help.
    pub const ALL: [Self; 9] = [
        Self::Inspect,
        Self::Repair,
        Self::Copy,
        Self::Fix,
        Self::Remove,
        Self::Carrier,
        Self::Features,
        Self::Runs,
        Self::Setup,
    ];

    /// The word that `help` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Repair => "repair",
            Self::Copy => "copy",
            Self::Fix => "fix",
            Self::Remove => "remove",
            Self::Carrier => "carrier",
            Self::Features => "features",
            Self::Runs => "runs",
            Self::Setup => "setup",
        }
    }

    /// The purpose of its commands, in one line.
    pub fn title(self) -> &'static str {
        match self {
            Self::Inspect => "Find drift and look at numbers. Changes nothing.",
            Self::Repair => "Repair everything that can be decided.",
            Self::Copy => "Copy numbers between account databases and number databases.",
            Self::Fix => "Fix accounts, numbers, and the application that uses a number.",
            Self::Remove => "Remove numbers that should not be there.",
            Self::Carrier => "Count and convert carrier modules.",
            Self::Features => "Show and set which features numbers may have.",
            Self::Runs => "List runs, undo them, remove the lock of a dead one.",
            Self::Setup => "Databases and views (inside Kazoo), help.",
        }
    }

    /// The group of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// The group of a family, unless a row says otherwise.
    pub(super) const fn of_family(family: Family) -> Self {
        match family {
            Family::CopyToNumberDatabases | Family::CopyToAccounts => Self::Copy,
            Family::Fix | Family::Apps => Self::Fix,
            Family::Removal => Self::Remove,
            Family::Carriers => Self::Carrier,
            Family::Features => Self::Features,
            Family::Kazoo => Self::Setup,
            Family::Ours => Self::Inspect,
        }
    }
}
