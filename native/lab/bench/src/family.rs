//! The commands that are measured: one of each family, over the whole cluster.

use kazoo_numbers_generator::DriftKind;

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
    pub(crate) work: Work,
}

/// What a command does to the cluster, which says how it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// It reads.
    Reads,
    /// It writes: it is measured where there is work to do, and where there is none left.
    Writes,
    /// It undoes a run of this function.
    Undoes(&'static str),
}

/// A second reading, of documents that the first one named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// None: the first told the revisions of all that is written.
    Nothing,
    /// The revisions of what is written to account databases, by key.
    RevisionsInAccounts,
    /// The revisions of all that is written, by key.
    Revisions,
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
        reads: &[Read::AnyNumbersOfAccounts, Read::NumberDatabases],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "destructively_remove_from_account_db_if_not_in_numdb",
        arguments: &[],
        drift: ONLY_IN_ACCOUNT,
        // Whether a document is a live number only the document tells; whether the other side
        // has it, the id.
        reads: &[Read::AnyNumbersOfAccounts, Read::IdsOfNumberDatabases],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "copy_number_dbs_to_accounts",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::NumberDatabases, Read::NumbersOfAccounts],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "undo",
        arguments: &[],
        drift: COPIES,
        // The journal says what to read.
        reads: &[],
        then: Then::Revisions,
        work: Work::Undoes("copy_number_dbs_to_accounts"),
    },
    Family {
        name: "destructively_remove_from_number_dbs_if_not_in_accountdb",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::NumberDatabases, Read::IdsOfNumbersOfAccounts],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "carrier_module_usage",
        arguments: &[],
        drift: COPIES,
        reads: &[Read::Carriers],
        then: Then::Nothing,
        work: Work::Reads,
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
        work: Work::Writes,
    },
    Family {
        name: "fix_apps_for_number_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[Read::NumberDatabases, Read::UsesOfAccounts],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "fix_apps_for_account_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[Read::AccountDatabases],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "remove_wrong_assigned_from_accounts",
        arguments: &[],
        drift: STRAYS,
        reads: &[Read::AnyNumbersOfAccounts],
        then: Then::Nothing,
        work: Work::Writes,
    },
    Family {
        name: "audit",
        arguments: &[],
        drift: &DriftKind::ALL,
        reads: &[Read::AccountDatabases, Read::NumberDatabases],
        then: Then::Nothing,
        work: Work::Reads,
    },
];

#[cfg(test)]
mod tests {
    use kazoo_numbers::command::{Effect, find};

    use super::*;

    #[test]
    fn the_functions_exist() {
        for family in FAMILIES {
            // The run that is undone is known when it has been made.
            let more = usize::from(matches!(family.work, Work::Undoes(_)));
            let found = find(family.name, family.arguments.len() + more);
            let spec = found.unwrap_or_else(|| panic!("{}", family.name));
            let reads = family.work == Work::Reads;
            assert_eq!(spec.effect == Effect::Reads, reads, "{}", family.name);
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
