//! Functions that only the Erlang module has. No command is parsed from these rows.

use super::super::parameter::Parameter::{Function, OfFunction, RunInProgress};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Origin, Returns};

pub(super) const ROWS: &[CommandSpec] = &[
    row(
        "dry_run",
        &[Function, OfFunction],
        "Lists what a function would create, update and delete, and writes nothing.",
    )
    .returns(Returns::Any),
    row(
        "status",
        &[],
        "Lists the runs in progress in this node, and for how long each has been doing what.",
    ),
    row(
        "cancel",
        &[RunInProgress],
        "Stops a run: the request in flight is finished, and nothing more is written.",
    ),
];

const fn row(
    name: &'static str,
    parameters: &'static [super::super::parameter::Parameter],
    help: &'static str,
) -> CommandSpec {
    CommandSpec::new(Family::Ours, name, parameters, help, |_| {
        Ok(Prepared::nothing())
    })
    .of(Origin::Erlang)
}
