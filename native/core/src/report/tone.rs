//! The subject of a line, for programs that colour it.

use super::CheckState;
use crate::plan::Severity;

/// The subject of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// A document is created.
    Creation,
    /// A document is updated.
    Update,
    /// A document is deleted.
    Deletion,
    /// Drift of this severity.
    Drift(Severity),
    /// The result of a check.
    Check(CheckState),
}

/// A line with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line, without its end.
    pub text: String,
    /// Its subject.
    pub tone: Tone,
}

impl Line {
    pub(crate) fn new(tone: Tone, text: String) -> Self {
        Self { text, tone }
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new(Tone::Plain, text)
    }
}
