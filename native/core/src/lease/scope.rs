//! How much of a cluster a run may change, as other runs must know.

use serde::{Deserialize, Serialize};

/// How much of a cluster a run may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One account, or numbers that were given: it excludes nobody and is refused by nobody.
    Shared,
    /// Databases, lists of them, or all: one such run at a time.
    Exclusive,
}

impl Scope {
    /// The name in the lock's document and in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Exclusive => "exclusive",
        }
    }

    /// Whether runs of these scopes may not go on at the same time.
    pub fn excludes(self, other: Self) -> bool {
        self == Self::Exclusive && other == Self::Exclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exclusive_runs_exclude_each_other() {
        assert!(!Scope::Shared.excludes(Scope::Shared));
        assert!(!Scope::Shared.excludes(Scope::Exclusive));
        assert!(!Scope::Exclusive.excludes(Scope::Shared));
        assert!(Scope::Exclusive.excludes(Scope::Exclusive));
    }
}
