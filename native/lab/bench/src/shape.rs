//! The shape of the generated clusters.

use kazoo_numbers_generator::{DriftKind, Options, Plan};
use serde::{Deserialize, Serialize};

/// One number in ten has drift.
const DRIFT: f64 = 0.1;

/// The generator's limit for number databases.
const MOST_NUMBER_DATABASES: usize = 790;

/// The sizes of a cluster: 100 numbers an account and 500 a number database, so that databases have
/// the same size in small and large clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ClusterShape {
    pub(crate) numbers: usize,
    pub(crate) accounts: usize,
    pub(crate) number_databases: usize,
}

impl ClusterShape {
    /// The shape of a cluster with `numbers` numbers.
    pub(crate) fn of(numbers: usize) -> Self {
        Self {
            numbers,
            accounts: (numbers / 100).max(3),
            number_databases: (numbers / 500).clamp(2, MOST_NUMBER_DATABASES),
        }
    }

    /// A cluster of this shape with this drift. It is always the same.
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
