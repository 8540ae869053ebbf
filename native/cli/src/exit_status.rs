//! The exit status of a program. Each has one meaning; docs/specification.md has the same table.

use std::process::ExitCode;

use kazoo_numbers::run::Ending;

/// An exit status of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done.
    Done = 0,
    /// The command line cannot be used.
    Usage = 1,
    /// Something failed.
    Failed = 2,
    /// Refused before anything was written.
    Refused = 3,
    /// CouchDB cannot be used.
    NoServer = 4,
    /// An audit found drift.
    DriftFound = 5,
    /// Ctrl-C.
    Interrupted = 130,
    /// `kill`.
    Terminated = 143,
}

impl ExitStatus {
    /// Every status, in order.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Usage,
        Self::Failed,
        Self::Refused,
        Self::NoServer,
        Self::DriftFound,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The status as the shell sees it.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The status in a few words, for a list on one screen.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Usage => "usage",
            Self::Failed => "some numbers or databases failed",
            Self::Refused => "refused",
            Self::NoServer => "CouchDB not reachable or not allowed",
            Self::DriftFound => "drift found",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// The meaning, for the manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "done; nothing failed. A value that was asked for is printed, an empty one too"
            }
            Self::Usage => {
                "the command line cannot be used: unknown function or option, an argument that is refused, a function that needs a running Kazoo. Nothing was read"
            }
            Self::Failed => {
                "some numbers or databases failed, or an error stopped the run; the last lines say which and why"
            }
            Self::Refused => {
                "refused before anything was written: another run holds the cluster lock, the run to undo is of another cluster, no journal can be kept"
            }
            Self::NoServer => {
                "CouchDB is not reachable, its answers cannot be used, or it does not allow this user to do that"
            }
            Self::DriftFound => "an audit that was asked to fail on drift found some",
            Self::Interrupted => {
                "interrupted by Ctrl-C: writes in flight were finished, and nothing more was written"
            }
            Self::Terminated => "as 130, by `kill`",
        }
    }
}

impl From<Ending> for ExitStatus {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::Done,
            Ending::Usage => Self::Usage,
            Ending::Failed => Self::Failed,
            Ending::Refused(_) => Self::Refused,
            Ending::NoServer => Self::NoServer,
            Ending::DriftFound => Self::DriftFound,
            Ending::Cancelled => Self::Interrupted,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specification_has_the_table_of_exit_statuses() {
        let specification = include_str!("../../../docs/specification.md");
        let rows: String = ExitStatus::ALL
            .iter()
            .map(|status| format!("| {} | {} |\n", status.code(), status.meaning()))
            .collect();
        let header = "| exit status | meaning |\n| --- | --- |\n";
        let table = specification.split_once(header).map(|(_, rest)| rest);
        let table = table.and_then(|rest| rest.split_once("\n\n"));
        assert_eq!(table.map(|(table, _)| format!("{table}\n")), Some(rows));
    }
}
