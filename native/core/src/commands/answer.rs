//! How a command ends.

use crate::engine::Run;

/// The exit code of a run in which something failed, and of a command that was refused.
pub const FAILED: u8 = 2;

/// The exit code of a command that cannot be run here.
pub const NOT_HERE: u8 = 1;

/// What a run returns to its caller (docs/specification.md#output).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// `ok`
    Ok,
    /// `no_return`: as `ok`, and nothing is printed for it.
    NoReturn,
    /// `{no_return, Code}`
    Code(u8),
    /// `{ok, Text}` or `{error, Text}`
    Value(Result<String, String>),
    /// An application, or `undefined`.
    App(Option<&'static str>),
}

impl Returned {
    /// What the caller of a refused command gets. The one function that returns its reason does so here, too
    /// (docs/specification.md#copy-single-number).
    pub fn of_refusal(function: &str, refusal: &impl std::fmt::Display) -> Self {
        Self::refused(function, &refusal.to_string())
    }

    pub(crate) fn refused(function: &str, line: &str) -> Self {
        if function == "copy_single_number_to_account_db" {
            Self::Value(Err(line.to_owned()))
        } else {
            Self::Code(FAILED)
        }
    }

    /// The exit status that `sup` makes of it.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Ok | Self::NoReturn => 0,
            Self::Code(code) => *code,
            Self::Value(_) | Self::App(_) => 2,
        }
    }
}

/// The end of a command.
pub(crate) enum Answer {
    /// The summary and the failure report are printed.
    Figures,
    /// They are printed, and this is returned.
    FiguresAnd(Returned),
    /// Everything is printed already.
    Only(Returned),
}

impl Answer {
    /// The end of an output that nothing follows, unless something failed. `returned`: for a run without failures.
    pub(crate) async fn printed(run: &Run, returned: Returned) -> Self {
        let failures = run.reporter.failures();
        if failures.is_empty() {
            return Self::Only(returned);
        }
        run.reporter.output(failures.to_json()).await;
        Self::Only(Returned::Code(FAILED))
    }

    /// The end of an output that says itself which numbers failed. Databases that could not be read follow it.
    pub(crate) async fn printed_or_failed(run: &Run) -> Self {
        let failures = run.reporter.failures();
        if failures.is_empty() {
            return Self::Only(Returned::Ok);
        }
        let mut databases = failures.by_database().values();
        if databases.any(|failures| failures.last_error.is_some()) {
            run.reporter.output(failures.to_json()).await;
        }
        Self::Only(Returned::Code(FAILED))
    }
}
