//! Commands that need a running Kazoo.

use super::super::parameter::Parameter::{self, Account, Database, Number, Other};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Returns};

/// A command that needs a running Kazoo.
pub(super) const fn row(
    family: Family,
    name: &'static str,
    parameters: &'static [Parameter],
    help: &'static str,
) -> CommandSpec {
    CommandSpec::new(family, name, parameters, help, |given| {
        Ok(Prepared::needs_kazoo(given.name()))
    })
    .needs_kazoo()
}

pub(super) const ROWS: &[CommandSpec] = &[
    row(
        Family::Kazoo,
        "refresh_numbers_dbs",
        &[],
        "Brings the design documents of all number databases up to date.",
    )
    .main(),
    row(
        Family::Kazoo,
        "refresh_numbers_db",
        &[Database],
        "Brings the design documents of a number database up to date.",
    ),
    row(
        Family::Kazoo,
        "init_dbs",
        &[],
        "Creates the databases that numbers need.",
    ),
    row(
        Family::Kazoo,
        "register_views",
        &[],
        "Registers the views that numbers need.",
    ),
    row(
        Family::Kazoo,
        "update_number_services_view",
        &[Account],
        "Brings the view that counts an account's numbers for its services up to date.",
    )
    .returns(Returns::NoReturn),
    row(
        Family::Kazoo,
        "generate_js_classifiers",
        &[Other],
        "Makes the JavaScript that classifies numbers in views.",
    )
    .erlang_parameters(&[("Match", "fun((Class :: binary()) -> iodata())")])
    .returns(Returns::Text),
    row(
        Family::Kazoo,
        "migrate",
        &[],
        "Runs the migrations of number documents.",
    ),
    row(
        Family::Kazoo,
        "migrate_port_requests",
        &[],
        "Runs the migrations of port requests.",
    ),
    row(
        Family::Kazoo,
        "generate_numbers",
        &[Other, Other, Other, Other],
        "Generates numbers for tests.",
    )
    .erlang_parameters(&[
        ("Type", "text()"),
        ("Account", "account()"),
        ("StartingNumber", "text() | pos_integer()"),
        ("Quantity", "text() | non_neg_integer()"),
    ])
    .returns(Returns::Any),
    row(Family::Kazoo, "delete", &[Number], "Deletes a number.").returns(Returns::NoReturn),
];
