//! A row of the catalog: all facts about one command.

use super::argument::Refusal;
use super::given::Given;
use super::parameter::Parameter;
use super::prepared::Prepared;
use crate::lease::Scope;
use crate::plan::Drift;

/// The kind of work that a command does. Help and the Erlang module list commands by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Copies from account databases to number databases.
    CopyToNumberDatabases,
    /// Copies from number databases to account databases.
    CopyToAccounts,
    /// Fixes all numbers of one account.
    Fix,
    /// Sets which application uses a number.
    Apps,
    /// Removes numbers and fields.
    Removal,
    /// Carrier modules.
    Carriers,
    /// Features.
    Features,
    /// Kazoo's own commands about databases and views.
    Kazoo,
    /// Commands that Kazoo's module does not have: audit, undo, help.
    Ours,
}

/// The effect of a command on the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Reads,
    /// Creates and updates documents.
    Writes,
    /// Also deletes documents.
    Deletes,
}

/// The provider of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kazoo's module also has it.
    Kazoo,
    /// Only this library has it.
    Ours,
    /// The Erlang module adds it to start runs. It is not parsed as a command.
    Erlang,
}

/// The Erlang result of a command other than `{no_return, Code}`.
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
    /// A list of texts.
    Text,
    /// The result of the function that an argument names.
    Any,
}

/// The Erlang module that runs commands.
pub const JOB: &str = "kazoo_numbers_job";

pub(super) type Prepare = fn(&mut Given<'_>) -> Result<Prepared, Refusal>;

/// A command of one arity.
#[derive(Clone, Copy, Debug)]
pub struct CommandSpec {
    /// The function's name, as Kazoo has it.
    pub name: &'static str,
    /// The parameters; their number is the arity.
    pub parameters: &'static [Parameter],
    /// The kind of work.
    pub family: Family,
    /// The provider.
    pub origin: Origin,
    /// The effect on the data.
    pub effect: Effect,
    /// Whether it works only inside Kazoo.
    pub needs_kazoo: bool,
    /// How much of the cluster it may change. `None`: no numbers. The arguments can narrow the scope.
    pub scope: Option<Scope>,
    /// Whether its output consists of exactly the lines in the manual (docs/specification.md#manual-output).
    pub has_fixed_output: bool,
    /// Its result in Erlang.
    pub returns: Returns,
    /// The kinds of drift that it repairs. Audits name it for them.
    pub repairs: &'static [Drift],
    /// The names and Erlang types of parameters that only Kazoo knows; empty for all other commands.
    pub erlang_parameters: &'static [(&'static str, &'static str)],
    /// The Erlang module that its function calls.
    pub erlang_module: &'static str,
    /// One line that says what it does.
    pub help: &'static str,
    /// Parses the arguments.
    pub(super) start: Prepare,
}

impl CommandSpec {
    /// A command of Kazoo's module that only reads.
    pub(super) const fn new(
        family: Family,
        name: &'static str,
        parameters: &'static [Parameter],
        help: &'static str,
        start: Prepare,
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
            erlang_module: JOB,
            help,
            start,
        }
    }

    /// Sets the effect: it writes documents.
    pub(super) const fn writes(self) -> Self {
        Self {
            effect: Effect::Writes,
            ..self
        }
    }

    /// Sets the effect: it writes and deletes documents.
    pub(super) const fn deletes(self) -> Self {
        Self {
            effect: Effect::Deletes,
            ..self
        }
    }

    /// Sets an exclusive scope: it changes databases, lists of them, or everything.
    pub(super) const fn exclusive(self) -> Self {
        Self {
            scope: Some(Scope::Exclusive),
            ..self
        }
    }

    /// Sets a shared scope: it changes one account or given numbers.
    pub(super) const fn shared(self) -> Self {
        Self {
            scope: Some(Scope::Shared),
            ..self
        }
    }

    /// Sets the kinds of drift that it repairs.
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

    pub(super) const fn erlang_module(self, erlang_module: &'static str) -> Self {
        Self {
            erlang_module,
            ..self
        }
    }

    /// Fixes the output to the lines in the manual.
    pub(super) const fn fixed_output(self) -> Self {
        Self {
            has_fixed_output: true,
            ..self
        }
    }

    pub(super) const fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Limits it to Kazoo.
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
