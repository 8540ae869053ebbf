//! The assignments of numbers according to the index, to leave out the copies that need no look.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::{ByFacts, Run};
use crate::index::IndexedNumber;
use crate::kazoo::{AccountId, DatabaseName, number_databases_of};
use crate::plan::{Source, source_in_number_database};
use couchdb::Error;
use document::SortedIdMap;

/// The assigned numbers of the number databases; `None` for a database that the index does not know.
#[derive(Default)]
pub(crate) struct KnownNumbers(HashMap<DatabaseName, Option<Assignments>>);

/// The account of each assigned number, or `None` for an odd assignment.
type Assignments = SortedIdMap<Option<AccountId>>;

impl KnownNumbers {
    /// The numbers that the index of this run knows; none without an index.
    pub(crate) async fn of(run: &Arc<Run>) -> Result<Self, Error> {
        if run.settings.index.is_none() {
            return Ok(Self::default());
        }
        let databases = run.number_databases_to_read().await?;
        let known = run
            .each_number_database(databases, |run, database| async move {
                let known = run.known(&database).await?;
                let Some(known) = known else {
                    return Ok((database, None));
                };
                let mut numbers = SortedIdMap::default();
                for number in known.into_numbers() {
                    match source_in_number_database(&database, &number.id, &number.facts) {
                        Source::Assigned(account) => numbers.push(&number.id, Some(account)),
                        Source::OddlyAssigned => numbers.push(&number.id, None),
                        Source::Unassigned | Source::Misfiled | Source::Not => {}
                    }
                }
                Ok((database, Some(numbers.sorted())))
            })
            .await?;
        Ok(Self(known.into_iter().collect()))
    }

    /// Whether an account's copy may be a former one, or one to warn of: not if the number databases that may hold its number are known,
    /// one assigns it to the account, and none has an odd assignment.
    pub(crate) fn may_be_former(&self, account: AccountId, copy: &IndexedNumber) -> ByFacts {
        if !copy.facts.is_live_number() {
            return ByFacts::Skip;
        }
        let mut is_assigned_here = false;
        // A database that does not exist has no entry.
        for database in number_databases_of(&copy.id).filter_map(|name| self.0.get(&name)) {
            let assigned = match database {
                Some(numbers) => numbers.find(&copy.id),
                None => return ByFacts::Read,
            };
            match assigned {
                Some((_, Some(holder))) => is_assigned_here |= holder == account,
                Some((_, None)) => return ByFacts::Read,
                None => {}
            }
        }
        if is_assigned_here {
            ByFacts::Unchanged
        } else {
            ByFacts::Read
        }
    }
}

#[cfg(test)]
mod tests {
    use document::{Document, Revision};

    use super::*;
    use crate::index::{DocumentFacts, facts_of};

    #[test]
    fn only_copy_of_assigned_number_needs_no_look() {
        let account = |text: &str| AccountId::parse(text).unwrap();
        let (ours, theirs) = (
            account("abcdef0123456789abcdef0123456789"),
            account("00000000000000000000000000000001"),
        );
        let database = |name: &str| DatabaseName::new(name).unwrap();
        let copy = |text: &str| {
            let text = format!(r#"{{"_id":"+14155550100",{text}}}"#);
            let document = Document::read("+14155550100", Revision::parse("1-a"), text.into());
            let facts = facts_of(&ours.database(), document.unwrap(), None);
            facts.and_then(DocumentFacts::number).unwrap()
        };
        let decided = |all: &[(&str, Option<AccountId>)], copy: &IndexedNumber| {
            let of = |(name, assigned): &(&str, Option<AccountId>)| {
                let mut numbers = SortedIdMap::default();
                numbers.push("+14155550100", *assigned);
                (database(name), Some(numbers.sorted()))
            };
            let mut known: HashMap<_, _> = all.iter().map(of).collect();
            let decided = KnownNumbers(known.clone()).may_be_former(ours, copy);
            known.insert(database("numbers/inum"), None);
            let with_unknown = KnownNumbers(known).may_be_former(ours, copy);
            assert!([ByFacts::Read, ByFacts::Skip].contains(&with_unknown));
            decided
        };
        let (live, deleted) = (copy(r#""a":1"#), copy(r#""pvt_deleted":true"#));
        let (here, there) = ("numbers/+1415", "numbers/managed");
        assert_eq!(decided(&[(here, Some(ours))], &live), ByFacts::Unchanged);
        assert_eq!(decided(&[(there, Some(ours))], &live), ByFacts::Unchanged);
        assert_eq!(decided(&[(here, Some(ours))], &deleted), ByFacts::Skip);
        for unclear in [
            &[][..],
            &[(here, Some(theirs))],
            &[(here, None)],
            &[(here, Some(ours)), (there, None)],
            &[("numbers/+1416", Some(ours))],
        ] {
            assert_eq!(decided(unclear, &live), ByFacts::Read, "{unclear:?}");
        }
    }
}
