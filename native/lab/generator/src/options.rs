//! Options of a generated cluster.

use std::collections::BTreeSet;

use crate::{DriftKind, UglyKind};

/// Options of a generated cluster. The same options give the same cluster, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The random seed.
    pub seed: u64,
    /// The number of accounts with a database; at least 1.
    pub accounts: usize,
    /// The number of numbers in all number databases.
    pub numbers: usize,
    /// The number of number databases, 1 to 790. The first is `numbers/+1415`.
    pub number_databases: usize,
    /// The share of numbers with drift, 0 to 1.
    pub drift: f64,
    /// The kinds of drift, in equal parts.
    pub kinds: BTreeSet<DriftKind>,
    /// The kinds of ugliness. Empty for none.
    pub ugly: BTreeSet<UglyKind>,
    /// The share of ugly numbers, 0 to 1. It applies to kinds that affect numbers; the other kinds
    /// occur a few times in a cluster of any size.
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
    /// A small, dense cluster for property tests: 2 to 5 accounts, 5 to 40 numbers, half of them
    /// with drift and half of them ugly, in combinations that vary with the seed.
    #[must_use]
    pub fn tiny(seed: u64) -> Self {
        let mut random = crate::random::RandomStream::new(seed, "tiny", 0);
        let mut kinds = DriftKind::all();
        kinds.retain(|_| !random.one_in(4));
        let mut ugly = UglyKind::all();
        ugly.retain(|_| random.one_in(3));
        Self {
            seed,
            accounts: 2 + random.below(4),
            numbers: 5 + random.below(36),
            number_databases: 1 + random.below(4),
            drift: 0.5,
            kinds,
            ugly,
            ugly_share: 0.5,
        }
    }
}
