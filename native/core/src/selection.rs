//! The scope of a command, from its arguments.

use std::fmt;

use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, encoded_number_database_of, number_database_of,
};

/// The account databases of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accounts {
    /// All accounts of the server.
    All,
    /// One account, which must exist.
    One(AccountId),
    /// A list. A missing account is a failure and does not stop the others.
    List(Vec<AccountId>),
}

/// The number databases of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberDatabases {
    /// All number databases of the server.
    All,
    /// One database, or all with a prefix: at least one must exist.
    One(Selection),
    /// A list. A missing database is a failure and does not stop the others.
    List(Vec<Selection>),
}

/// A number database in an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selection {
    /// By its name.
    Database(DatabaseName),
    /// By a prefix of fewer than five characters: all databases with it.
    StartingWith(String),
}

/// Whether a feature is added to or removed from a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Add,
    Remove,
}

/// One of a number's two lists of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeatureList {
    /// `pvt_features_allowed`
    Allowed,
    /// `pvt_features_denied`
    Denied,
}

/// The scope of `migrate_unassigned_numbers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unassigned {
    Databases(NumberDatabases),
    Number(String),
}

/// A part of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// An account.
    Account(AccountId),
    /// A number database.
    Database(DatabaseName),
    /// All number databases with a prefix of fewer than five characters.
    StartingWith(String),
    /// A number, as it was given.
    Number(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => account.fmt(f),
            Self::Database(name) => f.write_str(&name.encoded()),
            Self::StartingWith(prefix) => f.write_str(&encoded_number_database_of(prefix)),
            Self::Number(number) => f.write_str(number),
        }
    }
}

/// Parts of the cluster that a run leaves alone (docs/specification.md#exclude).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions(Vec<Part>);

impl Exclusions {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The exclusions with their numbers as `normalise` has them.
    pub(crate) fn normalised(&self, normalise: impl Fn(&str) -> String) -> Self {
        let parts = self.0.iter().map(|part| match part {
            Part::Number(number) => Part::Number(normalise(number)),
            part => part.clone(),
        });
        Self(parts.collect())
    }

    /// Whether a document is left alone. `accounts`: those that it is assigned to, before and after a change.
    pub(crate) fn hold(&self, database: &DatabaseName, id: &str, accounts: &[AccountId]) -> bool {
        let number_database = number_database_of(id);
        self.0.iter().any(|part| match part {
            Part::Account(account) => {
                database.account() == Some(*account) || accounts.contains(account)
            }
            Part::Database(name) => name == database || number_database.as_ref() == Some(name),
            Part::StartingWith(prefix) => id.starts_with(prefix.as_str()),
            Part::Number(number) => id == number,
        })
    }
}

/// The argument of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuditTarget {
    /// The history of audits of the whole cluster.
    Trend,
    /// These parts; without any, the whole cluster. Each must exist.
    Parts(Vec<Part>),
}

/// The treatment by `apply` of documents that changed since the plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// It changes nothing at all.
    Refuse,
    /// It leaves them alone, and makes the other changes.
    Skip,
}

impl Stale {
    /// The argument that skips them.
    pub(crate) const SKIP: &'static str = "skip_stale";
}

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The totals.
    Totals,
    /// Each document, too.
    Full,
}

impl Detail {
    /// The argument that shows each document.
    pub(crate) const FULL: &'static str = "full";
}

impl AuditTarget {
    /// The argument for the history.
    pub(crate) const TREND: &'static str = "trend";
}

/// The cluster on which a run may be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCluster {
    /// Only the cluster of the run.
    Same,
    /// Any cluster, at the operator's demand.
    Any,
}

/// The safeguards of `undo` that the operator turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insistence {
    pub(crate) on: OnCluster,
    /// Whether a run that was undone is undone again.
    pub(crate) again: bool,
}

impl Insistence {
    /// The argument that allows undoing a run again.
    pub(crate) const AGAIN: &'static str = "again";

    /// All safeguards.
    pub(crate) const NONE: Self = Self {
        on: OnCluster::Same,
        again: false,
    };

    /// The safeguard that a word turns off.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            OnCluster::ANY => Some(Self {
                on: OnCluster::Any,
                ..Self::NONE
            }),
            Self::AGAIN => Some(Self {
                again: true,
                ..Self::NONE
            }),
            _ => None,
        }
    }

    /// The word, after a space, for the command line.
    pub(crate) fn word(self) -> String {
        match (self.on, self.again) {
            (OnCluster::Any, _) => format!(" {}", OnCluster::ANY),
            (OnCluster::Same, true) => format!(" {}", Self::AGAIN),
            (OnCluster::Same, false) => String::new(),
        }
    }
}

impl OnCluster {
    /// The argument that allows any cluster.
    pub(crate) const ANY: &'static str = "any_cluster";
}
