//! The measured commands: one of each family, on the whole cluster.

use kazoo_numbers_generator::DriftKind;

use crate::reads::FloorRead;

/// A command, the drift that it is measured on, and the reads of its floor.
#[derive(Debug)]
pub(crate) struct CommandFamily {
    /// The function.
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// The drift of the cluster. Families with the same drift share one.
    pub(crate) drift: &'static [DriftKind],
    /// The concurrent reads that determine the work.
    pub(crate) reads: &'static [FloorRead],
    /// The second read, before the writes.
    pub(crate) then: SecondRead,
    pub(crate) work: FamilyKind,
}

/// The effect of a command on the cluster, which decides how it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    /// The command only reads.
    Reads,
    /// The command writes. It is measured with and without work to do.
    Writes,
    /// The command undoes a run of this function.
    Undoes(&'static str),
}

/// A second read, of documents found by the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecondRead {
    /// No second read: the first one returned all revisions.
    Nothing,
    /// The revisions of documents to write in account databases, by key.
    RevisionsInAccounts,
    /// The revisions of all documents to write, by key.
    Revisions,
}

/// Numbers that are only in accounts.
const ONLY_IN_ACCOUNT: &[DriftKind] = &[DriftKind::OnlyInAccount];

/// Missing (half of them) or different copies.
const COPIES: &[DriftKind] = &[DriftKind::MissingCopy, DriftKind::DifferingCopy];

/// Usage that is wrong on one or both sides.
const USAGE: &[DriftKind] = &[
    DriftKind::WrongUsedByInNumberDatabase,
    DriftKind::WrongUsedByInAccount,
];

/// Copies in accounts that name another account.
const STRAYS: &[DriftKind] = &[DriftKind::WrongAccount];

/// The commands in the order of measurement. Those that share a cluster are adjacent.
pub(crate) const FAMILIES: &[CommandFamily] = &[
    CommandFamily {
        name: "copy_accounts_to_number_dbs",
        arguments: &[],
        drift: ONLY_IN_ACCOUNT,
        // Copies are compared by content, because the revisions of two databases are unrelated.
        reads: &[FloorRead::AnyNumbersOfAccounts, FloorRead::NumberDatabases],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "destructively_remove_from_account_db_if_not_in_numdb",
        arguments: &[],
        drift: ONLY_IN_ACCOUNT,
        // Whether a document is a live number needs the document; whether the other side has it,
        // only the id.
        reads: &[
            FloorRead::AnyNumbersOfAccounts,
            FloorRead::IdsOfNumberDatabases,
        ],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "copy_number_dbs_to_accounts",
        arguments: &[],
        drift: COPIES,
        reads: &[FloorRead::NumberDatabases, FloorRead::NumbersOfAccounts],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "undo",
        arguments: &[],
        drift: COPIES,
        // The journal determines the documents to read.
        reads: &[],
        then: SecondRead::Revisions,
        work: FamilyKind::Undoes("copy_number_dbs_to_accounts"),
    },
    CommandFamily {
        name: "destructively_remove_from_number_dbs_if_not_in_accountdb",
        arguments: &[],
        drift: COPIES,
        reads: &[
            FloorRead::NumberDatabases,
            FloorRead::IdsOfNumbersOfAccounts,
        ],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "carrier_module_usage",
        arguments: &[],
        drift: COPIES,
        reads: &[FloorRead::Carriers],
        then: SecondRead::Nothing,
        work: FamilyKind::Reads,
    },
    CommandFamily {
        name: "convert_carrier_module",
        // One number in eight, converted to a carrier without special features.
        arguments: &["knm_telnyx", "knm_flowroute"],
        drift: COPIES,
        // Reads documents and not an index, with the same number of requests: a conversion writes,
        // and documents missing in an index would stay unchanged.
        reads: &[FloorRead::NumberDatabases],
        then: SecondRead::RevisionsInAccounts,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "fix_apps_for_number_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[FloorRead::NumberDatabases, FloorRead::UsesOfAccounts],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "fix_apps_for_account_dbs",
        arguments: &[],
        drift: USAGE,
        reads: &[FloorRead::AccountDatabases],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "remove_wrong_assigned_from_accounts",
        arguments: &[],
        drift: STRAYS,
        reads: &[FloorRead::AnyNumbersOfAccounts],
        then: SecondRead::Nothing,
        work: FamilyKind::Writes,
    },
    CommandFamily {
        name: "audit",
        arguments: &[],
        drift: &DriftKind::ALL,
        reads: &[FloorRead::AccountDatabases, FloorRead::NumberDatabases],
        then: SecondRead::Nothing,
        work: FamilyKind::Reads,
    },
];

#[cfg(test)]
mod tests {
    use kazoo_numbers::command::{Effect, find};

    use super::*;

    #[test]
    fn measured_functions_exist() {
        for family in FAMILIES {
            // `undo` also takes the id of the run.
            let more = usize::from(matches!(family.work, FamilyKind::Undoes(_)));
            let found = find(family.name, family.arguments.len() + more);
            let spec = found.unwrap_or_else(|| panic!("{}", family.name));
            let reads = family.work == FamilyKind::Reads;
            assert_eq!(spec.effect == Effect::Reads, reads, "{}", family.name);
        }
    }

    #[test]
    fn families_on_the_same_cluster_are_adjacent() {
        let mut clusters: Vec<&[DriftKind]> = FAMILIES.iter().map(|family| family.drift).collect();
        clusters.dedup();
        for (index, drift) in clusters.iter().enumerate() {
            assert!(!clusters[index + 1..].contains(drift));
        }
    }
}
