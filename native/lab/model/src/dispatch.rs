//! Dispatches a call to the function that implements it.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Cluster;

use crate::{
    apps,
    call::{Argument, Call},
    carriers, copies, features, fixes, names,
    outcome::{Now, Outcome, Returned},
    removals, repair,
    run_state::{RunState, Stopped, is_formatted_number},
    unassigned,
};

/// Computes the cluster and the report after a call.
///
/// A call with refused arguments, an empty list or a missing database changes nothing.
pub fn run(cluster: &Cluster, call: &Call, now: Now) -> Outcome {
    let mut run = RunState::on(cluster, now);
    let reconciles = matches!(
        call.function.as_str(),
        "fix_account_db_numbers"
            | "fix_number"
            | "fix_numbers"
            | "convert_carrier_module"
            | "convert_carrier_module_number"
            | "repair"
    );
    let returned = match dispatch(&mut run, call) {
        Ok(returned) => returned,
        Err(Stopped(returned)) => Some(returned),
    };
    run.finished(returned, reconciles)
}

/// `None` if the failures determine the returned term.
fn dispatch(run: &mut RunState, call: &Call) -> Result<Option<Returned>, Stopped> {
    match (call.function.as_str(), call.arguments.as_slice()) {
        // Copies
        ("copy_accounts_to_number_dbs", []) => {
            let accounts = run.all_account_databases();
            copies::accounts_to_number_dbs(run, &accounts);
        }
        ("copy_accounts_to_number_dbs", [list]) => {
            let accounts = accounts(list)?;
            let accounts = run.retain_existing(accounts);
            copies::accounts_to_number_dbs(run, &accounts);
        }
        ("copy_single_account_to_number_dbs", [name]) => {
            let account = account(name)?;
            copies::accounts_to_number_dbs(run, &[existing(run, account)?]);
        }
        ("copy_number_dbs_to_accounts", []) => {
            let databases = run.all_number_databases();
            copies::number_dbs_to_accounts(run, &databases);
        }
        ("copy_number_dbs_to_accounts", [list]) => {
            let databases = number_databases(list)?;
            let databases = run.retain_existing(databases);
            copies::number_dbs_to_accounts(run, &databases);
        }
        ("copy_single_number_db_to_accounts", [name]) => {
            let database = number_database(name)?;
            copies::number_dbs_to_accounts(run, &[existing(run, database)?]);
        }
        ("copy_assigned_number_dbs_to_account", [name]) => {
            let account = account(name)?;
            let account = existing(run, account)?;
            let databases = run.all_number_databases();
            copies::assigned_number_dbs_to_account(run, &databases, &account);
        }
        ("copy_single_assigned_number_db_to_account", [name, database]) => {
            let (account, database) = (account(name)?, number_database(database)?);
            let account = existing(run, account)?;
            let database = existing(run, database)?;
            copies::assigned_number_dbs_to_account(run, &[database], &account);
        }
        ("copy_number_from_accountdb_to_numbdb", [name, number]) => {
            let (account, number) = (account(name)?, number_argument(run, number)?);
            let account = existing(run, account)?;
            copies::numbers_to_number_dbs(run, &account, &[number]);
        }
        ("copy_numbers_from_accountdb_to_numbdbs", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(run, list)?);
            let account = existing(run, account)?;
            copies::numbers_to_number_dbs(run, &account, &numbers);
        }
        ("copy_number_from_db_to_assigned_account", [number]) => {
            let number = number_argument(run, number)?;
            copies::numbers_to_assigned_accounts(run, &[number]);
        }
        ("copy_numbers_from_dbs_to_assigned_accounts", [list]) => {
            let numbers = number_arguments(run, list)?;
            copies::numbers_to_assigned_accounts(run, &numbers);
        }
        ("copy_single_number_to_account_db", [number, name]) => {
            // This command reports bad arguments as an error of this form.
            let bad = |_| Stopped(Returned::ErrorValue(String::new()));
            let number = text(number).map_err(bad)?;
            let account = account(name).map_err(bad)?;
            return copies::single_number_to_account_db(run, &number, &account).map(Some);
        }

        // Application usage
        ("fix_apps_for_account_dbs", []) => {
            let accounts = run.all_account_databases();
            apps::for_account_dbs(run, &accounts);
        }
        ("fix_apps_for_account_dbs", [list]) => {
            let accounts = accounts(list)?;
            let accounts = run.retain_existing(accounts);
            apps::for_account_dbs(run, &accounts);
        }
        ("fix_apps_for_single_account_db", [name]) => {
            let account = account(name)?;
            apps::for_account_dbs(run, &[existing(run, account)?]);
        }
        ("fix_apps_for_number_dbs", []) => {
            let databases = run.all_number_databases();
            apps::for_number_dbs(run, &databases);
        }
        ("fix_apps_for_number_dbs", [list]) => {
            let databases = number_databases(list)?;
            let databases = run.retain_existing(databases);
            apps::for_number_dbs(run, &databases);
        }
        ("fix_apps_for_single_number_db", [name]) => {
            let database = number_database(name)?;
            apps::for_number_dbs(run, &[existing(run, database)?]);
        }
        ("fix_apps_in_number_dbs_for_accounts", [list]) => {
            let accounts = accounts(list)?;
            let accounts = run.retain_existing(accounts);
            apps::in_number_dbs_for_accounts(run, &accounts);
        }
        ("fix_apps_in_number_dbs_for_single_account", [name]) => {
            let account = account(name)?;
            apps::in_number_dbs_for_accounts(run, &[existing(run, account)?]);
        }
        ("fix_numbers_apps_in_accountdb", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(run, list)?);
            let account = existing(run, account)?;
            apps::for_numbers_in_account_db(run, &account, &numbers);
        }
        ("fix_numbers_apps_in_numbdb", [list]) => {
            let numbers = number_arguments(run, list)?;
            apps::for_numbers_in_number_dbs(run, &numbers);
        }

        // Fixes
        ("fix_account_db_numbers", [name]) => {
            let account = account(name)?;
            fixes::account(run, &existing(run, account)?);
        }
        ("fix_number", [name, number]) => {
            let (account, number) = (account(name)?, number_argument(run, number)?);
            fixes::numbers(run, &existing(run, account)?, &[number]);
        }
        ("fix_numbers", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(run, list)?);
            fixes::numbers(run, &existing(run, account)?, &numbers);
        }

        // Removals
        ("remove_wrong_assigned_from_accounts", []) => {
            for account in run.all_account_databases() {
                removals::wrong_assigned(run, &account, &BTreeSet::new());
            }
        }
        ("remove_wrong_assigned_from_single_accountdb", [name]) => {
            let account = account(name)?;
            removals::wrong_assigned(run, &existing(run, account)?, &BTreeSet::new());
        }
        ("remove_former_copies", []) => {
            for account in run.all_account_databases() {
                removals::former_copies(run, &account);
            }
        }
        ("remove_former_copies", [name]) => {
            let account = account(name)?;
            removals::former_copies(run, &existing(run, account)?);
        }
        ("destructively_remove_from_account_db_if_not_in_numdb", []) => {
            let accounts = run.all_account_databases();
            removals::from_account_dbs(run, &accounts);
        }
        ("destructively_remove_from_single_account_db_if_not_in_numdb", [name]) => {
            let account = account(name)?;
            removals::from_account_dbs(run, &[existing(run, account)?]);
        }
        ("destructively_remove_from_number_dbs_if_not_in_accountdb", []) => {
            let databases = run.all_number_databases();
            removals::from_number_dbs(run, &databases);
        }
        ("destructively_remove_from_single_numdb_if_not_in_accountdb", [name]) => {
            let database = number_database(name)?;
            removals::from_number_dbs(run, &[existing(run, database)?]);
        }

        ("repair", []) => repair::repair(run),

        // Carriers
        ("carrier_module_usage", []) => {
            let databases = run.all_number_databases();
            carriers::usage(run, &databases);
        }
        ("carrier_module_usage", [prefix]) => {
            let databases = databases_of_prefix(run, prefix)?;
            carriers::usage(run, &databases);
        }
        ("convert_carrier_module", [source, target]) => {
            let source = text(source)?;
            let target = target_module(run, target)?;
            let databases = run.all_number_databases();
            carriers::convert(run, &databases, &source, &target);
        }
        ("convert_carrier_module", [source, target, prefix]) => {
            let source = text(source)?;
            let target = target_module(run, target)?;
            let databases = databases_of_prefix(run, prefix)?;
            carriers::convert(run, &databases, &source, &target);
        }
        ("convert_carrier_module_number", [number, target]) => {
            let target = target_module(run, target)?;
            let number = text(number)?;
            if is_formatted_number(&number) {
                return Err(refused());
            }
            carriers::convert_number(run, &number, &target);
        }
        ("reset_allowed_features_to_defaults_on_system_config", []) => {
            features::reset_allowed(run);
            return Ok(Some(Returned::NoReturn));
        }

        // Outside the manual
        ("purge_deleted" | "purge_discovery", arguments) => {
            let databases = match arguments {
                [] => run.all_number_databases(),
                [prefix] => databases_of_prefix(run, prefix)?,
                _ => return Err(refused()),
            };
            let state = call.function.trim_start_matches("purge_");
            removals::in_state(run, &databases, state);
            return Ok(run.is_without_failures().then_some(Returned::NoReturn));
        }
        ("migrate_unassigned_numbers", []) => {
            let databases = run.all_number_databases();
            unassigned::migrate(run, &databases);
        }
        ("migrate_unassigned_numbers", [name]) => match names::number_database(&text(name)?) {
            Some(database) => unassigned::migrate(run, &[existing(run, database)?]),
            None => {
                let number = number_argument(run, name)?;
                unassigned::migrate_number(run, &number);
            }
        },
        ("feature_permissions_on_system_config", []) => {
            features::show_allowed(run);
            return Ok(Some(Returned::NoReturn));
        }
        ("add_allowed_feature_on_system_config", [feature]) => {
            return Ok(Some(features::edit_allowed(run, &text(feature)?, true)));
        }
        ("remove_allowed_feature_on_system_config", [feature]) => {
            return Ok(Some(features::edit_allowed(run, &text(feature)?, false)));
        }
        ("ensure_adminonly_features_are_reachable", []) => {
            features::ensure_admin_only(run);
            return Ok(Some(Returned::NoReturn));
        }
        _ => return Err(refused()),
    }
    Ok(None)
}

fn refused() -> Stopped {
    Stopped(Returned::Refused)
}

fn text(argument: &Argument) -> Result<String, Stopped> {
    match argument {
        Argument::Text(text) => Ok(text.clone()),
        Argument::List(_) => Err(refused()),
    }
}

/// A list, or a single name, which is accepted as a list of one. An empty list means nothing to do.
fn texts(argument: &Argument) -> Result<Vec<String>, Stopped> {
    match argument {
        Argument::Text(text) => Ok(vec![text.clone()]),
        Argument::List(texts) if texts.is_empty() => Err(Stopped(Returned::Ok)),
        Argument::List(texts) => Ok(texts.clone()),
    }
}

/// A usable number. Any other is refused.
fn number_argument(run: &RunState, argument: &Argument) -> Result<String, Stopped> {
    let number = text(argument)?;
    run.refuse_unusable(std::slice::from_ref(&number))?;
    Ok(number)
}

/// A list with at least one usable number.
fn number_arguments(run: &RunState, argument: &Argument) -> Result<Vec<String>, Stopped> {
    let numbers = texts(argument)?;
    run.refuse_unusable(&numbers)?;
    Ok(numbers)
}

fn account(argument: &Argument) -> Result<String, Stopped> {
    names::account_database(&text(argument)?).ok_or_else(refused)
}

fn accounts(argument: &Argument) -> Result<Vec<String>, Stopped> {
    each_once(argument, names::account_database)
}

fn number_database(argument: &Argument) -> Result<String, Stopped> {
    names::number_database(&text(argument)?).ok_or_else(refused)
}

fn number_databases(argument: &Argument) -> Result<Vec<String>, Stopped> {
    each_once(argument, names::number_database)
}

fn each_once(
    argument: &Argument,
    parse: fn(&str) -> Option<String>,
) -> Result<Vec<String>, Stopped> {
    let names: Option<BTreeSet<String>> = texts(argument)?.iter().map(|text| parse(text)).collect();
    Ok(names.ok_or_else(refused)?.into_iter().collect())
}

/// A database that must exist.
fn existing(run: &RunState, database: String) -> Result<String, Stopped> {
    if run.exists(&database) {
        Ok(database)
    } else {
        Err(Stopped(Returned::NoReturnCode(2)))
    }
}

fn databases_of_prefix(run: &RunState, argument: &Argument) -> Result<Vec<String>, Stopped> {
    match names::prefix(&text(argument)?).ok_or_else(refused)? {
        names::Prefix::Database(database) => Ok(vec![existing(run, database)?]),
        names::Prefix::Start(start) => {
            let mut databases = run.all_number_databases();
            databases.retain(|database| database.starts_with(&start));
            if databases.is_empty() {
                return Err(Stopped(Returned::NoReturnCode(2)));
            }
            Ok(databases)
        }
    }
}

fn target_module(run: &mut RunState, argument: &Argument) -> Result<String, Stopped> {
    let target = text(argument)?;
    match carriers::stored_target(&target) {
        Some(stored) => Ok(stored.to_owned()),
        None => {
            run.output = Some(vec![format!("Bad carrier module: {target}")]);
            Err(Stopped(Returned::NoReturnCode(2)))
        }
    }
}
