//! What clusters of a size look like.

use kazoo_numbers_generator::{DriftKind, Options, Plan};
use serde::{Deserialize, Serialize};

/// One number in ten is out of step.
const DRIFT: f64 = 0.1;

/// The most number databases that the generator makes.
const MOST_NUMBER_DATABASES: usize = 790;

/// How many of what: a hundred numbers an account and five hundred a number database, so that
/// databases are as large in a small cluster as in a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) numbers: usize,
    pub(crate) accounts: usize,
    pub(crate) number_databases: usize,
}

impl Shape {
    /// The shape of a cluster of so many numbers.
    pub(crate) fn of(numbers: usize) -> Self {
        Self {
            numbers,
            accounts: (numbers / 100).max(3),
            number_databases: (numbers / 500).clamp(2, MOST_NUMBER_DATABASES),
        }
    }

    /// A cluster of this shape with this drift, always the same.
    pub(crate) fn plan(self, drift: &[DriftKind]) -> Plan {
        Plan::new(&Options {
            accounts: self.accounts,
            numbers: self.numbers,
            number_databases: self.number_databases,
            drift: DRIFT,
            kinds: drift.iter().copied().collect(),
            ..Options::default()
        })
    }
}
