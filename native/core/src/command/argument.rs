//! Arguments, and the line that refuses one.

use std::fmt;

/// An argument as it arrives: text, or a list of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// One text.
    Text(String),
    /// A list of texts; the empty list of Erlang is also its empty string.
    List(Vec<String>),
}

/// The one-line reason why a command was refused. Nothing was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    pub(super) fn new(line: String) -> Self {
        Self(line)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}
