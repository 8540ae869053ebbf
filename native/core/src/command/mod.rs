//! A command as an operator gives it: a name and arguments, read into one value or refused in
//! one line that names the argument, what was expected and an example (contract section 2).

mod argument;
mod help;
mod parse;
mod scope;
mod table;

pub(crate) use argument::shown;
pub use argument::{Argument, Refusal};
pub use help::{Door, effect, example, help, usage};
pub use parse::parse;
pub use scope::Scope;
pub use table::{Effect, Parameter, Spec, erlangs_own, extras, find, table};

use crate::kazoo::{AccountId, DatabaseName};

/// The account databases that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// All that the server lists.
    All,
    /// One that the operator named: it must exist.
    One(AccountId),
    /// A list: one that does not exist is a failure of its own.
    List(Vec<AccountId>),
}

/// The number databases that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberDatabases {
    /// All that the server lists.
    All,
    /// One database, or those that start so: there must be one.
    One(Selection),
    /// A list: one that does not exist is a failure of its own.
    List(Vec<Selection>),
}

/// How a number database is named by an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// By its name.
    Database(DatabaseName),
    /// By fewer than the five characters that name one.
    StartingWith(String),
}

/// Whether a feature is added to a list or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It is added.
    Add,
    /// It is removed.
    Remove,
}

/// Which of a number's two lists of features is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureList {
    /// `pvt_features_allowed`
    Allowed,
    /// `pvt_features_denied`
    Denied,
}

/// What `migrate_unassigned_numbers` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unassigned {
    /// Number databases.
    Databases(NumberDatabases),
    /// One number.
    Number(String),
}

/// What an audit is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// Everything.
    All,
    /// An account, which must exist.
    Account(AccountId),
    /// A number database, or those that start so: there must be one.
    Databases(Selection),
    /// One number.
    Number(String),
}

/// A command, read and checked. Numbers in it are as they were given: how they normalise is
/// configured in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A list was empty: there is nothing to do.
    Nothing,
    /// Number documents of accounts to the number databases that lack them.
    CopyToNumberDatabases(Accounts),
    /// Assigned numbers to their accounts' databases, of all accounts or of one.
    CopyToAccounts(NumberDatabases, Option<AccountId>),
    /// Some numbers of an account to the number databases that lack them.
    CopyNumbersToNumberDatabases(AccountId, Vec<String>),
    /// Some numbers to their accounts' databases.
    CopyNumbersToAccounts(Vec<String>),
    /// One number to an account's database, whatever its assignment.
    CopyNumberToAccount(String, AccountId),
    /// App usage in account databases.
    FixAppsInAccounts(Accounts),
    /// App usage in number databases.
    FixAppsInNumberDatabases(NumberDatabases),
    /// App usage in the number databases, of some accounts' numbers.
    FixAppsInNumberDatabasesOf(Accounts),
    /// App usage of some numbers in an account's database.
    FixNumbersAppsInAccount(AccountId, Vec<String>),
    /// App usage of some numbers in their number databases.
    FixNumbersAppsInNumberDatabases(Vec<String>),
    /// Numbers of other accounts out of account databases.
    RemoveWrongAssigned(Accounts),
    /// Copies out of account databases whose numbers belong to another account, or to nobody.
    RemoveFormerCopies(Accounts),
    /// Everything for one account.
    FixAccount(AccountId),
    /// Everything for some numbers of an account.
    FixNumbers(AccountId, Vec<String>),
    /// Numbers out of account databases that their number databases lack.
    RemoveFromAccounts(Accounts),
    /// Numbers out of number databases that their accounts lack.
    RemoveFromNumberDatabases(NumberDatabases),
    /// How many numbers each carrier module has.
    CarrierUsage(NumberDatabases),
    /// Numbers of one carrier module to another.
    ConvertCarrier {
        /// The module that they have; any string.
        source: String,
        /// The module that they get, as given.
        target: String,
        /// Where.
        databases: NumberDatabases,
    },
    /// One number to another carrier module.
    ConvertCarrierOfNumber {
        /// The number.
        number: String,
        /// The module that it gets, as given.
        target: String,
    },
    /// A conversion whose other argument is refused: an invalid target goes before that (contract section 9.10), and only the
    /// host knows what is valid.
    RefusedAfterTarget {
        /// The module that the numbers would get, as given.
        target: String,
        /// Why the other argument is refused.
        refusal: Refusal,
    },
    /// The features that are allowed, back to the ten defaults.
    ResetFeatures,
    /// Which application a number is used by in an account.
    AppUsing(String, AccountId),
    /// The features that there are.
    AllFeatures,
    /// A number's lists of features.
    ShowNumberFeatures(String),
    /// A number's lists of features, one changed.
    EditNumberFeatures {
        /// Added or removed.
        edit: Edit,
        /// Which list.
        list: FeatureList,
        /// The feature.
        feature: String,
        /// The number.
        number: String,
    },
    /// The features that the system config allows.
    ShowSystemFeatures,
    /// The features that the system config allows, one added or removed.
    EditSystemFeatures(Edit, String),
    /// `carrier_name` among them.
    EnsureAdminOnlyFeatures,
    /// Documents of this state out of the number databases.
    Purge(&'static str, NumberDatabases),
    /// Fields of unassigned numbers that only assigned ones should have.
    MigrateUnassigned(Unassigned),
    /// The runs that can be undone.
    Runs,
    /// Removes the lock, even if a run still holds it.
    Unlock,
    /// The documents of a run, back as they were.
    Undo(String, OnCluster),
    /// What is out of step.
    Audit(AuditTarget),
    /// What the functions do, or this one of them.
    Help(Option<&'static str>),
    /// A function that needs a running Kazoo.
    NeedsKazoo(&'static str),
}

/// On which cluster a run may be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCluster {
    /// On the one that it was on.
    Same,
    /// On any: the operator insists.
    Any,
}

impl OnCluster {
    /// The word by which the operator insists.
    pub const ANY: &'static str = "any_cluster";
}

impl Command {
    /// Whether the output has the manual's lines and nothing before or after them (contract section 9.9).
    pub fn has_fixed_output(&self) -> bool {
        matches!(
            self,
            Self::CarrierUsage(_)
                | Self::ConvertCarrier { .. }
                | Self::ConvertCarrierOfNumber { .. }
                | Self::RefusedAfterTarget { .. }
        )
    }
}
