//! The output of a conversion: converted numbers and failed numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::engine::Run;
use crate::kazoo::{AccountId, DatabaseName};

/// For numbers in two number databases: the database and number of each result, with the number database that was converted. A
/// failure in one of the two number databases is not a failure in the other.
pub(super) struct Origins(HashMap<(String, String), DatabaseName>);

impl Origins {
    /// `lists`: the numbers of each number database. `copies`: account, number and number database of each updated copy.
    pub(super) fn of<'a>(
        lists: &'a [(DatabaseName, BTreeSet<String>)],
        copies: impl Iterator<Item = (AccountId, &'a str, &'a DatabaseName)> + Clone,
    ) -> Self {
        let listed = || {
            lists.iter().flat_map(|(database, numbers)| {
                numbers
                    .iter()
                    .map(move |number| (number.as_str(), database))
            })
        };
        // Only numbers in two databases matter, and they are few.
        let mut seen: HashMap<&str, &DatabaseName> = HashMap::new();
        let mut twice: HashSet<&str> = HashSet::new();
        let copied = copies.clone().map(|(_, number, from)| (number, from));
        for (number, database) in listed().chain(copied) {
            if *seen.entry(number).or_insert(database) != database {
                twice.insert(number);
            }
        }
        let converted = listed().map(|(number, database)| (number, database.clone(), database));
        let copied = copies.map(|(account, number, from)| (number, account.database(), from));
        let origins = converted
            .chain(copied)
            .filter(|(number, ..)| twice.contains(number))
            .map(|(number, place, from)| ((place.encoded(), number.to_owned()), from.clone()));
        Self(origins.collect())
    }

    /// Whether the failure of a number in `place` (an encoded name) belongs to this number database.
    pub(super) fn concerns(&self, database: &DatabaseName, place: &str, number: &str) -> bool {
        let origin = self.0.get(&(place.to_owned(), number.to_owned()));
        origin.is_none_or(|origin| origin == database)
    }
}

/// The failed numbers of a number database, each with its first reason as one word.
pub(super) fn failures_of(
    run: &Run,
    numbers: &BTreeSet<String>,
    concerns: impl Fn(&str, &str) -> bool,
) -> BTreeMap<String, String> {
    let failures = run.reporter.failures();
    let mut failed = BTreeMap::new();
    for (place, of_place) in failures.by_database() {
        for (reason, failed_numbers) in &of_place.failed {
            for number in failed_numbers.intersection(numbers) {
                if !failed.contains_key(number) && concerns(place, number) {
                    failed.insert(number.clone(), reason.word().into_owned());
                }
            }
        }
    }
    failed
}
