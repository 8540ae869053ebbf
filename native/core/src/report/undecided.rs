//! Drift that a command leaves to a person.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::{Drift, Remedy};

/// The most numbers that are named.
const NAMED: usize = 10;

/// The numbers with one kind of drift that only a person can decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The kind.
    pub kind: Drift,
    /// How many numbers have it.
    pub numbers: u64,
    /// The first of them.
    pub examples: Vec<String>,
    /// How a person decides.
    pub decision: &'static str,
}

impl Undecided {
    pub(crate) fn new(kind: Drift, numbers: BTreeSet<&str>) -> Self {
        Self {
            kind,
            numbers: numbers.len() as u64,
            examples: numbers.into_iter().take(NAMED).map(str::to_owned).collect(),
            decision: match kind.remedy() {
                Remedy::Decision(sentence) => sentence,
                Remedy::Command { .. } => "",
            },
        }
    }
}

/// The lines for people.
pub(super) fn lines(undecided: &Undecided) -> Vec<String> {
    let named = undecided.examples.len() as u64;
    let more = match undecided.numbers.saturating_sub(named) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let numbers = if undecided.numbers == 1 {
        "number"
    } else {
        "numbers"
    };
    vec![
        format!(
            "left to you: {}, {} {numbers}: {}{more}",
            undecided.kind.name(),
            undecided.numbers,
            undecided.examples.join(" ")
        ),
        format!("  to decide: {}", undecided.decision),
    ]
}
