//! The commands, a file a family: which databases are scanned, which reconciler decides, what is printed.

mod answer;
mod app_using;
mod audit;
mod carrier_usage;
mod conversion_report;
mod convert_carrier;
mod copy_to_accounts;
mod copy_to_number_databases;
mod features;
mod fix;
mod fix_apps;
mod migrate_unassigned;
mod purge;
mod remove_from_accounts;
mod remove_orphans;
mod runs;
mod system_features;
mod undo;

use std::sync::Arc;

pub(crate) use answer::Answer;
pub use answer::{FAILED, NOT_HERE, Returned};
pub(crate) use convert_carrier::bad_target;
pub(crate) use undo::check as check_undo;

use crate::command::{self, Command};
use crate::engine::Run;
use crate::lease;
use couchdb::Error;

/// Runs a command.
pub(crate) async fn dispatch(run: &Arc<Run>, command: Command) -> Result<Answer, Error> {
    use Command as C;
    match command {
        C::Nothing => {
            let line = "nothing to do: the list is empty".to_owned();
            run.reporter.output(line).await;
            return Ok(Answer::Only(Returned::Ok));
        }
        C::CopyToNumberDatabases(accounts) => copy_to_number_databases::copy(run, accounts).await?,
        C::CopyNumbersToNumberDatabases(account, numbers) => {
            copy_to_number_databases::copy_numbers(run, account, numbers).await?;
        }
        C::CopyToAccounts(databases, only) => copy_to_accounts::copy(run, databases, only).await?,
        C::CopyNumbersToAccounts(numbers) => copy_to_accounts::copy_numbers(run, numbers).await?,
        C::CopyNumberToAccount(number, account) => {
            return copy_to_accounts::copy_number_to(run, number, account).await;
        }
        C::FixAppsInAccounts(accounts) => fix_apps::in_accounts(run, accounts).await?,
        C::FixAppsInNumberDatabases(databases) => {
            fix_apps::in_number_databases(run, databases).await?;
        }
        C::FixAppsInNumberDatabasesOf(accounts) => fix_apps::of_accounts(run, accounts).await?,
        C::FixNumbersAppsInAccount(account, numbers) => {
            fix_apps::numbers_in_account(run, account, numbers).await?;
        }
        C::FixNumbersAppsInNumberDatabases(numbers) => {
            fix_apps::numbers_in_number_databases(run, numbers).await?;
        }
        C::RemoveWrongAssigned(accounts) => {
            remove_from_accounts::wrong_assigned(run, accounts).await?;
        }
        C::RemoveFormerCopies(accounts) => {
            remove_from_accounts::former_copies(run, accounts).await?;
        }
        C::FixAccount(account) => fix::account(run, account).await?,
        C::FixNumbers(account, numbers) => fix::numbers(run, account, numbers).await?,
        C::RemoveFromAccounts(accounts) => remove_orphans::in_accounts(run, accounts).await?,
        C::RemoveFromNumberDatabases(databases) => {
            remove_orphans::in_number_databases(run, databases).await?;
        }
        C::CarrierUsage(databases) => return carrier_usage::usage(run, databases).await,
        C::ConvertCarrier {
            source,
            target,
            databases,
        } => return convert_carrier::convert(run, source, target, databases).await,
        C::ConvertCarrierOfNumber { number, target } => {
            return convert_carrier::convert_number(run, number, target).await;
        }
        C::RefusedAfterTarget { refusal, .. } => {
            run.reporter.error(format!("error: {refusal}"), None).await;
            return Ok(Answer::Only(Returned::Code(FAILED)));
        }
        C::ResetFeatures => return system_features::reset(run).await,
        C::AppUsing(number, account) => return app_using::app_using(run, number, account).await,
        C::AllFeatures => return features::all(run).await,
        C::ShowNumberFeatures(number) => return features::show_on_number(run, number).await,
        C::EditNumberFeatures {
            edit,
            list,
            feature,
            number,
        } => return features::edit_on_number(run, edit, list, feature, number).await,
        C::ShowSystemFeatures => return system_features::show(run).await,
        C::EditSystemFeatures(edit, feature) => {
            return system_features::edit(run, edit, feature).await;
        }
        C::EnsureAdminOnlyFeatures => return system_features::ensure_admin_only(run).await,
        C::Purge(state, databases) => return purge::purge(run, state, databases).await,
        C::MigrateUnassigned(what) => migrate_unassigned::migrate_unassigned(run, what).await?,
        C::Runs => return runs::runs(run).await,
        C::Unlock => {
            lease::unlock(run).await?;
            return Ok(Answer::Only(Returned::Ok));
        }
        C::Undo(id, _) => undo::undo(run, id).await?,
        C::Audit(target) => return audit::audit(run, target).await,
        C::Help(topic) => {
            for line in command::help(topic, run.settings.door) {
                run.reporter.output(line).await;
            }
            return Ok(Answer::Only(Returned::NoReturn));
        }
        C::NeedsKazoo(name) => {
            let line = format!("error: {name} needs a running Kazoo: call it in a Kazoo node");
            run.reporter.error(line, None).await;
            return Ok(Answer::Only(Returned::Code(NOT_HERE)));
        }
    }
    Ok(Answer::Figures)
}
