//! The commands. The catalog has one row per command; help, the command line, the Erlang module, the reference of the manual and
//! the tests are derived from it. `parse` turns a name and arguments into a [`Command`] or a refusal of one line
//! (docs/specification.md#arguments).

mod argument;
mod catalog;
mod forms;
mod given;
mod group;
mod help;
mod parameter;
mod parse;
mod parsed;
mod prepared;
mod spec;

pub use crate::lease::Scope;
pub use crate::report::Frontend;
use crate::report::shown;
use crate::selection::Exclusions;
pub use argument::{Argument, Refusal};

pub use catalog::{all, find};
pub use group::Group;
pub use help::{effect, example, help, help_of_group, unknown_function, usage};
pub use parameter::Parameter;
pub use parse::parse;
pub use parsed::Command;
pub use spec::{Brake, CommandSpec, Effect, Family, JOB, Journaling, Origin, Returns};

/// Parses the parts of the cluster that a run leaves alone: accounts, number databases, prefixes and numbers.
///
/// # Errors
///
/// A text is something else: the line that says so.
pub fn exclusions(texts: &[String]) -> Result<Exclusions, Refusal> {
    let parts = texts.iter().map(|text| {
        forms::part(text).ok_or_else(|| {
            let expected = forms::PARTS;
            Refusal::new(format!(
                "exclude: {} is not one of: {expected}",
                shown(text)
            ))
        })
    });
    Ok(Exclusions::new(parts.collect::<Result<_, _>>()?))
}

/// The commands of this library in the order of the catalog: those of Kazoo's module and the additional ones.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    all().filter(|spec| spec.origin != Origin::Erlang)
}
