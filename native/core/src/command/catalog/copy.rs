//! Commands that copy numbers between number databases and account databases, in both directions.

use super::super::parameter::Parameter::{Account, Accounts, Database, Databases, Number, Numbers};
use super::super::spec::{CommandSpec, Family, Returns};
use super::{answer, figures};
use crate::commands::{copy_to_accounts, copy_to_number_databases};
use crate::plan::Drift;
use crate::selection::{self, NumberDatabases};

const TO_NUMBER_DATABASES: Family = Family::CopyToNumberDatabases;
const TO_ACCOUNTS: Family = Family::CopyToAccounts;
const COPIES: &[Drift] = &[Drift::MissingCopy, Drift::DifferingCopy];

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        TO_NUMBER_DATABASES,
        "copy_accounts_to_number_dbs",
        &[],
        "Copies all number documents of all account databases to the number databases that lack them.",
        |_| figures!(run => copy_to_number_databases::copy(run, selection::Accounts::All)),
    )
    .indexed()
    .writes()
    .exclusive()
    .repairs(&[Drift::OnlyInAccount])
    .main(),
    CommandSpec::new(
        TO_NUMBER_DATABASES,
        "copy_accounts_to_number_dbs",
        &[Accounts],
        "Copies all number documents of these account databases to the number databases that lack them.",
        |given| {
            let accounts = given.accounts()?;
            figures!(run => copy_to_number_databases::copy(run, accounts))
        },
    )
    .writes()
    .exclusive(),
    CommandSpec::new(
        TO_NUMBER_DATABASES,
        "copy_single_account_to_number_dbs",
        &[Account],
        "Copies all number documents of an account database to the number databases that lack them.",
        |given| {
            let account = selection::Accounts::One(given.account()?);
            figures!(run => copy_to_number_databases::copy(run, account))
        },
    )
    .writes()
    .shared()
    .repairs(&[Drift::OnlyInAccount])
    .main(),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_number_dbs_to_accounts",
        &[],
        "Copies all assigned numbers of all number databases to their accounts' databases.",
        |_| figures!(run => copy_to_accounts::copy(run, NumberDatabases::All, None)),
    )
    .indexed()
    .writes()
    .exclusive()
    .repairs(COPIES)
    .main(),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_number_dbs_to_accounts",
        &[Databases],
        "Copies all assigned numbers of these number databases to their accounts' databases.",
        |given| {
            let databases = given.databases_or_all()?;
            figures!(run => copy_to_accounts::copy(run, databases, None))
        },
    )
    .writes()
    .exclusive(),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_single_number_db_to_accounts",
        &[Database],
        "Copies all assigned numbers of a number database to their accounts' databases.",
        |given| {
            let database = NumberDatabases::One(given.number_database()?);
            figures!(run => copy_to_accounts::copy(run, database, None))
        },
    )
    .writes()
    .exclusive()
    .repairs(COPIES),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_assigned_number_dbs_to_account",
        &[Account],
        "Copies all numbers assigned to an account from all number databases to the account's database.",
        |given| {
            let account = given.account()?;
            figures!(run => copy_to_accounts::copy(run, NumberDatabases::All, Some(account)))
        },
    )
    .writes()
    .shared()
    .repairs(COPIES),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_single_assigned_number_db_to_account",
        &[Account, Database],
        "Copies all numbers assigned to an account from one number database to the account's database.",
        |given| {
            let account = given.account()?;
            let database = NumberDatabases::One(given.number_database()?);
            figures!(run => copy_to_accounts::copy(run, database, Some(account)))
        },
    )
    .writes()
    .shared(),
    CommandSpec::new(
        TO_NUMBER_DATABASES,
        "copy_number_from_accountdb_to_numbdb",
        &[Account, Number],
        "Copies a number of an account's database to its number database, where it is missing.",
        |given| {
            let (account, numbers) = (given.account()?, given.numbers()?);
            figures!(run => copy_to_number_databases::copy_numbers(run, account, numbers))
        },
    )
    .writes()
    .shared()
    .repairs(&[Drift::OnlyInAccount]),
    CommandSpec::new(
        TO_NUMBER_DATABASES,
        "copy_numbers_from_accountdb_to_numbdbs",
        &[Account, Numbers],
        "Copies numbers of an account's database to their number databases, where they are missing.",
        |given| {
            let (account, numbers) = (given.account()?, given.numbers()?);
            figures!(run => copy_to_number_databases::copy_numbers(run, account, numbers))
        },
    )
    .writes()
    .shared(),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_number_from_db_to_assigned_account",
        &[Number],
        "Copies a number of its number database to its account's database.",
        |given| {
            let numbers = given.numbers()?;
            figures!(run => copy_to_accounts::copy_numbers(run, numbers))
        },
    )
    .writes()
    .shared()
    .main()
    .repairs(COPIES),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_numbers_from_dbs_to_assigned_accounts",
        &[Numbers],
        "Copies numbers of their number databases to their accounts' databases.",
        |given| {
            let numbers = given.numbers()?;
            figures!(run => copy_to_accounts::copy_numbers(run, numbers))
        },
    )
    .writes()
    .shared(),
    CommandSpec::new(
        TO_ACCOUNTS,
        "copy_single_number_to_account_db",
        &[Number, Account],
        "DANGER: copies a number of its number database to an account's database, whatever its assignment.",
        |given| {
            let (number, account) = (given.number()?, given.account()?);
            answer!(run => copy_to_accounts::copy_number_to(run, number, account))
        },
    )
    .writes()
    .shared()
    .returns(Returns::Value),
];
