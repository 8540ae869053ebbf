//! The command that repairs drift in a scope. `plan::Drift` has the commands; a test compares them with `repairs` in the catalog.

use super::{AuditScope, Finding};
use crate::kazoo::DatabaseName;
use crate::plan::{Drift, Remedy};

/// The narrowest command, with arguments, that repairs a kind of drift in the whole scope of an audit. `None` if no command does.
pub(crate) fn command(kind: Drift, scope: &AuditScope) -> Option<String> {
    let Remedy::Command {
        all,
        account: of_account,
        database: of_database,
        ..
    } = kind.remedy()
    else {
        return None;
    };
    let narrow = match scope {
        AuditScope::All | AuditScope::Number(_) | AuditScope::Several(_) => None,
        AuditScope::Account(account) => of_account.map(|name| (name, account)),
        // These commands accept no prefix of several databases.
        AuditScope::NumberDatabases(database) => of_database
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

fn is_one_database(encoded: &str) -> bool {
    let plain = crate::kazoo::decoded(encoded).and_then(|name| DatabaseName::new(&name));
    plain.is_some_and(|name| {
        let prefix = name.plain().strip_prefix("numbers/").unwrap_or_default();
        prefix.chars().count() >= 5 || prefix == "inum"
    })
}

/// Advice for the operator on the command, or how to decide without one.
pub(crate) fn hint(kind: Drift) -> Option<&'static str> {
    match kind.remedy() {
        Remedy::Command { advice, .. } => advice,
        Remedy::Decision(sentence) => Some(sentence),
    }
}
