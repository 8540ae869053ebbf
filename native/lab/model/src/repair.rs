//! Repairs all drift that can be decided: the commands that repair one kind each, one after the other.
//!
//! A number that a number database has in any form is not created in another one. A wrong copy stays
//! where no number database has the number, or one assigns it to the account.

use std::collections::BTreeSet;

use crate::{apps, audit, copies, numbers, removals, run_state::RunState, unassigned};

/// Repairs a whole cluster.
pub(crate) fn repair(run: &mut RunState) {
    let accounts = run.all_account_databases();
    copies::missing_numbers(run, &accounts, |run, number| {
        audit::places_of(run, number).is_empty()
    });
    let databases = run.all_number_databases();
    apps::for_number_dbs(run, &databases);
    copies::number_dbs_to_accounts(run, &databases);
    for account in &accounts {
        let kept: BTreeSet<String> = numbers::live_numbers(&run.cluster, account)
            .into_iter()
            .map(|(number, _)| number)
            .filter(|number| is_nowhere_or_here(run, number, account))
            .collect();
        removals::wrong_assigned(run, account, &kept);
    }
    for account in &accounts {
        removals::former_copies(run, account);
    }
    apps::for_account_dbs(run, &accounts);
    unassigned::migrate_used(run, &databases);
}

/// Whether no number database has the number, or one assigns it to this account.
fn is_nowhere_or_here(run: &RunState, number: &str, account: &str) -> bool {
    let places = audit::places_of(run, number);
    places.is_empty()
        || places
            .iter()
            .filter_map(|place| numbers::live_number(&run.cluster, place, number))
            .filter_map(|document| numbers::assigned_database(&document))
            .any(|assigned| assigned == account)
}
