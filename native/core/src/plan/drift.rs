//! The kinds of drift between number databases and account databases: severity, meaning, remedy.

use serde::Serialize;

/// The effect of a kind of drift, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Calls to the number fail, or can reach the wrong account: Kazoo finds the account of a call in the number database.
    Critical,
    /// Calls work. An account lacks a number, has one of another account, or the wrong application gets it.
    Major,
    /// Calls work, and the right account has the number. Some value differs.
    Minor,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Major, Self::Minor];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }

    /// A description for operators.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Critical => "calls to the number fail, or can reach the wrong account",
            Self::Major => {
                "calls work; an account lacks a number, has one of another account, or the wrong application gets it"
            }
            Self::Minor => "calls work, and the right account has the number; a value differs",
        }
    }
}

/// The way to repair a kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command repairs it.
    Command {
        /// The function, without arguments, for the whole cluster.
        all: &'static str,
        /// The function for one account.
        account: Option<&'static str>,
        /// The function for one number database.
        database: Option<&'static str>,
        /// Advice before or after the command.
        advice: Option<&'static str>,
    },
    /// No command repairs it. The sentence says how a person decides.
    Decision(&'static str),
}

/// A kind of drift, in the order of reports: by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Drift {
    /// Claimed by several accounts while no number database has it, or assigned to two accounts by two number databases. Each copy
    /// in an account is one finding, whether its account claims the number or not.
    Contested,
    /// Assigned to an account that has no database.
    AccountMissing,
    /// A number in the number database of another prefix.
    Misfiled,
    /// `pvt_assigned_to` is present and not an account id.
    OddAssignment,
    /// In an account's database, but in no number database.
    OnlyInAccount,
    /// Assigned, but missing in the account's database.
    MissingCopy,
    /// `pvt_used_by` in the number database differs from the usage in the account.
    WrongUsedByInNumberDatabase,
    /// In an account's database, with a `pvt_assigned_to` of another account.
    WrongAccount,
    /// In an account's database without a `pvt_assigned_to` of another account, while the number database assigns the number to
    /// another account or to nobody.
    FormerAccount,
    /// A document with losing leaves.
    Conflicted,
    /// Assigned, and the account's document differs from the number database's.
    DifferingCopy,
    /// `pvt_used_by` in an account's database differs from the usage in that account.
    WrongUsedByInAccount,
    /// In the number database with a `pvt_used_by`, but assigned to nobody.
    UnassignedButUsed,
}

/// All that reports say about a kind of drift.
struct Row {
    name: &'static str,
    severity: Severity,
    meaning: &'static str,
    remedy: Remedy,
}

impl Drift {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 13] = [
        Self::Contested,
        Self::AccountMissing,
        Self::Misfiled,
        Self::OddAssignment,
        Self::OnlyInAccount,
        Self::MissingCopy,
        Self::WrongUsedByInNumberDatabase,
        Self::WrongAccount,
        Self::FormerAccount,
        Self::Conflicted,
        Self::DifferingCopy,
        Self::WrongUsedByInAccount,
        Self::UnassignedButUsed,
    ];

    fn row(self) -> Row {
        match self {
            Self::Contested => Row {
                name: "contested",
                severity: Severity::Critical,
                meaning: "claimed by several accounts and in no number database, or assigned to two accounts by two number databases",
                remedy: Remedy::Decision(
                    "find out which account has the number; if no number database has it, run copy_number_from_accountdb_to_numbdb ACCOUNT NUMBER for that account; if two number databases have it, release the number in the wrong one",
                ),
            },
            Self::AccountMissing => Row {
                name: "account_missing",
                severity: Severity::Critical,
                meaning: "assigned to an account that has no database",
                remedy: Remedy::Decision(
                    "if the account should exist, restore its database; if it was deleted, release the number in Kazoo or assign it to another account",
                ),
            },
            Self::Misfiled => Row {
                name: "misfiled",
                severity: Severity::Critical,
                meaning: "in the number database of another prefix, where Kazoo does not look for it",
                remedy: Remedy::Decision(
                    "if the right number database lacks the number, create the document there by hand; then delete this one by hand; every command leaves it unchanged",
                ),
            },
            Self::OddAssignment => Row {
                name: "odd_assignment",
                severity: Severity::Critical,
                meaning: "pvt_assigned_to is not an account id",
                remedy: Remedy::Decision(
                    "assign the number in Kazoo; if it belongs to nobody, remove pvt_assigned_to by hand",
                ),
            },
            Self::OnlyInAccount => Row {
                name: "only_in_account",
                severity: Severity::Critical,
                meaning: "in an account, but in no number database",
                remedy: Remedy::Command {
                    all: "copy_accounts_to_number_dbs",
                    account: Some("copy_single_account_to_number_dbs"),
                    database: None,
                    advice: Some(
                        "copied to its number database; to take it out of the account instead: destructively_remove_from_account_db_if_not_in_numdb; an id of fewer than five characters is in no number database and is left to you",
                    ),
                },
            },
            Self::MissingCopy => Row {
                name: "missing_copy",
                severity: Severity::Major,
                meaning: "assigned, and the account has no copy",
                remedy: Remedy::Command {
                    all: "copy_number_dbs_to_accounts",
                    account: Some("copy_assigned_number_dbs_to_account"),
                    database: Some("copy_single_number_db_to_accounts"),
                    advice: None,
                },
            },
            Self::WrongUsedByInNumberDatabase => Row {
                name: "wrong_used_by_in_number_db",
                severity: Severity::Major,
                meaning: "pvt_used_by in the number database differs from the account's documents",
                remedy: Remedy::Command {
                    all: "fix_apps_for_number_dbs",
                    account: Some("fix_apps_in_number_dbs_for_single_account"),
                    database: Some("fix_apps_for_single_number_db"),
                    advice: Some("then copy the numbers to their accounts"),
                },
            },
            Self::WrongAccount => Row {
                name: "wrong_account",
                severity: Severity::Major,
                meaning: "in an account, with a pvt_assigned_to of another account",
                remedy: Remedy::Command {
                    all: "remove_wrong_assigned_from_accounts",
                    account: Some("remove_wrong_assigned_from_single_accountdb"),
                    database: None,
                    advice: None,
                },
            },
            Self::FormerAccount => Row {
                name: "former_account",
                severity: Severity::Major,
                meaning: "a former account's copy: the number database assigns the number to another account, or to nobody",
                remedy: Remedy::Command {
                    all: "remove_former_copies",
                    account: Some("remove_former_copies"),
                    database: None,
                    advice: Some(
                        "deletes the account's copy; to give the number back to the account instead, assign it in Kazoo",
                    ),
                },
            },
            Self::Conflicted => Row {
                name: "conflicted",
                severity: Severity::Major,
                meaning: "the document has unresolved conflicts (losing leaves)",
                remedy: Remedy::Decision(
                    "open the document with ?conflicts=true, keep the right content, and delete the losing leaves",
                ),
            },
            Self::DifferingCopy => Row {
                name: "differing_copy",
                severity: Severity::Minor,
                meaning: "assigned, and the account's copy differs",
                remedy: Remedy::Command {
                    all: "copy_number_dbs_to_accounts",
                    account: Some("copy_assigned_number_dbs_to_account"),
                    database: Some("copy_single_number_db_to_accounts"),
                    advice: None,
                },
            },
            Self::WrongUsedByInAccount => Row {
                name: "wrong_used_by_in_account",
                severity: Severity::Minor,
                meaning: "pvt_used_by in the account's copy differs from the account's documents",
                remedy: Remedy::Command {
                    all: "fix_apps_for_account_dbs",
                    account: Some("fix_apps_for_single_account_db"),
                    database: None,
                    advice: None,
                },
            },
            Self::UnassignedButUsed => Row {
                name: "unassigned_but_used",
                severity: Severity::Minor,
                meaning: "unassigned, but pvt_used_by is set",
                remedy: Remedy::Command {
                    all: "migrate_unassigned_numbers",
                    account: None,
                    database: Some("migrate_unassigned_numbers"),
                    advice: None,
                },
            },
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The effect on calls and accounts.
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// A description for operators.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The command that repairs it, or a sentence on how to decide.
    pub fn remedy(self) -> Remedy {
        self.row().remedy
    }
}

impl From<Drift> for &'static str {
    fn from(drift: Drift) -> Self {
        drift.name()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn kinds_are_listed_once_by_severity() {
        let severities = Drift::ALL.map(Drift::severity);
        assert!(severities.is_sorted());
        assert!(Severity::ALL.is_sorted());
        assert!(Drift::ALL.is_sorted(), "findings sort as reports list them");
        let names: BTreeSet<&str> = Drift::ALL.into_iter().map(Drift::name).collect();
        assert_eq!(names.len(), Drift::ALL.len());
        for kind in Drift::ALL {
            assert_eq!(Drift::of_name(kind.name()), Some(kind));
            assert!(!kind.meaning().is_empty());
        }
    }
}
