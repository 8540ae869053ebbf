//! Copies of number documents, in both directions.

use crate::kazoo::{DatabaseName, NumberFacts};
use couchdb::{Digest, Object};

/// What a copy comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The target is as the source.
    Unchanged,
    /// There is no target.
    Create,
    /// The target differs, and the source counts.
    Overwrite,
    /// The target differs, and must not be touched: `save_docs-conflict`.
    Conflict,
}

/// Number database → account database: the number database is the authority, also over what is
/// soft-deleted in the account (contract section 9.1); but never over a document of another type
/// (section 9.2).
pub fn to_account(source: Digest, target: Option<&Object<'_>>) -> Copy {
    match target {
        None => Copy::Create,
        Some(target) if target.digest() == source => Copy::Unchanged,
        Some(target) if NumberFacts::of(target).is_number => Copy::Overwrite,
        Some(_) => Copy::Conflict,
    }
}

/// Account database → number database: only what is missing is written.
pub fn to_number_database(source: Digest, target: Option<Digest>) -> Copy {
    match target {
        None => Copy::Create,
        Some(target) if target == source => Copy::Unchanged,
        Some(_) => Copy::Conflict,
    }
}

/// One account's copy of a number that its number database lacks.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The account database that it lies in.
    pub database: DatabaseName,
    /// Whether it says that it is assigned to that account.
    pub at_home: bool,
    /// Its content.
    pub digest: Digest,
}

/// Which of several copies is the one to create the number from: one that is assigned to the
/// account it lies in before the rest, then the first by database name (contract section 9.8).
pub fn winner(candidates: &[Candidate]) -> Option<usize> {
    candidates
        .iter()
        .enumerate()
        .min_by_key(|(_, candidate)| (!candidate.at_home, &candidate.database))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Object::parse(text).unwrap()
    }

    #[test]
    fn the_number_database_is_the_authority_over_numbers_only() {
        let source = object(r#"{"_id":"+1","pvt_type":"number","a":1}"#).digest();
        for (target, expected) in [
            (
                r#"{"a":1,"_rev":"9-x","pvt_type":"number","_id":"+1"}"#,
                Copy::Unchanged,
            ),
            (
                r#"{"_id":"+1","pvt_type":"number","a":1.0}"#,
                Copy::Overwrite,
            ),
            (
                r#"{"_id":"+1","pvt_type":"number","a":1,"pvt_deleted":true}"#,
                Copy::Overwrite,
            ),
            (r#"{"_id":"+1","pvt_type":"user","a":1}"#, Copy::Conflict),
        ] {
            assert_eq!(
                to_account(source, Some(&object(target))),
                expected,
                "{target}"
            );
        }
        assert_eq!(to_account(source, None), Copy::Create);
    }

    #[test]
    fn the_copy_at_home_wins_then_the_first_by_name() {
        let candidate = |name: &str, at_home| Candidate {
            database: DatabaseName::new(name).unwrap(),
            at_home,
            digest: object("{}").digest(),
        };
        let all = [
            candidate("account/b", false),
            candidate("account/d", true),
            candidate("account/c", true),
            candidate("account/a", false),
        ];
        assert_eq!(winner(&all), Some(2));
        assert_eq!(winner(&all[..1]), Some(0));
        assert_eq!(winner(&[]), None);
    }
}
