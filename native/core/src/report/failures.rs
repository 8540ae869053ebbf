//! The failure report in the format of Kazoo's module, which scripts parse (docs/specification.md#output).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::Reason;
use couchdb::Kind;

/// The failures of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseFailures {
    /// Numbers by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<Reason, BTreeSet<String>>,
    /// The error that prevented reading the database.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "kind_by_name"
    )]
    pub last_error: Option<Kind>,
}

fn kind_by_name<S: Serializer>(kind: &Option<Kind>, to: S) -> Result<S::Ok, S::Error> {
    kind.map(Kind::name).serialize(to)
}

impl DatabaseFailures {
    /// The number of failures: one per number and reason, and one for a database that could not be read.
    pub fn count(&self) -> u64 {
        let numbers: usize = self.failed.values().map(BTreeSet::len).sum();
        numbers as u64 + u64::from(self.last_error.is_some())
    }
}

/// Failures by the encoded name of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Failures(BTreeMap<String, DatabaseFailures>);

impl Failures {
    /// Records the failure of a number. Returns false if it was recorded before.
    pub fn number(&mut self, database: &str, reason: Reason, number: &str) -> bool {
        self.0
            .entry(database.to_owned())
            .or_default()
            .failed
            .entry(reason)
            .or_default()
            .insert(number.to_owned())
    }

    /// Records a database that could not be read.
    pub fn database(&mut self, database: &str, kind: Kind) {
        self.0.entry(database.to_owned()).or_default().last_error = Some(kind);
    }

    /// The reasons why a number failed, each with the encoded name of the database.
    pub fn of_number<'a>(
        &'a self,
        number: &'a str,
    ) -> impl Iterator<Item = (&'a str, Reason)> + 'a {
        self.0.iter().flat_map(move |(database, failures)| {
            let failed = failures.failed.iter();
            failed
                .filter(move |(_, numbers)| numbers.contains(number))
                .map(move |(reason, _)| (database.as_str(), *reason))
        })
    }

    /// The failures of each database.
    pub fn by_database(&self) -> &BTreeMap<String, DatabaseFailures> {
        &self.0
    }

    /// Whether nothing failed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of failures.
    pub fn count(&self) -> u64 {
        self.0.values().map(DatabaseFailures::count).sum()
    }

    /// One JSON object, on one line.
    pub fn to_json(&self) -> String {
        // Serialising maps of strings cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_report_has_the_format_of_kazoo() {
        let mut failures = Failures::default();
        failures.number("numbers%2F%2B1415", Reason::CONFLICT, "+14155550101");
        failures.number("numbers%2F%2B1415", Reason::CONFLICT, "+14155550100");
        failures.number("numbers%2F%2B1415", Reason::CONFLICT, "+14155550100");
        failures.database("numbers%2F%2B1416", Kind::DatabaseNotFound);
        assert_eq!(
            failures.to_json(),
            r#"{"numbers%2F%2B1415":{"failed":{"save_docs-conflict":["+14155550100","+14155550101"]}},"numbers%2F%2B1416":{"last_error":"db_not_found"}}"#
        );
        assert_eq!(failures.count(), 3);
    }
}
