//! What kind of cluster is wanted.

use std::collections::BTreeSet;

use crate::{DriftKind, UglyKind};

/// What kind of cluster is wanted. The same options give the same cluster, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where chance starts.
    pub seed: u64,
    /// Accounts that have a database; at least 1.
    pub accounts: usize,
    /// Numbers, over all number databases.
    pub numbers: usize,
    /// Number databases, 1 to 790. The first is `numbers/+1415`.
    pub number_databases: usize,
    /// The share of numbers that drifted, 0 to 1.
    pub drift: f64,
    /// The kinds of drift, dealt out evenly.
    pub kinds: BTreeSet<DriftKind>,
    /// The kinds of ugliness; empty: none.
    pub ugly: BTreeSet<UglyKind>,
    /// The share of numbers that are ugly (kinds that touch numbers), 0 to 1. What lies beside
    /// the numbers occurs a few times in a cluster, whatever its size.
    pub ugly_share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            accounts: 20,
            numbers: 1_000,
            number_databases: 10,
            drift: 0.1,
            kinds: DriftKind::all(),
            ugly: BTreeSet::new(),
            ugly_share: 0.05,
        }
    }
}

impl Options {
    /// A cluster small and dense enough for property tests: 2 to 5 accounts, 5 to 40 numbers,
    /// half of them drifted and half of them ugly, in ways that vary with the seed.
    #[must_use]
    pub fn tiny(seed: u64) -> Self {
        let mut dice = crate::dice::Dice::new(seed, "tiny", 0);
        let mut kinds = DriftKind::all();
        kinds.retain(|_| !dice.one_in(4));
        let mut ugly = UglyKind::all();
        ugly.retain(|_| dice.one_in(3));
        Self {
            seed,
            accounts: 2 + dice.below(4),
            numbers: 5 + dice.below(36),
            number_databases: 1 + dice.below(4),
            drift: 0.5,
            kinds,
            ugly,
            ugly_share: 0.5,
        }
    }
}
