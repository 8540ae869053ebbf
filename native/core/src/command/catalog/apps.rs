//! Commands that set which application uses a number (`pvt_used_by`).

use super::super::group::Group;
use super::super::parameter::Parameter::{Account, Accounts, Database, Databases, Number, Numbers};
use super::super::spec::{CommandSpec, Family, Returns};
use super::{answer, figures};
use crate::commands::{app_using, fix_apps};
use crate::plan::Drift;
use crate::selection::{self, NumberDatabases};

const FAMILY: Family = Family::Apps;
const IN_ACCOUNTS: &[Drift] = &[Drift::WrongUsedByInAccount];
const IN_NUMBER_DATABASES: &[Drift] = &[Drift::WrongUsedByInNumberDatabase];

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_account_dbs",
        &[],
        "Fixes which application uses a number, in all account databases.",
        |_| figures!(run => fix_apps::in_accounts(run, selection::Accounts::All)),
    )
    .indexed()
    .writes()
    .exclusive()
    .repairs(IN_ACCOUNTS)
    .main(),
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_account_dbs",
        &[Accounts],
        "Fixes which application uses a number, in these account databases.",
        |given| {
            let accounts = given.accounts()?;
            figures!(run => fix_apps::in_accounts(run, accounts))
        },
    )
    .writes()
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_single_account_db",
        &[Account],
        "Fixes which application uses a number, in an account database.",
        |given| {
            let account = selection::Accounts::One(given.account()?);
            figures!(run => fix_apps::in_accounts(run, account))
        },
    )
    .writes()
    .shared()
    .repairs(IN_ACCOUNTS),
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_number_dbs",
        &[],
        "Fixes which application uses an assigned number, in all number databases.",
        |_| figures!(run => fix_apps::in_number_databases(run, NumberDatabases::All)),
    )
    .indexed()
    .writes()
    .exclusive()
    .repairs(IN_NUMBER_DATABASES)
    .main(),
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_number_dbs",
        &[Databases],
        "Fixes which application uses an assigned number, in these number databases.",
        |given| {
            let databases = given.databases_or_all()?;
            figures!(run => fix_apps::in_number_databases(run, databases))
        },
    )
    .writes()
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "fix_apps_for_single_number_db",
        &[Database],
        "Fixes which application uses an assigned number, in a number database.",
        |given| {
            let database = NumberDatabases::One(given.number_database()?);
            figures!(run => fix_apps::in_number_databases(run, database))
        },
    )
    .writes()
    .exclusive()
    .repairs(IN_NUMBER_DATABASES),
    CommandSpec::new(
        FAMILY,
        "fix_apps_in_number_dbs_for_accounts",
        &[Accounts],
        "Fixes which application uses a number, in all number databases, for these accounts' numbers.",
        |given| {
            let accounts = given.accounts()?;
            figures!(run => fix_apps::of_accounts(run, accounts))
        },
    )
    .writes()
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "fix_apps_in_number_dbs_for_single_account",
        &[Account],
        "Fixes which application uses a number, in all number databases, for an account's numbers.",
        |given| {
            let account = selection::Accounts::One(given.account()?);
            figures!(run => fix_apps::of_accounts(run, account))
        },
    )
    .writes()
    .shared()
    .repairs(IN_NUMBER_DATABASES),
    CommandSpec::new(
        FAMILY,
        "fix_numbers_apps_in_accountdb",
        &[Account, Numbers],
        "Fixes which application uses a number, for numbers in an account's database.",
        |given| {
            let (account, numbers) = (given.account()?, given.numbers()?);
            figures!(run => fix_apps::numbers_in_account(run, account, numbers))
        },
    )
    .writes()
    .shared()
    .repairs(IN_ACCOUNTS),
    CommandSpec::new(
        FAMILY,
        "fix_numbers_apps_in_numbdb",
        &[Numbers],
        "Fixes which application uses a number, for numbers in their number databases.",
        |given| {
            let numbers = given.numbers()?;
            figures!(run => fix_apps::numbers_in_number_databases(run, numbers))
        },
    )
    .writes()
    .shared()
    .repairs(IN_NUMBER_DATABASES),
    CommandSpec::new(
        FAMILY,
        "app_using",
        &[Number, Account],
        "Prints the application that a number is used by in an account.",
        |given| {
            let (number, account) = (given.number()?, given.account()?);
            answer!(run => app_using::app_using(run, number, account))
        },
    )
    .returns(Returns::App)
    .main()
    .group(Group::Inspect),
];
