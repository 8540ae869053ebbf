//! The command that repairs each kind of drift. A test compares these with `repairs` in the catalog.

use super::{AuditScope, Finding};
use crate::kazoo::DatabaseName;
use crate::plan::Drift;

/// The narrowest command, with arguments, that repairs a kind of drift in the whole scope of an audit. `None` if no command does.
pub(crate) fn command(kind: Drift, scope: &AuditScope) -> Option<String> {
    let all = match kind {
        Drift::MissingCopy | Drift::DifferingCopy => "copy_number_dbs_to_accounts",
        Drift::WrongUsedByInNumberDatabase => "fix_apps_for_number_dbs",
        Drift::WrongUsedByInAccount => "fix_apps_for_account_dbs",
        Drift::WrongAccount => "remove_wrong_assigned_from_accounts",
        Drift::OnlyInAccount => "copy_accounts_to_number_dbs",
        Drift::UnassignedButUsed => "migrate_unassigned_numbers",
        Drift::FormerAccount => "remove_former_copies",
        Drift::AccountMissing
        | Drift::Misfiled
        | Drift::OddAssignment
        | Drift::Contested
        | Drift::Conflicted => return None,
    };
    let narrow = match scope {
        AuditScope::All | AuditScope::Number(_) => None,
        AuditScope::Account(account) => of_account(kind).map(|name| (name, account)),
        // These commands accept no prefix of several databases.
        AuditScope::NumberDatabases(database) => of_database(kind)
            .filter(|_| is_one_database(database))
            .map(|name| (name, database)),
    };
    Some(match narrow {
        Some((name, argument)) => format!("{name} {argument}"),
        None => all.to_owned(),
    })
}

/// The narrowest command that repairs one finding.
pub(crate) fn command_for(finding: &Finding) -> Option<String> {
    let scope = match (finding.kind, finding.account, &finding.number_database) {
        (
            Drift::WrongUsedByInAccount
            | Drift::WrongAccount
            | Drift::OnlyInAccount
            | Drift::FormerAccount,
            Some(account),
            _,
        ) => AuditScope::Account(account.to_string()),
        (_, _, Some(database)) => AuditScope::NumberDatabases(database.encoded()),
        _ => AuditScope::All,
    };
    command(finding.kind, &scope)
}

fn of_account(kind: Drift) -> Option<&'static str> {
    match kind {
        Drift::MissingCopy | Drift::DifferingCopy => Some("copy_assigned_number_dbs_to_account"),
        Drift::WrongUsedByInNumberDatabase => Some("fix_apps_in_number_dbs_for_single_account"),
        Drift::WrongUsedByInAccount => Some("fix_apps_for_single_account_db"),
        Drift::WrongAccount => Some("remove_wrong_assigned_from_single_accountdb"),
        Drift::OnlyInAccount => Some("copy_single_account_to_number_dbs"),
        Drift::FormerAccount => Some("remove_former_copies"),
        _ => None,
    }
}

fn of_database(kind: Drift) -> Option<&'static str> {
    match kind {
        Drift::MissingCopy | Drift::DifferingCopy => Some("copy_single_number_db_to_accounts"),
        Drift::WrongUsedByInNumberDatabase => Some("fix_apps_for_single_number_db"),
        Drift::UnassignedButUsed => Some("migrate_unassigned_numbers"),
        _ => None,
    }
}

fn is_one_database(encoded: &str) -> bool {
    let plain = crate::kazoo::decoded(encoded).and_then(|name| DatabaseName::new(&name));
    plain.is_some_and(|name| {
        let prefix = name.plain().strip_prefix("numbers/").unwrap_or_default();
        prefix.chars().count() >= 5 || prefix == "inum"
    })
}

/// Advice for the operator before a repair, or in place of one.
pub(crate) fn hint(kind: Drift) -> Option<&'static str> {
    match kind {
        Drift::FormerAccount => Some(
            "deletes the account's copy; to give the number back to the account instead, assign it in Kazoo",
        ),
        Drift::AccountMissing => {
            Some("no command: restore the account's database, or release the number in Kazoo")
        }
        Drift::Misfiled => Some(
            "no command moves a number: every command leaves it alone; move the document by hand",
        ),
        Drift::OnlyInAccount => Some(
            "copied to its number database; to take it out of the account instead: destructively_remove_from_account_db_if_not_in_numdb; an id of fewer than five characters is in no number database and is left to you",
        ),
        Drift::WrongUsedByInNumberDatabase => Some("then copy the numbers to their accounts"),
        Drift::UnassignedButUsed => {
            Some("numbers in the states deleted and discovery are left alone")
        }
        Drift::OddAssignment => {
            Some("no command: assign the number in Kazoo, or remove pvt_assigned_to by hand")
        }
        Drift::Contested => Some(
            "no command decides: to create a number from one account's copy, copy_number_from_accountdb_to_numbdb ACCOUNT NUMBER; of two number databases release the number in one",
        ),
        Drift::Conflicted => Some(
            "no command: open the document with ?conflicts=true, keep the right content, and delete the losing leaves",
        ),
        _ => None,
    }
}
