//! The commands: a catalog with a row each, from which help, the command line, the Erlang module, the manual's reference and the
//! tests are made; and reading a call, by its name and arguments, into a [`Command`] or a refusal of one line
//! (docs/specification.md#arguments).

mod argument;
mod catalog;
mod forms;
mod given;
mod help;
mod parameter;
mod parse;
mod prepared;
mod spec;

pub use crate::lease::Scope;
pub use crate::report::Frontend;
pub use argument::{Argument, Refusal};
pub use catalog::{all, find};
pub use help::{effect, example, help, usage};
pub use parameter::Parameter;
pub use parse::parse;
pub use prepared::Command;
pub use spec::{CommandSpec, Effect, Family, Origin, Returns};

/// The commands of this library: those of Kazoo's module and those that it adds, in the catalog's order.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    all().filter(|spec| spec.origin != Origin::Erlang)
}
