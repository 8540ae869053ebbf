//! The command that repairs the drift of one number. A test compares these with `repairs` in the catalog.

use crate::kazoo::number_database_of;
use crate::plan::Drift;
use crate::report::Finding;
use crate::report::audit::remedy;

/// The narrowest command, with arguments, that repairs a case of drift. `None` if no command does. `is_reconcilable`: whether
/// commands accept the number as an argument.
pub(crate) fn command(finding: &Finding, is_reconcilable: bool) -> Option<String> {
    let usual = remedy::command_for(finding)?;
    let number = &finding.number;
    let home = number_database_of(number)?;
    // Commands for a number read the database that the number names, and neither `numbers/inum` nor `numbers/managed`.
    if !is_reconcilable || finding.number_database.as_ref() != Some(&home) {
        return Some(usual);
    }
    Some(match (finding.kind, finding.account) {
        (Drift::MissingCopy | Drift::DifferingCopy, _) => {
            format!("copy_number_from_db_to_assigned_account {number}")
        }
        (Drift::WrongUsedByInNumberDatabase, _) => format!("fix_numbers_apps_in_numbdb {number}"),
        (Drift::WrongUsedByInAccount, Some(account)) => {
            format!("fix_numbers_apps_in_accountdb {account} {number}")
        }
        (Drift::OnlyInAccount, Some(account)) => {
            format!("copy_number_from_accountdb_to_numbdb {account} {number}")
        }
        (Drift::UnassignedButUsed, _) => format!("migrate_unassigned_numbers {number}"),
        _ => usual,
    })
}
