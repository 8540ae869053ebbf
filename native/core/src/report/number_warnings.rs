//! Warnings about numbers: one line for each kind, however many numbers it is about.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// The numbers of a database and the databases that a line names.
const NUMBERS: usize = 3;
const DATABASES: usize = 5;

/// The longest number and detail in a line, in characters.
const LONGEST: usize = 200;

/// A kind of warning about numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberWarningKind {
    /// Several accounts claim a number that its number database lacks.
    Contested,
    /// A copy is kept, because it is unclear whose number it is.
    OddAssignment,
    /// Both applications use the number.
    UsedByBoth,
    /// The number is in the number database of another prefix.
    Misfiled,
    /// Another number database with priority has the number, too.
    Shadowed,
    /// The number is assigned to another account than the given one.
    AssignedElsewhere,
    /// Kazoo cannot migrate the number.
    NotMigrated,
    /// Kazoo's nodes do not know of a change.
    NotAnnounced,
    /// Kazoo could not reconcile the services of an account.
    ServicesFailed,
}

/// The start of a line about one number and about several, and the text between a number and its detail.
struct Words {
    one: &'static str,
    many: &'static str,
    detail: &'static str,
}

impl NumberWarningKind {
    fn words(self) -> Words {
        let (one, many, detail) = match self {
            Self::Contested => (
                "1 number is contested; to decide: copy_number_from_accountdb_to_numbdb ACCOUNT NUMBER",
                "{} numbers are contested; to decide: copy_number_from_accountdb_to_numbdb ACCOUNT NUMBER",
                " claimed by ",
            ),
            Self::OddAssignment => (
                "1 copy is kept, because its pvt_assigned_to, or that of its number, is not an account id",
                "{} copies are kept, because their pvt_assigned_to, or that of their numbers, is not an account id",
                " ",
            ),
            Self::UsedByBoth => (
                "1 number is used by callflow and by trunkstore, and is left alone",
                "{} numbers are used by callflow and by trunkstore, and are left alone",
                " ",
            ),
            Self::Misfiled => (
                "1 number belongs in another number database and is left alone",
                "{} numbers belong in another number database and are left alone",
                " ",
            ),
            Self::Shadowed => (
                "1 number is also in a number database that has priority",
                "{} numbers are also in a number database that has priority",
                " in ",
            ),
            Self::AssignedElsewhere => (
                "1 number is assigned to another account and is fixed there",
                "{} numbers are assigned to another account and are fixed there",
                " in ",
            ),
            Self::NotMigrated => ("cannot migrate 1 number", "cannot migrate {} numbers", ": "),
            Self::NotAnnounced => (
                "cannot announce 1 change",
                "cannot announce {} changes",
                ": ",
            ),
            Self::ServicesFailed => (
                "cannot reconcile the services of 1 account",
                "cannot reconcile the services of {} accounts",
                ": ",
            ),
        };
        Words { one, many, detail }
    }
}

/// A warning about one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NumberWarning {
    /// The kind.
    pub kind: NumberWarningKind,
    /// The encoded name of the database that has the number.
    pub database: String,
    /// The number: the document's id. The account, for its services.
    pub number: String,
    /// The accounts, the other database or the reason, for kinds that have one.
    pub detail: Option<String>,
}

/// The numbers of one kind in one database.
#[derive(Debug, Default)]
struct InDatabase {
    count: u64,
    /// The first numbers by name, each with its detail. The order in which numbers come does not matter.
    examples: BTreeSet<(String, Option<String>)>,
}

/// The warnings of a run that have no line yet: a count and a few examples for each kind and database.
#[derive(Debug, Default)]
pub(crate) struct NumberWarnings(BTreeMap<NumberWarningKind, BTreeMap<String, InDatabase>>);

impl NumberWarnings {
    pub(crate) fn add(&mut self, warning: &NumberWarning) {
        let databases = self.0.entry(warning.kind).or_default();
        let here = databases.entry(warning.database.clone()).or_default();
        here.count += 1;
        let example = (warning.number.clone(), warning.detail.clone());
        if here.examples.len() < NUMBERS || here.examples.last().is_some_and(|last| example < *last)
        {
            here.examples.insert(example);
        }
        if here.examples.len() > NUMBERS {
            here.examples.pop_last();
        }
    }

    /// A line for each kind.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.iter();
        lines
            .map(|(kind, databases)| line(*kind, databases))
            .collect()
    }
}

fn line(kind: NumberWarningKind, databases: &BTreeMap<String, InDatabase>) -> String {
    let words = kind.words();
    let count: u64 = databases.values().map(|here| here.count).sum();
    let what = match count {
        1 => words.one.to_owned(),
        count => words.many.replacen("{}", &count.to_string(), 1),
    };
    let mut largest: Vec<_> = databases.iter().collect();
    largest.sort_by_key(|(_, here)| Reverse(here.count));
    let more = largest.len().saturating_sub(DATABASES);
    let mut places: Vec<String> = largest
        .into_iter()
        .take(DATABASES)
        .map(|(database, here)| format!("{database} ({}: {})", here.count, examples(here, &words)))
        .collect();
    if more > 0 {
        places.push(format!("and {more} more databases"));
    }
    format!("{what}: {}", places.join(", "))
}

fn examples(here: &InDatabase, words: &Words) -> String {
    let mut shown: Vec<String> = here
        .examples
        .iter()
        .map(|(number, detail)| {
            let detail = detail
                .iter()
                .map(|detail| format!("{}{detail}", words.detail));
            let text: String = std::iter::once(number.clone()).chain(detail).collect();
            text.chars().take(LONGEST).collect()
        })
        .collect();
    let more = here.count.saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(kind: NumberWarningKind, database: &str, number: u64) -> NumberWarning {
        NumberWarning {
            kind,
            database: database.to_owned(),
            number: format!("+{number}"),
            detail: None,
        }
    }

    #[test]
    fn line_has_count_and_examples_whatever_the_order() {
        let mut all: Vec<NumberWarning> = (0..120)
            .map(|number| {
                warning(
                    NumberWarningKind::Misfiled,
                    "numbers%2F%2B1415",
                    1000 + number,
                )
            })
            .chain(
                (0..7)
                    .map(|at| warning(NumberWarningKind::Misfiled, &format!("db{at}"), 2000 + at)),
            )
            .collect();
        all.push(NumberWarning {
            detail: Some("numbers%2F%2B1416".to_owned()),
            ..warning(NumberWarningKind::Shadowed, "numbers%2Finum", 7)
        });
        let expected = [
            "127 numbers belong in another number database and are left alone: numbers%2F%2B1415 \
             (120: +1000, +1001, +1002, and 117 more), db0 (1: +2000), db1 (1: +2001), db2 (1: +2002), \
             db3 (1: +2003), and 3 more databases",
            "1 number is also in a number database that has priority: numbers%2Finum \
             (1: +7 in numbers%2F%2B1416)",
        ];
        for _ in 0..2 {
            let mut warnings = NumberWarnings::default();
            for warning in &all {
                warnings.add(warning);
            }
            assert_eq!(warnings.lines(), expected);
            all.reverse();
        }
    }

    #[test]
    fn memory_is_bounded_by_kinds_and_databases() {
        let mut warnings = NumberWarnings::default();
        for number in 0..10_000 {
            warnings.add(&warning(NumberWarningKind::UsedByBoth, "db", number));
        }
        let here = &warnings.0[&NumberWarningKind::UsedByBoth]["db"];
        assert_eq!((here.count, here.examples.len()), (10_000, NUMBERS));
    }
}
