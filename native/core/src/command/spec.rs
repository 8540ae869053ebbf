//! A row of the catalog: all about one command.

use super::argument::Refusal;
use super::given::Given;
use super::parameter::Parameter;
use super::prepared::Prepared;
use crate::lease::Scope;
use crate::plan::Drift;

/// The kind of work that a command does. Help and the Erlang module list commands by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Account databases to number databases.
    CopyToNumberDatabases,
    /// Number databases to account databases.
    CopyToAccounts,
    /// Everything for one account.
    Fix,
    /// Which application uses a number.
    Apps,
    /// Numbers and fields that should not be there.
    Removal,
    /// Carrier modules.
    Carriers,
    /// Features.
    Features,
    /// Kazoo's own commands about databases and views.
    Kazoo,
    /// What Kazoo's module does not have: audit, undo, help.
    Ours,
}

/// What a command does to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It reads.
    Reads,
    /// It creates and updates documents.
    Writes,
    /// It deletes documents, too.
    Deletes,
}

/// Who provides a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kazoo's module has it, too.
    Kazoo,
    /// This library adds it.
    Ours,
    /// The Erlang module adds it, and no command is read from it: it starts, lists and stops runs.
    Erlang,
}

/// What a command returns in Erlang, besides `{no_return, Code}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// `ok`
    Ok,
    /// `no_return`
    NoReturn,
    /// `{ok, Number}` or `{error, Reason}`
    Value,
    /// An application, or `undefined`.
    App,
    /// A list of text.
    Text,
    /// What another function returns.
    Any,
}

pub(super) type Start = fn(&mut Given<'_>) -> Result<Prepared, Refusal>;

/// A command of one arity.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// The function's name, as Kazoo has it.
    pub name: &'static str,
    /// Its parameters; their number is its arity.
    pub parameters: &'static [Parameter],
    /// The kind of its work.
    pub family: Family,
    /// Who provides it.
    pub origin: Origin,
    /// What it does to the data.
    pub effect: Effect,
    /// Whether it only works inside Kazoo.
    pub needs_kazoo: bool,
    /// How much of the cluster it may change; `None`: no numbers. Its arguments may narrow that.
    pub scope: Option<Scope>,
    /// Whether its output has the manual's lines and no others (docs/specification.md#manual-output).
    pub has_fixed_output: bool,
    /// What it returns in Erlang.
    pub returns: Returns,
    /// The kinds of drift that it repairs, as audits name it.
    pub repairs: &'static [Drift],
    /// Names and Erlang types of its parameters, where only Kazoo knows them; empty otherwise.
    pub erlang_parameters: &'static [(&'static str, &'static str)],
    /// What it does, in one line.
    pub help: &'static str,
    /// Reads its arguments.
    pub(super) start: Start,
}

impl CommandSpec {
    /// A command of Kazoo's that reads.
    pub(super) const fn new(
        family: Family,
        name: &'static str,
        parameters: &'static [Parameter],
        help: &'static str,
        start: Start,
    ) -> Self {
        Self {
            name,
            parameters,
            family,
            origin: Origin::Kazoo,
            effect: Effect::Reads,
            needs_kazoo: false,
            scope: None,
            has_fixed_output: false,
            returns: Returns::Ok,
            repairs: &[],
            erlang_parameters: &[],
            help,
            start,
        }
    }

    /// It writes documents.
    pub(super) const fn writes(self) -> Self {
        Self {
            effect: Effect::Writes,
            ..self
        }
    }

    /// It writes and deletes documents.
    pub(super) const fn deletes(self) -> Self {
        Self {
            effect: Effect::Deletes,
            ..self
        }
    }

    /// It changes databases, lists of them, or all: one such run at a time.
    pub(super) const fn exclusive(self) -> Self {
        Self {
            scope: Some(Scope::Exclusive),
            ..self
        }
    }

    /// It changes one account, or given numbers.
    pub(super) const fn shared(self) -> Self {
        Self {
            scope: Some(Scope::Shared),
            ..self
        }
    }

    /// It repairs these kinds of drift.
    pub(super) const fn repairs(self, repairs: &'static [Drift]) -> Self {
        Self { repairs, ..self }
    }

    pub(super) const fn returns(self, returns: Returns) -> Self {
        Self { returns, ..self }
    }

    pub(super) const fn erlang_parameters(
        self,
        erlang_parameters: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            erlang_parameters,
            ..self
        }
    }

    /// Its output has the manual's lines and no others.
    pub(super) const fn fixed_output(self) -> Self {
        Self {
            has_fixed_output: true,
            ..self
        }
    }

    pub(super) const fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// It only works inside Kazoo.
    pub(super) const fn needs_kazoo(self) -> Self {
        Self {
            needs_kazoo: true,
            effect: Effect::Writes,
            ..self
        }
    }

    /// Whether it deletes documents.
    pub fn deletes_documents(&self) -> bool {
        self.effect == Effect::Deletes
    }
}
