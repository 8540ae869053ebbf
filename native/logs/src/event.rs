//! An event of a run, as Erlang gets it.

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// `error`, `warning`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// The module of the code.
    pub target: &'static str,
    /// The message with its fields and those of its spans, one line without credentials.
    pub line: String,
    /// The id of the run.
    pub run: Option<String>,
    /// The function of the run.
    pub function: Option<String>,
    /// The database.
    pub database: Option<String>,
}
