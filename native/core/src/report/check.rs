//! The results of `doctor`: one for each check.

use serde::Serialize;

use super::{Line, Tone};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It was not checked, because another check failed or there is nothing to check.
    Skipped,
    /// All is well.
    Good,
    /// Commands work, and something should be done.
    Warning,
    /// Commands cannot work.
    Failed,
}

impl CheckState {
    fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name of the check: one word.
    pub check: &'static str,
    /// The state of it.
    pub state: CheckState,
    /// The finding, for people.
    pub finding: String,
    /// The remedy, if there is one.
    pub remedy: Option<String>,
}

/// The lines for the terminal.
pub(super) fn lines(check: &Check) -> Vec<Line> {
    let text = format!(
        "{:<8} {:<12} {}",
        check.state.name(),
        check.check,
        check.finding
    );
    let first = Line::new(Tone::Check(check.state), text);
    let remedy = check.remedy.iter();
    let remedy = remedy.map(|remedy| Line::from(format!("{:22}to do: {remedy}", "")));
    std::iter::once(first).chain(remedy).collect()
}
