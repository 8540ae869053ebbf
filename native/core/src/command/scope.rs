//! How much of a cluster a command may change, as other runs must know.

use serde::{Deserialize, Serialize};

use super::{Accounts, Command, Unassigned};

/// How much of a cluster a run may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One account, or numbers that were given: it excludes nobody and is refused by nobody.
    Shared,
    /// Databases, lists of them, or all: one such run at a time.
    Exclusive,
}

impl Scope {
    /// Whether runs of these scopes may not go on at the same time.
    pub fn excludes(self, other: Self) -> bool {
        self == Self::Exclusive && other == Self::Exclusive
    }
}

impl Command {
    /// How much this command may change; None for one that changes no numbers.
    ///
    /// The lists of features in the system config are one document, written with its revision,
    /// and Kazoo sees to one of them whenever a node starts: that must not be refused because
    /// somewhere numbers are being mended.
    pub fn scope(&self) -> Option<Scope> {
        use Command as C;
        match self {
            C::Nothing
            | C::CarrierUsage(_)
            | C::AppUsing(..)
            | C::AllFeatures
            | C::ShowNumberFeatures(_)
            | C::ShowSystemFeatures
            | C::ResetFeatures
            | C::EditSystemFeatures(..)
            | C::EnsureAdminOnlyFeatures
            | C::Runs
            | C::Unlock
            | C::Audit(_)
            | C::Help(_)
            | C::RefusedAfterTarget { .. }
            | C::NeedsKazoo(_) => None,
            C::CopyToNumberDatabases(accounts)
            | C::FixAppsInAccounts(accounts)
            | C::FixAppsInNumberDatabasesOf(accounts)
            | C::RemoveWrongAssigned(accounts)
            | C::RemoveFormerCopies(accounts)
            | C::RemoveFromAccounts(accounts) => Some(match accounts {
                Accounts::One(_) => Scope::Shared,
                Accounts::All | Accounts::List(_) => Scope::Exclusive,
            }),
            C::CopyToAccounts(_, Some(_))
            | C::CopyNumbersToNumberDatabases(..)
            | C::CopyNumbersToAccounts(_)
            | C::CopyNumberToAccount(..)
            | C::FixNumbersAppsInAccount(..)
            | C::FixNumbersAppsInNumberDatabases(_)
            | C::FixAccount(_)
            | C::FixNumbers(..)
            | C::ConvertCarrierOfNumber { .. }
            | C::EditNumberFeatures { .. }
            | C::MigrateUnassigned(Unassigned::Number(_)) => Some(Scope::Shared),
            C::CopyToAccounts(_, None)
            | C::FixAppsInNumberDatabases(_)
            | C::RemoveFromNumberDatabases(_)
            | C::ConvertCarrier { .. }
            | C::Purge(..)
            | C::MigrateUnassigned(Unassigned::Databases(_))
            | C::Undo(..) => Some(Scope::Exclusive),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Argument, Effect, Parameter, extras, parse, table};

    fn scope(function: &str, parameters: &[Parameter]) -> Option<Scope> {
        let arguments: Vec<Argument> = parameters
            .iter()
            .map(|parameter| {
                let example = parameter.example().to_owned();
                if parameter.is_list() {
                    Argument::List(vec![example])
                } else {
                    Argument::Text(example)
                }
            })
            .collect();
        parse(function, &arguments).unwrap().scope()
    }

    #[test]
    fn what_writes_numbers_has_a_scope_and_what_reads_has_none() {
        for spec in table().iter().chain(extras()) {
            if spec.needs_kazoo {
                continue;
            }
            let of_config = spec.name.ends_with("_on_system_config")
                || spec.name == "ensure_adminonly_features_are_reachable"
                || spec.name == "unlock";
            assert_eq!(
                scope(spec.name, spec.parameters).is_some(),
                spec.effect != Effect::Reads && !of_config,
                "{}/{}",
                spec.name,
                spec.parameters.len()
            );
        }
    }

    #[test]
    fn one_account_or_given_numbers_are_shared_and_all_else_is_exclusive() {
        use Parameter as P;
        for (function, parameters, expected) in [
            ("fix_account_db_numbers", &[P::Account][..], Scope::Shared),
            ("fix_numbers", &[P::Account, P::Numbers], Scope::Shared),
            (
                "copy_single_account_to_number_dbs",
                &[P::Account],
                Scope::Shared,
            ),
            (
                "copy_assigned_number_dbs_to_account",
                &[P::Account],
                Scope::Shared,
            ),
            (
                "copy_numbers_from_dbs_to_assigned_accounts",
                &[P::Numbers],
                Scope::Shared,
            ),
            ("copy_accounts_to_number_dbs", &[], Scope::Exclusive),
            (
                "copy_accounts_to_number_dbs",
                &[P::Accounts],
                Scope::Exclusive,
            ),
            (
                "copy_single_number_db_to_accounts",
                &[P::Database],
                Scope::Exclusive,
            ),
            ("purge_deleted", &[], Scope::Exclusive),
            ("undo", &[P::Run], Scope::Exclusive),
            ("undo", &[P::Run, P::AnyCluster], Scope::Exclusive),
        ] {
            assert_eq!(scope(function, parameters), Some(expected), "{function}");
        }
    }

    #[test]
    fn only_exclusive_runs_exclude_each_other() {
        assert!(!Scope::Shared.excludes(Scope::Shared));
        assert!(!Scope::Shared.excludes(Scope::Exclusive));
        assert!(!Scope::Exclusive.excludes(Scope::Shared));
        assert!(Scope::Exclusive.excludes(Scope::Exclusive));
    }
}
