//! The rows, one file per family. A new command needs a new row; CONTRIBUTING.md lists the other steps.

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

/// Work that returns its own answer.
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

/// All rows, in the order of the listing.
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

/// The row of a name and an arity.
pub fn find(name: &str, arity: usize) -> Option<&'static CommandSpec> {
    all().find(|spec| {
        spec.origin != Origin::Erlang && spec.name == name && spec.arities().contains(&arity)
    })
}

#[cfg(test)]
mod tests;
