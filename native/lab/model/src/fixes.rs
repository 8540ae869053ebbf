//! The fixes, in this order: application usage in the number databases, copies to the account,
//! removal of numbers that are assigned to another account.

use std::collections::BTreeSet;

use crate::{apps, copies, names, outcome::Warning, removals, run_state::RunState};

/// All numbers assigned to the account.
pub(crate) fn account(run: &mut RunState, account: &str) {
    let databases = run.all_number_databases();
    for source in copies::assigned_numbers(run, &databases, |assigned| assigned == account) {
        apps::for_source(run, &source);
    }
    let copied = copies::assigned_number_dbs_to_account(run, &databases, account);
    removals::wrong_assigned(run, account, &copied);
}

/// The given numbers if they are assigned. The removal checks the whole account.
pub(crate) fn numbers(run: &mut RunState, account: &str, given: &[String]) {
    let mut sources = Vec::new();
    for number in run.normalise_all(given, Some(account)) {
        if let Some(source) = copies::assigned_number(run, &number) {
            sources.push(source);
        }
    }
    for source in &sources {
        if source.account != account {
            run.warn(Warning::AssignedElsewhere(
                names::account_id(&source.account),
                source.number.clone(),
            ));
        }
        apps::for_source(run, source);
    }
    let copied: BTreeSet<String> = sources
        .iter()
        .filter(|source| source.account == account)
        .map(|source| source.number.clone())
        .collect();
    copies::to_assigned_accounts(run, sources);
    removals::wrong_assigned(run, account, &copied);
}
