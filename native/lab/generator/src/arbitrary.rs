//! Strategies for property tests: small clusters that shrink by losing documents.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::documents::Cluster;
use crate::options::Options;
use crate::plan::{Generated, generate};

/// The number of documents that shrinking can remove one by one.
const REMOVABLE_DOCUMENTS: usize = 160;

/// Options of tiny clusters with much drift and ugliness. They shrink to fewer numbers, accounts
/// and databases.
pub fn options() -> impl Strategy<Value = Options> {
    (any::<u64>(), 2..=5_usize, 5..=40_usize, 1..=4_usize).prop_map(
        |(seed, accounts, numbers, number_databases)| Options {
            accounts,
            numbers,
            number_databases,
            ..Options::tiny(seed)
        },
    )
}

/// A tiny cluster with the list of its drift.
pub fn generated() -> impl Strategy<Value = Generated> {
    options().prop_map(|options| generate(&options))
}

/// A tiny cluster. It also shrinks by losing documents, so that a failing case keeps only the
/// documents that matter.
pub fn cluster() -> impl Strategy<Value = Cluster> {
    // `weighted(1.0)` is initially true and shrinks to false.
    (options(), vec(weighted(1.0), REMOVABLE_DOCUMENTS)).prop_map(|(options, kept)| {
        let mut cluster = generate(&options).cluster;
        let mut kept = kept.into_iter().chain(std::iter::repeat(true));
        for database in cluster.databases.values_mut() {
            database
                .documents
                .retain(|id, _| id.starts_with("_design/") || kept.next().unwrap_or(true));
            let documents = &database.documents;
            database
                .conflicts
                .retain(|id, _| documents.contains_key(id) && kept.next().unwrap_or(true));
        }
        cluster
    })
}
