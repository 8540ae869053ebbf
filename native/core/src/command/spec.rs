//! A row of the catalog: all facts about one command.

use std::ops::RangeInclusive;

use super::argument::Refusal;
use super::given::Given;
use super::group::Group;
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

/// When a command stops before it deletes too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brake {
    /// Whenever it deletes more than the limit.
    Always,
    /// If a limit is set: its name is the warning.
    IfSet,
    /// Never: the changes were reviewed, or are taken back.
    Never,
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

/// The use of the journals by a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journaling {
    /// Nothing.
    None,
    /// It deletes old ones.
    Prunes,
    /// It keeps one of what it writes, and deletes old ones.
    Keeps,
    /// It reads them, so it cannot do without.
    Needs,
    /// It checks whether one could be kept.
    Checks,
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
    /// The group in which help lists it.
    pub group: Group,
    /// Whether the first page of help names it.
    pub is_main: bool,
    /// The provider.
    pub origin: Origin,
    /// The effect on the data.
    pub effect: Effect,
    /// How it uses the journals.
    pub journals: Journaling,
    /// Whether it sends requests to CouchDB.
    pub needs_server: bool,
    /// Whether it reads what changed, not all documents, where the cluster has an index.
    pub uses_index: bool,
    /// Whether it works only inside Kazoo.
    pub needs_kazoo: bool,
    /// How much of the cluster it may change. `None`: no numbers. The arguments can narrow the scope.
    pub scope: Option<Scope>,
    /// Whether its output consists of exactly the lines in the manual (docs/specification.md#manual-output).
    pub has_fixed_output: bool,
    /// Its result in Erlang.
    pub returns: Returns,
    /// Whether it reconciles the services of the accounts whose numbers it changed.
    pub reconciles_services: bool,
    /// Whether it can be planned.
    pub is_planned: bool,
    /// When it stops before it deletes too much.
    pub brake: Brake,
    /// The kinds of drift that it repairs. Audits name it for them.
    pub repairs: &'static [Drift],
    /// The names and Erlang types of parameters that only Kazoo knows; empty for all other commands.
    pub erlang_parameters: &'static [(&'static str, &'static str)],
    /// An example of its arguments; empty: the examples of its parameters.
    pub(super) arguments: &'static [&'static str],
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
            group: Group::of_family(family),
            is_main: false,
            origin: Origin::Kazoo,
            effect: Effect::Reads,
            journals: Journaling::None,
            needs_server: true,
            uses_index: false,
            needs_kazoo: false,
            scope: None,
            has_fixed_output: false,
            returns: Returns::Ok,
            reconciles_services: false,
            is_planned: true,
            brake: Brake::Always,
            repairs: &[],
            erlang_parameters: &[],
            arguments: &[],
            erlang_module: JOB,
            help,
            start,
        }
    }

    /// Sets the effect: it writes documents.
    pub(super) const fn writes(self) -> Self {
        Self {
            effect: Effect::Writes,
            journals: Journaling::Keeps,
            ..self
        }
    }

    /// Sets the effect: it writes and deletes documents.
    pub(super) const fn deletes(self) -> Self {
        Self {
            effect: Effect::Deletes,
            journals: Journaling::Keeps,
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

    /// After it, the services of the accounts whose numbers changed are reconciled.
    pub(super) const fn reconciles_services(self) -> Self {
        Self {
            reconciles_services: true,
            ..self
        }
    }

    /// It cannot be planned: it changes no documents of numbers, or makes a plan.
    pub(super) const fn unplanned(self) -> Self {
        Self {
            is_planned: false,
            ..self
        }
    }

    /// Sets when it stops before it deletes too much.
    pub(super) const fn brake(self, brake: Brake) -> Self {
        Self { brake, ..self }
    }

    pub(super) const fn returns(self, returns: Returns) -> Self {
        Self { returns, ..self }
    }

    /// Sets an example of its arguments.
    pub(super) const fn example(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
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

    /// Sets the group, where it is not that of the family.
    pub(super) const fn group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    /// Puts it on the first page of help.
    pub(super) const fn main(self) -> Self {
        Self {
            is_main: true,
            ..self
        }
    }

    /// Sets what it does with the journals, where that does not follow from its effect.
    pub(super) const fn journals(self, journals: Journaling) -> Self {
        Self { journals, ..self }
    }

    /// Says that it reads what changed, where the cluster has an index.
    pub(super) const fn indexed(self) -> Self {
        Self {
            uses_index: true,
            ..self
        }
    }

    /// Says that it sends no request.
    pub(super) const fn local(self) -> Self {
        Self {
            needs_server: false,
            ..self
        }
    }

    /// Limits it to Kazoo.
    pub(super) const fn needs_kazoo(self) -> Self {
        Self {
            needs_kazoo: true,
            needs_server: false,
            effect: Effect::Writes,
            ..self
        }
    }

    /// The numbers of arguments that it takes. The arguments of another function are up to three.
    pub fn arities(&self) -> RangeInclusive<usize> {
        let count = self.parameters.len();
        match self.parameters.last() {
            Some(Parameter::OfFunction) => count - 1..=count + 2,
            _ => count..=count,
        }
    }

    /// An accepted argument for each parameter.
    pub fn example_arguments(&self) -> Vec<&'static str> {
        if self.arguments.is_empty() {
            self.parameters.iter().map(Parameter::example).collect()
        } else {
            self.arguments.to_vec()
        }
    }

    /// Whether `plan` takes it.
    pub fn can_be_planned(&self) -> bool {
        self.effect != Effect::Reads && !self.needs_kazoo && self.is_planned
    }

    /// Whether it deletes documents.
    pub fn deletes_documents(&self) -> bool {
        self.effect == Effect::Deletes
    }
}
