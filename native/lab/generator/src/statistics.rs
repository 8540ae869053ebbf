//! Statistics of a cluster, for tests and the demo.

use exact_json::Value;

use crate::Cluster;

/// Statistics of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Account databases.
    pub accounts: usize,
    /// Number databases.
    pub number_databases: usize,
    /// Documents of type `number` in number databases.
    pub numbers: usize,
    /// Number documents in number databases with a `pvt_assigned_to`.
    pub assigned: usize,
    /// Documents of type `number` in account databases.
    pub copies: usize,
    /// Documents of any type in any database.
    pub documents: usize,
    /// Tombstones.
    pub deleted: usize,
}

impl Statistics {
    /// Counts the documents of a cluster.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let mut counts = Self {
            accounts: cluster.account_databases().count(),
            number_databases: cluster.number_databases().count(),
            ..Self::default()
        };
        for (name, database) in &cluster.databases {
            counts.documents += database.documents.len();
            counts.deleted += database.deleted.len();
            for document in database.documents.values() {
                if document.get("pvt_type").and_then(Value::as_str) != Some("number") {
                    continue;
                }
                if name.starts_with("numbers/") {
                    counts.numbers += 1;
                    counts.assigned += usize::from(document.contains_key("pvt_assigned_to"));
                } else if crate::names::account_of_database(name).is_some() {
                    counts.copies += 1;
                }
            }
        }
        counts
    }
}
