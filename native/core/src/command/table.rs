//! The table of commands: it exists once. The Erlang exports, the command line, its help and the
//! manual are checked against it.

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// An account, in any form.
    Account,
    /// A list of accounts.
    Accounts,
    /// A number database, in any form.
    Database,
    /// A list of number databases.
    Databases,
    /// The first characters of a number.
    Prefix,
    /// A phone number.
    Number,
    /// A list of phone numbers.
    Numbers,
    /// A number database or a phone number.
    DatabaseOrNumber,
    /// The carrier module that numbers have.
    Source,
    /// The carrier module that numbers get.
    Target,
    /// A feature.
    Feature,
    /// The id of a run, as `runs` lists it.
    Run,
    /// The word that has a run undone on another cluster.
    AnyCluster,
    /// What an audit is about: an account, a number database, a prefix or a number.
    AuditTarget,
    /// The id of a run in progress, as `status` tells it.
    RunInProgress,
    /// The name of a function.
    Function,
    /// The arguments of another function.
    OfFunction,
    /// Something that only Kazoo understands.
    Other,
}

impl Parameter {
    /// Whether a list is taken.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Accounts | Self::Databases | Self::Numbers)
    }

    /// Its name in usage lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Accounts => "ACCOUNT…",
            Self::Database => "NUMBER_DB",
            Self::Databases => "NUMBER_DB…",
            Self::Prefix => "PREFIX",
            Self::Number => "NUMBER",
            Self::Numbers => "NUMBER…",
            Self::DatabaseOrNumber => "NUMBER_DB|NUMBER",
            Self::Source => "SOURCE",
            Self::Target => "TARGET",
            Self::Feature => "FEATURE",
            Self::Run => "RUN",
            Self::AnyCluster => "any_cluster",
            Self::RunInProgress => "RUN_IN_PROGRESS",
            Self::Function => "FUNCTION",
            Self::OfFunction => "ARGUMENT…",
            Self::AuditTarget => "ACCOUNT|NUMBER_DB|NUMBER",
            Self::Other => "ARGUMENT",
        }
    }

    /// What is taken, in one line.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Account => {
                "an account id, its database (account/4b/87/…, account%2F4b%2F87%2F…), or a month or year database of it"
            }
            Self::Accounts => "accounts, each in any form of ACCOUNT",
            Self::Database => "a number database: numbers%2F%2B1415, numbers/+1415, or +1415",
            Self::Databases => "number databases, each in any form of NUMBER_DB",
            Self::Prefix => {
                "the first characters of a number; five or more name one database, fewer every database that starts so"
            }
            Self::Number => "a phone number in any form that Kazoo's converters know",
            Self::Numbers => "phone numbers, each in any form of NUMBER",
            Self::DatabaseOrNumber => "a number database, a prefix, or a phone number",
            Self::Source => "the carrier module that the numbers have",
            Self::Target => "the carrier module that the numbers get",
            Self::Feature => "a feature, as all_features lists them",
            Self::Run => "the id of a run, as runs lists it",
            Self::AnyCluster => {
                "this word: the run was on another cluster, and is undone here all the same"
            }
            Self::RunInProgress => "the id of a run in progress, as status tells it",
            Self::AuditTarget => "an account, a number database, a prefix, or a phone number",
            Self::Function => "the name of a function",
            Self::OfFunction => "the arguments of that function, three at most",
            Self::Other => "what Kazoo's own function takes",
        }
    }

    /// One that would be taken.
    pub fn example(&self) -> &'static str {
        match self {
            Self::Account | Self::Accounts => "4b87ccf02d8846f06c3b1f0e04e76bfd",
            Self::Database | Self::Databases => "numbers%2F%2B1415",
            Self::Prefix | Self::DatabaseOrNumber | Self::AuditTarget => "+1415",
            Self::Number | Self::Numbers => "+14155550100",
            Self::Source => "knm_bandwidth",
            Self::Target => "knm_bandwidth2",
            Self::Feature => "e911",
            Self::Run => "20261123T042900Z-250000",
            Self::AnyCluster => "any_cluster",
            Self::RunInProgress => "0.123.0",
            Self::Function => "fix_account_db_numbers",
            Self::OfFunction => Self::Account.example(),
            Self::Other => "example",
        }
    }
}

/// What a command does to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It reads.
    Reads,
    /// It creates and updates documents.
    Writes,
    /// It deletes documents, too.
    Deletes,
}

/// One row of the table: a function of one arity.
#[derive(Debug)]
pub struct Spec {
    /// The function's name, as Kazoo has it.
    pub name: &'static str,
    /// Its parameters; their number is its arity.
    pub parameters: &'static [Parameter],
    /// What it does to the data.
    pub effect: Effect,
    /// Whether it only works inside Kazoo.
    pub needs_kazoo: bool,
    /// What it does, in one line.
    pub help: &'static str,
}

impl Spec {
    /// Whether it deletes documents.
    pub fn deletes(&self) -> bool {
        self.effect == Effect::Deletes
    }
}

/// All functions that Kazoo's module has.
pub fn table() -> &'static [Spec] {
    TABLE
}

/// What this library has besides.
pub fn extras() -> &'static [Spec] {
    EXTRAS
}

/// What only the Erlang module has: it starts, tells of and stops runs of these functions. No
/// command is read from them.
pub fn erlangs_own() -> &'static [Spec] {
    ERLANGS_OWN
}

/// The command of this name and arity.
pub fn find(name: &str, arity: usize) -> Option<&'static Spec> {
    TABLE
        .iter()
        .chain(EXTRAS)
        .find(|spec| spec.name == name && spec.parameters.len() == arity)
}

const fn reads(name: &'static str, parameters: &'static [Parameter], help: &'static str) -> Spec {
    Spec {
        name,
        parameters,
        effect: Effect::Reads,
        needs_kazoo: false,
        help,
    }
}

const fn writes(name: &'static str, parameters: &'static [Parameter], help: &'static str) -> Spec {
    Spec {
        name,
        parameters,
        effect: Effect::Writes,
        needs_kazoo: false,
        help,
    }
}

const fn deletes(name: &'static str, parameters: &'static [Parameter], help: &'static str) -> Spec {
    Spec {
        name,
        parameters,
        effect: Effect::Deletes,
        needs_kazoo: false,
        help,
    }
}

const fn kazoo(name: &'static str, parameters: &'static [Parameter], help: &'static str) -> Spec {
    Spec {
        name,
        parameters,
        effect: Effect::Writes,
        needs_kazoo: true,
        help,
    }
}

use Parameter::{
    Account, Accounts, AnyCluster, AuditTarget, Database, DatabaseOrNumber, Databases, Feature,
    Function, Number, Numbers, OfFunction, Other, Prefix, Run, RunInProgress, Source, Target,
};

const TABLE: &[Spec] = &[
    writes(
        "copy_accounts_to_number_dbs",
        &[],
        "Copies all number documents of all account databases to the number databases that lack them.",
    ),
    writes(
        "copy_accounts_to_number_dbs",
        &[Accounts],
        "Copies all number documents of these account databases to the number databases that lack them.",
    ),
    writes(
        "copy_single_account_to_number_dbs",
        &[Account],
        "Copies all number documents of an account database to the number databases that lack them.",
    ),
    writes(
        "copy_number_dbs_to_accounts",
        &[],
        "Copies all assigned numbers of all number databases to their accounts' databases.",
    ),
    writes(
        "copy_number_dbs_to_accounts",
        &[Databases],
        "Copies all assigned numbers of these number databases to their accounts' databases.",
    ),
    writes(
        "copy_single_number_db_to_accounts",
        &[Database],
        "Copies all assigned numbers of a number database to their accounts' databases.",
    ),
    writes(
        "copy_assigned_number_dbs_to_account",
        &[Account],
        "Copies all numbers assigned to an account from all number databases to the account's database.",
    ),
    writes(
        "copy_single_assigned_number_db_to_account",
        &[Account, Database],
        "Copies all numbers assigned to an account from one number database to the account's database.",
    ),
    writes(
        "copy_number_from_accountdb_to_numbdb",
        &[Account, Number],
        "Copies a number of an account's database to its number database, where it is missing.",
    ),
    writes(
        "copy_numbers_from_accountdb_to_numbdbs",
        &[Account, Numbers],
        "Copies numbers of an account's database to their number databases, where they are missing.",
    ),
    writes(
        "copy_number_from_db_to_assigned_account",
        &[Number],
        "Copies a number of its number database to its account's database.",
    ),
    writes(
        "copy_numbers_from_dbs_to_assigned_accounts",
        &[Numbers],
        "Copies numbers of their number databases to their accounts' databases.",
    ),
    writes(
        "copy_single_number_to_account_db",
        &[Number, Account],
        "DANGER: copies a number of its number database to an account's database, whatever its assignment.",
    ),
    deletes(
        "fix_account_db_numbers",
        &[Account],
        "Fixes all numbers of an account: app usage in the number databases, copies in the account's database, wrong ones removed there, services reconciled.",
    ),
    deletes(
        "fix_number",
        &[Account, Number],
        "Fixes a number of an account, and removes wrong ones from its database.",
    ),
    deletes(
        "fix_numbers",
        &[Account, Numbers],
        "Fixes numbers of an account, and removes wrong ones from its database.",
    ),
    writes(
        "fix_apps_for_account_dbs",
        &[],
        "Fixes which application uses a number, in all account databases.",
    ),
    writes(
        "fix_apps_for_account_dbs",
        &[Accounts],
        "Fixes which application uses a number, in these account databases.",
    ),
    writes(
        "fix_apps_for_single_account_db",
        &[Account],
        "Fixes which application uses a number, in an account database.",
    ),
    writes(
        "fix_apps_for_number_dbs",
        &[],
        "Fixes which application uses an assigned number, in all number databases.",
    ),
    writes(
        "fix_apps_for_number_dbs",
        &[Databases],
        "Fixes which application uses an assigned number, in these number databases.",
    ),
    writes(
        "fix_apps_for_single_number_db",
        &[Database],
        "Fixes which application uses an assigned number, in a number database.",
    ),
    writes(
        "fix_apps_in_number_dbs_for_accounts",
        &[Accounts],
        "Fixes which application uses a number, in all number databases, for these accounts' numbers.",
    ),
    writes(
        "fix_apps_in_number_dbs_for_single_account",
        &[Account],
        "Fixes which application uses a number, in all number databases, for an account's numbers.",
    ),
    writes(
        "fix_numbers_apps_in_accountdb",
        &[Account, Numbers],
        "Fixes which application uses a number, for numbers in an account's database.",
    ),
    writes(
        "fix_numbers_apps_in_numbdb",
        &[Numbers],
        "Fixes which application uses a number, for numbers in their number databases.",
    ),
    deletes(
        "remove_wrong_assigned_from_accounts",
        &[],
        "Removes numbers that are assigned to another account, from all account databases.",
    ),
    deletes(
        "remove_wrong_assigned_from_single_accountdb",
        &[Account],
        "Removes numbers that are assigned to another account, from an account database.",
    ),
    deletes(
        "destructively_remove_from_account_db_if_not_in_numdb",
        &[],
        "Removes numbers from all account databases if their number databases lack them. Not for production.",
    ),
    deletes(
        "destructively_remove_from_single_account_db_if_not_in_numdb",
        &[Account],
        "Removes numbers from an account database if their number databases lack them. Not for production.",
    ),
    deletes(
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        &[],
        "Removes assigned numbers from all number databases if their accounts' databases lack them. Not for production.",
    ),
    deletes(
        "destructively_remove_from_single_numdb_if_not_in_accountdb",
        &[Database],
        "Removes assigned numbers from a number database if their accounts' databases lack them. Not for production.",
    ),
    reads(
        "carrier_module_usage",
        &[],
        "Counts the numbers of each carrier module, in all number databases.",
    ),
    reads(
        "carrier_module_usage",
        &[Prefix],
        "Counts the numbers of each carrier module, in the number databases of a prefix.",
    ),
    writes(
        "convert_carrier_module",
        &[Source, Target],
        "Converts the numbers of one carrier module to another, in all number databases.",
    ),
    writes(
        "convert_carrier_module",
        &[Source, Target, Prefix],
        "Converts the numbers of one carrier module to another, in the number databases of a prefix.",
    ),
    writes(
        "convert_carrier_module_number",
        &[Number, Target],
        "Converts a number to another carrier module.",
    ),
    writes(
        "reset_allowed_features_to_defaults_on_system_config",
        &[],
        "Sets the features that the system config allows to the ten defaults.",
    ),
    reads(
        "app_using",
        &[Number, Account],
        "Tells which application a number is used by in an account.",
    ),
    reads("all_features", &[], "Lists the features that there are."),
    reads(
        "feature_permissions_on_number",
        &[Number],
        "Shows which features are allowed and denied on a number.",
    ),
    writes(
        "add_allowed_feature_on_number",
        &[Feature, Number],
        "Adds a feature to those allowed on a number.",
    ),
    writes(
        "add_denied_feature_on_number",
        &[Feature, Number],
        "Adds a feature to those denied on a number.",
    ),
    writes(
        "remove_allowed_feature_on_number",
        &[Feature, Number],
        "Removes a feature from those allowed on a number.",
    ),
    writes(
        "remove_denied_feature_on_number",
        &[Feature, Number],
        "Removes a feature from those denied on a number.",
    ),
    reads(
        "feature_permissions_on_system_config",
        &[],
        "Shows which features the system config allows.",
    ),
    writes(
        "add_allowed_feature_on_system_config",
        &[Feature],
        "Adds a feature to those that the system config allows.",
    ),
    writes(
        "remove_allowed_feature_on_system_config",
        &[Feature],
        "Removes a feature from those that the system config allows.",
    ),
    writes(
        "ensure_adminonly_features_are_reachable",
        &[],
        "Adds carrier_name to the features that the system config allows, where it is missing.",
    ),
    kazoo(
        "feature_permissions_on_reseller_of",
        &[Account],
        "Shows which features are allowed and denied by an account's reseller.",
    ),
    kazoo(
        "add_allowed_feature_on_reseller_of",
        &[Feature, Account],
        "Adds a feature to those allowed by an account's reseller.",
    ),
    kazoo(
        "add_denied_feature_on_reseller_of",
        &[Feature, Account],
        "Adds a feature to those denied by an account's reseller.",
    ),
    kazoo(
        "remove_allowed_feature_on_reseller_of",
        &[Feature, Account],
        "Removes a feature from those allowed by an account's reseller.",
    ),
    kazoo(
        "remove_denied_feature_on_reseller_of",
        &[Feature, Account],
        "Removes a feature from those denied by an account's reseller.",
    ),
    deletes(
        "purge_deleted",
        &[],
        "Removes numbers of the state deleted, from all number databases.",
    ),
    deletes(
        "purge_deleted",
        &[Prefix],
        "Removes numbers of the state deleted, from the number databases of a prefix.",
    ),
    deletes(
        "purge_discovery",
        &[],
        "Removes numbers of the state discovery, from all number databases.",
    ),
    deletes(
        "purge_discovery",
        &[Prefix],
        "Removes numbers of the state discovery, from the number databases of a prefix.",
    ),
    writes(
        "migrate_unassigned_numbers",
        &[],
        "Takes from unassigned numbers what only assigned ones should have, in all number databases.",
    ),
    writes(
        "migrate_unassigned_numbers",
        &[DatabaseOrNumber],
        "Takes from unassigned numbers what only assigned ones should have, in a number database or for one number.",
    ),
    kazoo(
        "refresh_numbers_dbs",
        &[],
        "Brings the design documents of all number databases up to date.",
    ),
    kazoo(
        "refresh_numbers_db",
        &[Database],
        "Brings the design documents of a number database up to date.",
    ),
    kazoo("init_dbs", &[], "Creates the databases that numbers need."),
    kazoo(
        "register_views",
        &[],
        "Registers the views that numbers need.",
    ),
    kazoo(
        "update_number_services_view",
        &[Account],
        "Brings the view that counts an account's numbers for its services up to date.",
    ),
    kazoo(
        "generate_js_classifiers",
        &[Other],
        "Makes the JavaScript that classifies numbers in views.",
    ),
    kazoo("migrate", &[], "Runs the migrations of number documents."),
    kazoo(
        "migrate_port_requests",
        &[],
        "Runs the migrations of port requests.",
    ),
    kazoo(
        "generate_numbers",
        &[Other, Other, Other, Other],
        "Generates numbers for tests.",
    ),
    kazoo("delete", &[Number], "Deletes a number."),
];

const EXTRAS: &[Spec] = &[
    reads(
        "audit",
        &[],
        "Tells which numbers are in sync, and what is out of step, with the command that mends it.",
    ),
    reads(
        "audit",
        &[AuditTarget],
        "Tells what is out of step in an account, in number databases or with one number, with the command that mends it.",
    ),
    reads("runs", &[], "Lists the runs that can be undone."),
    deletes(
        "undo",
        &[Run],
        "Puts the documents of a run back, where nobody has changed them since.",
    ),
    deletes(
        "undo",
        &[Run, AnyCluster],
        "Puts the documents of a run back although it was on another cluster, where they are as the run left them.",
    ),
    reads("help", &[], "Lists the functions."),
    reads(
        "help",
        &[Function],
        "Tells what a function does, its arguments, whether it deletes, and an example.",
    ),
];

const ERLANGS_OWN: &[Spec] = &[
    reads(
        "dry_run",
        &[Function, OfFunction],
        "Says what a function would create, update and delete, and writes nothing.",
    ),
    reads(
        "status",
        &[],
        "Tells which runs are in progress in this node.",
    ),
    reads(
        "cancel",
        &[RunInProgress],
        "Stops a run: the request in flight is finished, and nothing more is written.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn seventy_functions_each_once() {
        let names: BTreeSet<_> = table()
            .iter()
            .map(|spec| (spec.name, spec.parameters.len()))
            .collect();
        assert_eq!((names.len(), table().len()), (70, 70));
    }
}
