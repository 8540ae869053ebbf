//! From a call to what it does.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Cluster;

use crate::{
    apps,
    call::{Argument, Call},
    carriers, copies, features, fixes, names,
    outcome::{Now, Outcome, Returned},
    removals, unassigned,
    work::{Stopped, Work, is_written_by_people},
};

/// What the cluster is after the call, and what the call reports.
///
/// A call whose arguments are refused, whose lists are empty, or whose database does not exist,
/// leaves everything as it was.
pub fn run(cluster: &Cluster, call: &Call, now: Now) -> Outcome {
    let mut work = Work::on(cluster, now);
    let reconciles = matches!(
        call.function.as_str(),
        "fix_account_db_numbers"
            | "fix_number"
            | "fix_numbers"
            | "convert_carrier_module"
            | "convert_carrier_module_number"
    );
    let returned = match dispatch(&mut work, call) {
        Ok(returned) => returned,
        Err(Stopped(returned)) => Some(returned),
    };
    work.finished(returned, reconciles)
}

/// `None` when the failures decide what is returned.
fn dispatch(work: &mut Work, call: &Call) -> Result<Option<Returned>, Stopped> {
    match (call.function.as_str(), call.arguments.as_slice()) {
        // Copies
        ("copy_accounts_to_number_dbs", []) => {
            let accounts = work.all_account_databases();
            copies::accounts_to_number_dbs(work, &accounts);
        }
        ("copy_accounts_to_number_dbs", [list]) => {
            let accounts = accounts(list)?;
            let accounts = work.those_that_exist(accounts);
            copies::accounts_to_number_dbs(work, &accounts);
        }
        ("copy_single_account_to_number_dbs", [name]) => {
            let account = account(name)?;
            copies::accounts_to_number_dbs(work, &[existing(work, account)?]);
        }
        ("copy_number_dbs_to_accounts", []) => {
            let databases = work.all_number_databases();
            copies::number_dbs_to_accounts(work, &databases);
        }
        ("copy_number_dbs_to_accounts", [list]) => {
            let databases = number_databases(list)?;
            let databases = work.those_that_exist(databases);
            copies::number_dbs_to_accounts(work, &databases);
        }
        ("copy_single_number_db_to_accounts", [name]) => {
            let database = number_database(name)?;
            copies::number_dbs_to_accounts(work, &[existing(work, database)?]);
        }
        ("copy_assigned_number_dbs_to_account", [name]) => {
            let account = account(name)?;
            let account = existing(work, account)?;
            let databases = work.all_number_databases();
            copies::assigned_number_dbs_to_account(work, &databases, &account);
        }
        ("copy_single_assigned_number_db_to_account", [name, database]) => {
            let (account, database) = (account(name)?, number_database(database)?);
            let account = existing(work, account)?;
            let database = existing(work, database)?;
            copies::assigned_number_dbs_to_account(work, &[database], &account);
        }
        ("copy_number_from_accountdb_to_numbdb", [name, number]) => {
            let (account, number) = (account(name)?, number_argument(work, number)?);
            let account = existing(work, account)?;
            copies::numbers_to_number_dbs(work, &account, &[number]);
        }
        ("copy_numbers_from_accountdb_to_numbdbs", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(work, list)?);
            let account = existing(work, account)?;
            copies::numbers_to_number_dbs(work, &account, &numbers);
        }
        ("copy_number_from_db_to_assigned_account", [number]) => {
            let number = number_argument(work, number)?;
            copies::numbers_to_assigned_accounts(work, &[number]);
        }
        ("copy_numbers_from_dbs_to_assigned_accounts", [list]) => {
            let numbers = number_arguments(work, list)?;
            copies::numbers_to_assigned_accounts(work, &numbers);
        }
        ("copy_single_number_to_account_db", [number, name]) => {
            // Bad arguments are an error of the same shape here.
            let bad = |_| Stopped(Returned::ErrorValue(String::new()));
            let number = text(number).map_err(bad)?;
            let account = account(name).map_err(bad)?;
            return copies::single_number_to_account_db(work, &number, &account).map(Some);
        }

        // Application usage
        ("fix_apps_for_account_dbs", []) => {
            let accounts = work.all_account_databases();
            apps::for_account_dbs(work, &accounts);
        }
        ("fix_apps_for_account_dbs", [list]) => {
            let accounts = accounts(list)?;
            let accounts = work.those_that_exist(accounts);
            apps::for_account_dbs(work, &accounts);
        }
        ("fix_apps_for_single_account_db", [name]) => {
            let account = account(name)?;
            apps::for_account_dbs(work, &[existing(work, account)?]);
        }
        ("fix_apps_for_number_dbs", []) => {
            let databases = work.all_number_databases();
            apps::for_number_dbs(work, &databases);
        }
        ("fix_apps_for_number_dbs", [list]) => {
            let databases = number_databases(list)?;
            let databases = work.those_that_exist(databases);
            apps::for_number_dbs(work, &databases);
        }
        ("fix_apps_for_single_number_db", [name]) => {
            let database = number_database(name)?;
            apps::for_number_dbs(work, &[existing(work, database)?]);
        }
        ("fix_apps_in_number_dbs_for_accounts", [list]) => {
            let accounts = accounts(list)?;
            let accounts = work.those_that_exist(accounts);
            apps::in_number_dbs_for_accounts(work, &accounts);
        }
        ("fix_apps_in_number_dbs_for_single_account", [name]) => {
            let account = account(name)?;
            apps::in_number_dbs_for_accounts(work, &[existing(work, account)?]);
        }
        ("fix_numbers_apps_in_accountdb", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(work, list)?);
            let account = existing(work, account)?;
            apps::for_numbers_in_account_db(work, &account, &numbers);
        }
        ("fix_numbers_apps_in_numbdb", [list]) => {
            let numbers = number_arguments(work, list)?;
            apps::for_numbers_in_number_dbs(work, &numbers);
        }

        // Fixes
        ("fix_account_db_numbers", [name]) => {
            let account = account(name)?;
            fixes::account(work, &existing(work, account)?);
        }
        ("fix_number", [name, number]) => {
            let (account, number) = (account(name)?, number_argument(work, number)?);
            fixes::numbers(work, &existing(work, account)?, &[number]);
        }
        ("fix_numbers", [name, list]) => {
            let (account, numbers) = (account(name)?, number_arguments(work, list)?);
            fixes::numbers(work, &existing(work, account)?, &numbers);
        }

        // Removals
        ("remove_wrong_assigned_from_accounts", []) => {
            for account in work.all_account_databases() {
                removals::wrong_assigned(work, &account, &BTreeSet::new());
            }
        }
        ("remove_wrong_assigned_from_single_accountdb", [name]) => {
            let account = account(name)?;
            removals::wrong_assigned(work, &existing(work, account)?, &BTreeSet::new());
        }
        ("destructively_remove_from_account_db_if_not_in_numdb", []) => {
            let accounts = work.all_account_databases();
            removals::from_account_dbs(work, &accounts);
        }
        ("destructively_remove_from_single_account_db_if_not_in_numdb", [name]) => {
            let account = account(name)?;
            removals::from_account_dbs(work, &[existing(work, account)?]);
        }
        ("destructively_remove_from_number_dbs_if_not_in_accountdb", []) => {
            let databases = work.all_number_databases();
            removals::from_number_dbs(work, &databases);
        }
        ("destructively_remove_from_single_numdb_if_not_in_accountdb", [name]) => {
            let database = number_database(name)?;
            removals::from_number_dbs(work, &[existing(work, database)?]);
        }

        // Carriers
        ("carrier_module_usage", []) => {
            let databases = work.all_number_databases();
            carriers::usage(work, &databases);
        }
        ("carrier_module_usage", [prefix]) => {
            let databases = databases_of_prefix(work, prefix)?;
            carriers::usage(work, &databases);
        }
        ("convert_carrier_module", [source, target]) => {
            let source = text(source)?;
            let target = target_module(work, target)?;
            let databases = work.all_number_databases();
            carriers::convert(work, &databases, &source, &target);
        }
        ("convert_carrier_module", [source, target, prefix]) => {
            let source = text(source)?;
            let target = target_module(work, target)?;
            let databases = databases_of_prefix(work, prefix)?;
            carriers::convert(work, &databases, &source, &target);
        }
        ("convert_carrier_module_number", [number, target]) => {
            let target = target_module(work, target)?;
            let number = text(number)?;
            if is_written_by_people(&number) {
                return Err(refused());
            }
            carriers::convert_number(work, &number, &target);
        }
        ("reset_allowed_features_to_defaults_on_system_config", []) => {
            features::reset_allowed(work);
            return Ok(Some(Returned::NoReturn));
        }

        // Beyond the manual
        ("purge_deleted" | "purge_discovery", arguments) => {
            let databases = match arguments {
                [] => work.all_number_databases(),
                [prefix] => databases_of_prefix(work, prefix)?,
                _ => return Err(refused()),
            };
            let state = call.function.trim_start_matches("purge_");
            removals::in_state(work, &databases, state);
            return Ok(work.is_without_failures().then_some(Returned::NoReturn));
        }
        ("migrate_unassigned_numbers", []) => {
            let databases = work.all_number_databases();
            unassigned::migrate(work, &databases);
        }
        ("migrate_unassigned_numbers", [name]) => match names::number_database(&text(name)?) {
            Some(database) => unassigned::migrate(work, &[existing(work, database)?]),
            None => {
                let number = number_argument(work, name)?;
                unassigned::migrate_number(work, &number);
            }
        },
        ("feature_permissions_on_system_config", []) => {
            features::show_allowed(work);
            return Ok(Some(Returned::NoReturn));
        }
        ("add_allowed_feature_on_system_config", [feature]) => {
            return Ok(Some(features::edit_allowed(work, &text(feature)?, true)));
        }
        ("remove_allowed_feature_on_system_config", [feature]) => {
            return Ok(Some(features::edit_allowed(work, &text(feature)?, false)));
        }
        ("ensure_adminonly_features_are_reachable", []) => {
            features::ensure_admin_only(work);
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

/// A list, or one name, which is a list of one. A command has nothing to do for an empty list.
fn texts(argument: &Argument) -> Result<Vec<String>, Stopped> {
    match argument {
        Argument::Text(text) => Ok(vec![text.clone()]),
        Argument::List(texts) if texts.is_empty() => Err(Stopped(Returned::Ok)),
        Argument::List(texts) => Ok(texts.clone()),
    }
}

/// One number that can be used; any other is refused.
fn number_argument(work: &Work, argument: &Argument) -> Result<String, Stopped> {
    let number = text(argument)?;
    work.refuse_useless(std::slice::from_ref(&number))?;
    Ok(number)
}

/// A list with a number that can be used.
fn number_arguments(work: &Work, argument: &Argument) -> Result<Vec<String>, Stopped> {
    let numbers = texts(argument)?;
    work.refuse_useless(&numbers)?;
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

/// A database that a command is about, which must be there.
fn existing(work: &Work, database: String) -> Result<String, Stopped> {
    if work.exists(&database) {
        Ok(database)
    } else {
        Err(Stopped(Returned::NoReturnCode(2)))
    }
}

fn databases_of_prefix(work: &Work, argument: &Argument) -> Result<Vec<String>, Stopped> {
    match names::prefix(&text(argument)?).ok_or_else(refused)? {
        names::Prefix::Database(database) => Ok(vec![existing(work, database)?]),
        names::Prefix::Start(start) => {
            let mut databases = work.all_number_databases();
            databases.retain(|database| database.starts_with(&start));
            if databases.is_empty() {
                return Err(Stopped(Returned::NoReturnCode(2)));
            }
            Ok(databases)
        }
    }
}

fn target_module(work: &mut Work, argument: &Argument) -> Result<String, Stopped> {
    let target = text(argument)?;
    match carriers::stored_target(&target) {
        Some(stored) => Ok(stored.to_owned()),
        None => {
            work.output = Some(vec![format!("Bad carrier module: {target}")]);
            Err(Stopped(Returned::NoReturnCode(2)))
        }
    }
}
