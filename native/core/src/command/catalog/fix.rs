//! Commands that fix all numbers of one account.

use super::super::parameter::Parameter::{Account, Number, Numbers};
use super::super::spec::{CommandSpec, Family};
use super::figures;
use crate::commands::fix;

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        Family::Fix,
        "fix_account_db_numbers",
        &[Account],
        "Fixes all numbers of an account: app usage in the number databases, copies in the account's database, wrong ones removed there, services reconciled.",
        |given| {
            let account = given.account()?;
            figures!(run => fix::account(run, account))
        },
    )
    .deletes()
    .shared()
    .reconciles_services()
    .indexed()
    .main(),
    CommandSpec::new(
        Family::Fix,
        "fix_number",
        &[Account, Number],
        "Fixes a number of an account, and removes wrong ones from its database.",
        |given| {
            let (account, numbers) = (given.account()?, given.numbers()?);
            figures!(run => fix::numbers(run, account, numbers))
        },
    )
    .deletes()
    .shared()
    .reconciles_services()
    .main(),
    CommandSpec::new(
        Family::Fix,
        "fix_numbers",
        &[Account, Numbers],
        "Fixes numbers of an account, and removes wrong ones from its database.",
        |given| {
            let (account, numbers) = (given.account()?, given.numbers()?);
            figures!(run => fix::numbers(run, account, numbers))
        },
    )
    .deletes()
    .shared()
    .reconciles_services(),
];
