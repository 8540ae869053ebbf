//! The commands that are measured: one of each family, over the whole cluster.

use kazoo_numbers_cluster::DriftKind;

use crate::reads::Read;

/// A command, what drift it is measured on, and what the floor for it reads.
#[derive(Debug)]
pub(crate) struct Family {
    /// The function.
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// The cluster that it finds: families with the same drift share one.
    pub(crate) drift: &'static [DriftKind],
    /// What must be read to know what is to be done, all at the same time.
    pub(crate) reads: &'static [Read],
    /// What must be read when that is known, and before it is done.
    pub(crate) then: Then,
    /// Whether it writes: then it is measured once where there is work to do, and once where
    /// there is none left.
    pub(crate) writes: bool,
}

/// A second reading, of documents that the first one named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// None: the first told the revisions of all that is written.
    Nothing,
    /// The revisions of what is written to account databases, by key.
    RevisionsInAccounts,
}

/// What lies in accounts and in no number database.
const ONLY_IN_ACCOUNT: &[DriftKind] = &[DriftKind::OnlyInAccount];

/// Copies that are missing (half of them) or differ.
const COPIES: &[DriftKind] = &[DriftKind::MissingCopy, DriftKind::DifferingCopy];

/// Usage that is wrong on one side or on both.
const USAGE: &[DriftKind] = &[
    DriftKind::WrongUsedByInNumberDatabase,
    DriftKind::WrongUsedByInAccount,
];

/// Copies in accounts that are others'.
const STRAYS: &[DriftKind] = &[DriftKind::WrongAccount];

/// The commands, in the order in which they are measured: those that share a cluster follow
/// each other.
pub(crate) const FAMILIES: &[Family] = &[
    Family {
        name: "copy_accounts_to_number_dbs",
        arguments: &[],
        drift: ONLY_IN_ACCOUNT,
        // Copies are compared: the revisions of two databases say nothing about each other.
        reads: &[Read::NumbersOfAccounts, Read::NumberDatabases],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "destructively_remove_from_account_db_if_not_in_numdb",
        arguments: &[],
        drift: ONLY_IN_ACCOUNT,
        // Whether a document is a live number only the document tells; whether the other side
        // has it, the id.
        reads: &[Read::NumbersOfAccounts, Read::IdsOfNumberDatabases],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "copy_number_dbs_to_accounts",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::NumberDatabases, Read::NumbersOfAccounts],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "destructively_remove_from_number_dbs_if_not_in_accountdb",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::NumberDatabases, Read::IdsOfNumbersOfAccounts],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "carrier_module_usage",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::Carriers],
        then: Then::Nothing,
        writes: false,
    },
    Family {
        name: "convert_carrier_module",
        // One number in eight; another carrier that needs no feature of its own.
        arguments: &["knm_telnyx", "knm_flowroute"],
        drift: COPIES,
        // Documents and not an index, as many requests as by one: a conversion writes, and what
        // an index leaves out would stay as it is.
        reads: &[Read::NumberDatabases],
        then: Then::RevisionsInAccounts,
        writes: true,
    },
    Family {
        name: "fix_apps_for_number_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[Read::NumberDatabases, Read::UsesOfAccounts],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "fix_apps_for_account_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[Read::AccountDatabases],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "remove_wrong_assigned_from_accounts",
        arguments: &[],
        drift: STRAYS,
        reads: &[Read::NumbersOfAccounts],
        then: Then::Nothing,
        writes: true,
    },
    Family {
        name: "audit",
        arguments: &[],
        drift: &DriftKind::ALL,
        reads: &[Read::AccountDatabases, Read::NumberDatabases],
        then: Then::Nothing,
        writes: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_exist() {
        for family in FAMILIES {
            let found = kazoo_numbers::command::find(family.name, family.arguments.len());
            let spec = found.unwrap_or_else(|| panic!("{}", family.name));
            let writes = spec.effect != kazoo_numbers::command::Effect::Reads;
            assert_eq!(writes, family.writes, "{}", family.name);
        }
    }

    #[test]
    fn those_on_the_same_cluster_follow_each_other() {
        let mut clusters: Vec<&[DriftKind]> = FAMILIES.iter().map(|one| one.drift).collect();
        clusters.dedup();
        for (index, one) in clusters.iter().enumerate() {
            assert!(!clusters[index + 1..].contains(one));
        }
    }
}
