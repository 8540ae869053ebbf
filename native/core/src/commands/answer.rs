//! The result of a command.

use super::ending::{Ending, Refused};

/// The exit code of a run with failures and of a refused command.
pub const FAILED: u8 = 2;

/// The exit code of a command that is not available here.
pub const NOT_HERE: u8 = 1;

/// The value that a run returns to its caller (docs/specification.md#output).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// `ok`
    Ok,
    /// `no_return`: as `ok`, but `sup` prints nothing.
    NoReturn,
    /// `{no_return, Code}`
    Code(u8),
    /// `{ok, Text}` or `{error, Text}`
    Value(Result<String, String>),
    /// An application, or `undefined`.
    App(Option<&'static str>),
}

impl Returned {
    /// The value for a refused command. `copy_single_number_to_account_db` returns the reason; all others return an exit code
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

    /// The exit status that `sup` derives from the value.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Ok | Self::NoReturn => 0,
            Self::Code(code) => *code,
            Self::Value(_) | Self::App(_) => 2,
        }
    }
}

/// The output that ends a command.
pub(crate) enum Answer {
    /// Print the summary and the failure report.
    Figures,
    /// Print the summary and the failure report, and return this value.
    FiguresAnd(Returned),
    /// The output of the manual ends: print only the failures, if there are any. The value of a run without failures.
    Printed(Returned),
    /// The output lists its failed numbers: print the failures only if a database could not be read.
    Listed,
    /// Print nothing more, and return this value.
    Only(Returned),
    /// As `Only`, and the run ended for this reason.
    Ended(Returned, Ending),
    /// The run is refused. `line` is printed as an error.
    Refused {
        /// The reason.
        because: Refused,
        /// The whole line.
        line: String,
    },
    /// Print help about this function, or about all.
    Help(Option<String>),
}
