//! What a command is about, as its arguments say it.

use crate::kazoo::{AccountId, DatabaseName};

/// The account databases that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accounts {
    /// All that the server lists.
    All,
    /// One that the operator named: it must exist.
    One(AccountId),
    /// A list: one that does not exist is a failure of its own.
    List(Vec<AccountId>),
}

/// The number databases that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberDatabases {
    /// All that the server lists.
    All,
    /// One database, or those that start so: there must be one.
    One(Selection),
    /// A list: one that does not exist is a failure of its own.
    List(Vec<Selection>),
}

/// How a number database is named by an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selection {
    /// By its name.
    Database(DatabaseName),
    /// By fewer than the five characters that name one.
    StartingWith(String),
}

/// Whether a feature is added to a list or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It is added.
    Add,
    /// It is removed.
    Remove,
}

/// Which of a number's two lists of features is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeatureList {
    /// `pvt_features_allowed`
    Allowed,
    /// `pvt_features_denied`
    Denied,
}

/// What `migrate_unassigned_numbers` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unassigned {
    /// Number databases.
    Databases(NumberDatabases),
    /// One number.
    Number(String),
}

/// What an audit is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuditTarget {
    /// Everything.
    All,
    /// An account, which must exist.
    Account(AccountId),
    /// A number database, or those that start so: there must be one.
    Databases(Selection),
    /// One number.
    Number(String),
}

/// The cluster on which a run may be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnCluster {
    /// The one that it was on.
    Same,
    /// Any: the operator insists.
    Any,
}

impl OnCluster {
    /// The word by which the operator insists.
    pub(crate) const ANY: &'static str = "any_cluster";
}
