//! Functions that only the Erlang module has. No command is parsed from these rows.

use super::super::parameter::Parameter::{Function, OfFunction};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Origin, Returns};

pub(super) const ROWS: &[CommandSpec] = &[row(
    "dry_run",
    &[Function, OfFunction],
    "Lists what a function would create, update and delete, and writes nothing.",
)
.returns(Returns::Any)];

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
