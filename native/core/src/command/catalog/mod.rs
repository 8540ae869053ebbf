//! The rows, a file a family. Adding a command adds a row here; CONTRIBUTING.md shows the rest.

mod apps;
mod carriers;
mod copy;
mod erlang;
mod features;
mod fix;
mod kazoo;
mod ours;
mod removal;

use super::spec::{CommandSpec, Origin};

/// Work that ends with the summary and the failure report.
macro_rules! figures {
    ($run:ident => $work:expr) => {
        Ok($crate::command::prepared::Prepared::figures(
            move |$run| async move {
                let $run = &$run;
                $work.await
            },
        ))
    };
}

/// Work that ends with an answer of its own.
macro_rules! answer {
    ($run:ident => $work:expr) => {
        Ok($crate::command::prepared::Prepared::answer(
            move |$run| async move {
                let $run = &$run;
                $work.await
            },
        ))
    };
}

use {answer, figures};

/// All rows, in the order in which they are listed.
pub fn all() -> impl Iterator<Item = &'static CommandSpec> {
    [
        copy::ROWS,
        fix::ROWS,
        apps::ROWS,
        removal::ROWS,
        carriers::ROWS,
        features::ROWS,
        kazoo::ROWS,
        removal::OURS,
        ours::ROWS,
        erlang::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The command of this name and arity.
pub fn find(name: &str, arity: usize) -> Option<&'static CommandSpec> {
    all().find(|spec| {
        spec.origin != Origin::Erlang && spec.name == name && spec.parameters.len() == arity
    })
}

#[cfg(test)]
mod tests;
