//! The fixes: application usage in the number databases, copies to the account, removal of what is
//! another account's, in this order.

use std::collections::BTreeSet;

use crate::{apps, copies, names, outcome::Warning, removals, work::Work};

/// Everything that is assigned to the account.
pub(crate) fn account(work: &mut Work, account: &str) {
    let databases = work.all_number_databases();
    for source in copies::assigned_numbers(work, &databases, |assigned| assigned == account) {
        apps::for_source(work, &source);
    }
    let copied = copies::assigned_number_dbs_to_account(work, &databases, account);
    removals::wrong_assigned(work, account, &copied);
}

/// The given numbers, where they are assigned; the removal looks at the whole account.
pub(crate) fn numbers(work: &mut Work, account: &str, given: &[String]) {
    let mut sources = Vec::new();
    for number in work.numbers_of(given, Some(account)) {
        if let Some(source) = copies::assigned_number(work, &number) {
            sources.push(source);
        }
    }
    for source in &sources {
        if source.account != account {
            work.warn(Warning::AssignedElsewhere(
                names::account_id(&source.account),
                source.number.clone(),
            ));
        }
        apps::for_source(work, source);
    }
    let copied: BTreeSet<String> = sources
        .iter()
        .filter(|source| source.account == account)
        .map(|source| source.number.clone())
        .collect();
    copies::to_assigned_accounts(work, sources);
    removals::wrong_assigned(work, account, &copied);
}
