//! A command as an operator gives it.

use std::fmt;

/// The functions of the manual by name and arity, in the manual's order.
pub const FUNCTIONS: [(&str, usize); 38] = [
    ("carrier_module_usage", 1),
    ("carrier_module_usage", 0),
    ("convert_carrier_module_number", 2),
    ("convert_carrier_module", 3),
    ("convert_carrier_module", 2),
    ("reset_allowed_features_to_defaults_on_system_config", 0),
    ("copy_accounts_to_number_dbs", 0),
    ("copy_accounts_to_number_dbs", 1),
    ("copy_single_account_to_number_dbs", 1),
    ("copy_number_dbs_to_accounts", 0),
    ("copy_number_dbs_to_accounts", 1),
    ("copy_single_number_db_to_accounts", 1),
    ("copy_assigned_number_dbs_to_account", 1),
    ("copy_single_assigned_number_db_to_account", 2),
    ("copy_number_from_accountdb_to_numbdb", 2),
    ("copy_numbers_from_accountdb_to_numbdbs", 2),
    ("copy_number_from_db_to_assigned_account", 1),
    ("copy_numbers_from_dbs_to_assigned_accounts", 1),
    ("copy_single_number_to_account_db", 2),
    ("fix_account_db_numbers", 1),
    ("fix_number", 2),
    ("fix_numbers", 2),
    ("fix_apps_for_account_dbs", 0),
    ("fix_apps_for_account_dbs", 1),
    ("fix_apps_for_single_account_db", 1),
    ("fix_apps_for_number_dbs", 0),
    ("fix_apps_for_number_dbs", 1),
    ("fix_apps_in_number_dbs_for_accounts", 1),
    ("fix_apps_in_number_dbs_for_single_account", 1),
    ("fix_apps_for_single_number_db", 1),
    ("fix_numbers_apps_in_accountdb", 2),
    ("fix_numbers_apps_in_numbdb", 1),
    ("remove_wrong_assigned_from_accounts", 0),
    ("remove_wrong_assigned_from_single_accountdb", 1),
    ("destructively_remove_from_account_db_if_not_in_numdb", 0),
    (
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        0,
    ),
    (
        "destructively_remove_from_single_account_db_if_not_in_numdb",
        1,
    ),
    (
        "destructively_remove_from_single_numdb_if_not_in_accountdb",
        1,
    ),
];

/// Functions outside the manual that the model implements: those that write to number databases and
/// to the system configuration.
pub const OTHER_FUNCTIONS: [(&str, usize); 13] = [
    ("purge_deleted", 0),
    ("purge_deleted", 1),
    ("purge_discovery", 0),
    ("purge_discovery", 1),
    ("migrate_unassigned_numbers", 0),
    ("migrate_unassigned_numbers", 1),
    ("feature_permissions_on_system_config", 0),
    ("add_allowed_feature_on_system_config", 1),
    ("remove_allowed_feature_on_system_config", 1),
    ("ensure_adminonly_features_are_reachable", 0),
    ("remove_former_copies", 0),
    ("remove_former_copies", 1),
    ("repair", 0),
];

/// An argument: a binary from `sup`, or a list of binaries from the Erlang shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A single name.
    Text(String),
    /// A list of names.
    List(Vec<String>),
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's name in the manual's spelling.
    pub function: String,
    /// The arguments in the manual's order.
    pub arguments: Vec<Argument>,
}

impl Call {
    /// Creates a call of `function`.
    pub fn new(function: &str, arguments: impl IntoIterator<Item = Argument>) -> Self {
        Self {
            function: function.to_owned(),
            arguments: arguments.into_iter().collect(),
        }
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const N: usize> From<[&str; N]> for Argument {
    fn from(texts: [&str; N]) -> Self {
        Self::List(texts.into_iter().map(str::to_owned).collect())
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::List(texts) => write!(formatter, "{texts:?}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}(", self.function)?;
        for (position, argument) in self.arguments.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(formatter, "{comma}{argument}")?;
        }
        write!(formatter, ")")
    }
}
