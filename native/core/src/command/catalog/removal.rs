//! Commands that remove numbers and fields.

use super::super::group::Group;
use super::super::parameter::Parameter::{Account, Database, DatabaseOrNumber, Prefix};
use super::super::spec::{Brake, CommandSpec, Family, Origin, Returns};
use super::{answer, figures};
use crate::commands::{migrate_unassigned, purge, remove_from_accounts, remove_orphans};
use crate::lease::Scope;
use crate::plan::Drift;
use crate::selection::{Accounts, NumberDatabases, Unassigned};

const FAMILY: Family = Family::Removal;

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "remove_wrong_assigned_from_accounts",
        &[],
        "Removes numbers that are assigned to another account, from all account databases.",
        |_| figures!(run => remove_from_accounts::wrong_assigned(run, Accounts::All)),
    )
    .indexed()
    .deletes()
    .exclusive()
    .repairs(&[Drift::WrongAccount])
    .main(),
    CommandSpec::new(
        FAMILY,
        "remove_wrong_assigned_from_single_accountdb",
        &[Account],
        "Removes numbers that are assigned to another account, from an account database.",
        |given| {
            let account = Accounts::One(given.account()?);
            figures!(run => remove_from_accounts::wrong_assigned(run, account))
        },
    )
    .deletes()
    .shared()
    .repairs(&[Drift::WrongAccount]),
    CommandSpec::new(
        FAMILY,
        "destructively_remove_from_account_db_if_not_in_numdb",
        &[],
        "Removes numbers from all account databases if their number databases lack them. Not for production.",
        |_| figures!(run => remove_orphans::in_accounts(run, Accounts::All)),
    )
    .indexed()
    .deletes()
    .brake(Brake::IfSet)
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "destructively_remove_from_single_account_db_if_not_in_numdb",
        &[Account],
        "Removes numbers from an account database if their number databases lack them. Not for production.",
        |given| {
            let account = Accounts::One(given.account()?);
            figures!(run => remove_orphans::in_accounts(run, account))
        },
    )
    .deletes()
    .brake(Brake::IfSet)
    .shared(),
    CommandSpec::new(
        FAMILY,
        "destructively_remove_from_number_dbs_if_not_in_accountdb",
        &[],
        "Removes assigned numbers from all number databases if their accounts' databases lack them. Not for production.",
        |_| figures!(run => remove_orphans::in_number_databases(run, NumberDatabases::All)),
    )
    .indexed()
    .deletes()
    .brake(Brake::IfSet)
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "destructively_remove_from_single_numdb_if_not_in_accountdb",
        &[Database],
        "Removes assigned numbers from a number database if their accounts' databases lack them. Not for production.",
        |given| {
            let database = NumberDatabases::One(given.number_database()?);
            figures!(run => remove_orphans::in_number_databases(run, database))
        },
    )
    .deletes()
    .brake(Brake::IfSet)
    .exclusive(),
    CommandSpec::new(
        FAMILY,
        "purge_deleted",
        &[],
        "Removes numbers of the state deleted, from all number databases.",
        |_| answer!(run => purge::purge(run, "deleted", NumberDatabases::All)),
    )
    .indexed()
    .deletes()
    .exclusive()
    .returns(Returns::NoReturn)
    .main(),
    CommandSpec::new(
        FAMILY,
        "purge_deleted",
        &[Prefix],
        "Removes numbers of the state deleted, from the number databases of a prefix.",
        |given| {
            let databases = given.prefix_or_all()?;
            answer!(run => purge::purge(run, "deleted", databases))
        },
    )
    .deletes()
    .exclusive()
    .returns(Returns::NoReturn),
    CommandSpec::new(
        FAMILY,
        "purge_discovery",
        &[],
        "Removes numbers of the state discovery, from all number databases.",
        |_| answer!(run => purge::purge(run, "discovery", NumberDatabases::All)),
    )
    .indexed()
    .deletes()
    .exclusive()
    .returns(Returns::NoReturn),
    CommandSpec::new(
        FAMILY,
        "purge_discovery",
        &[Prefix],
        "Removes numbers of the state discovery, from the number databases of a prefix.",
        |given| {
            let databases = given.prefix_or_all()?;
            answer!(run => purge::purge(run, "discovery", databases))
        },
    )
    .deletes()
    .exclusive()
    .returns(Returns::NoReturn),
    CommandSpec::new(
        FAMILY,
        "migrate_unassigned_numbers",
        &[],
        "Removes pvt_used_by, and the features that are denied, from unassigned numbers in all number databases.",
        |_| {
            let all = Unassigned::Databases(NumberDatabases::All);
            figures!(run => migrate_unassigned::migrate_unassigned(run, all))
        },
    )
    .indexed()
    .writes()
    .exclusive()
    .repairs(&[Drift::UnassignedButUsed])
    .main()
    .group(Group::Fix),
    CommandSpec::new(
        FAMILY,
        "migrate_unassigned_numbers",
        &[DatabaseOrNumber],
        "Removes pvt_used_by, and the features that are denied, from unassigned numbers in a number database, or from one number.",
        |given| {
            let what = given.unassigned()?;
            let scope = match what {
                Unassigned::Databases(_) => Scope::Exclusive,
                Unassigned::Number(_) => Scope::Shared,
            };
            let prepared =
                figures!(run => migrate_unassigned::migrate_unassigned(run, what));
            prepared.map(|prepared: crate::command::prepared::Prepared| prepared.scope(Some(scope)))
        },
    )
    .writes()
    .exclusive()
    .repairs(&[Drift::UnassignedButUsed])
    .group(Group::Fix),
];

pub(super) const OURS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "remove_former_copies",
        &[],
        "Removes copies of numbers that now belong to another account or to nobody from all account databases.",
        |_| figures!(run => remove_from_accounts::former_copies(run, Accounts::All)),
    )
    .indexed()
    .deletes()
    .exclusive()
    .repairs(&[Drift::FormerAccount])
    .of(Origin::Ours)
    .main(),
    CommandSpec::new(
        FAMILY,
        "remove_former_copies",
        &[Account],
        "Removes copies of numbers that now belong to another account or to nobody from an account database.",
        |given| {
            let account = Accounts::One(given.account()?);
            figures!(run => remove_from_accounts::former_copies(run, account))
        },
    )
    .deletes()
    .shared()
    .repairs(&[Drift::FormerAccount])
    .of(Origin::Ours),
];
