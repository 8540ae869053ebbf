//! The two callers of commands.

/// The caller of a command; hints and examples use its syntax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frontend {
    /// `sup`, or an Erlang shell.
    #[default]
    Erlang,
    /// The command line.
    CommandLine,
}

impl Frontend {
    /// The prefix of a call.
    pub(crate) fn call(self) -> &'static str {
        match self {
            Self::Erlang => "sup kazoo_numbers_maintenance",
            Self::CommandLine => "kazoo-numbers",
        }
    }

    /// The option for a dry run.
    pub(crate) fn dry_run(self) -> &'static str {
        match self {
            Self::Erlang => "dry_run",
            Self::CommandLine => "--dry-run",
        }
    }
}
