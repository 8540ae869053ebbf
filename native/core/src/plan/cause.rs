//! The reasons for changes, as plans and journals name them.

use super::Drift;

/// The reason for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It repairs this kind of drift.
    Drift(Drift),
    /// A number that no account has carries fields of assigned numbers.
    Unassigned,
    /// The number is in the state that the command purges.
    State,
    /// The number moves to another carrier module.
    Carrier,
    /// The features of the number change.
    Features,
    /// The features that the system config allows change.
    SystemConfig,
    /// A run is undone.
    Undo,
    /// A saved plan is applied.
    Plan,
}

impl Cause {
    const OTHERS: [Self; 7] = [
        Self::Unassigned,
        Self::State,
        Self::Carrier,
        Self::Features,
        Self::SystemConfig,
        Self::Undo,
        Self::Plan,
    ];

    /// The key in plans and journals.
    pub fn key(self) -> &'static str {
        match self {
            Self::Drift(drift) => drift.name(),
            Self::Unassigned => "unassigned",
            Self::State => "state",
            Self::Carrier => "carrier",
            Self::Features => "features",
            Self::SystemConfig => "system_config",
            Self::Undo => "undo",
            Self::Plan => "plan",
        }
    }

    /// The cause with this key.
    pub fn of_key(key: &str) -> Option<Self> {
        let drifts = Drift::ALL.into_iter().map(Self::Drift);
        drifts.chain(Self::OTHERS).find(|cause| cause.key() == key)
    }

    /// A description for operators.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Drift(drift) => drift.meaning(),
            Self::Unassigned => "unassigned, with fields that only assigned numbers have",
            Self::State => "in the state that the command purges",
            Self::Carrier => "gets another carrier module",
            Self::Features => "its features change",
            Self::SystemConfig => "the allowed features change",
            Self::Undo => "restored to the state before a run",
            Self::Plan => "in the plan that is applied",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let mut keys: Vec<&str> = Cause::OTHERS.map(Cause::key).to_vec();
        keys.extend(Drift::ALL.map(Drift::name));
        for key in &keys {
            let cause = Cause::of_key(key).unwrap();
            assert_eq!(cause.key(), *key);
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
