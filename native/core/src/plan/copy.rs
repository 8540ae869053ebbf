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

/// Which of several accounts' copies a number is created from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// There is none.
    None,
    /// This one, by its index.
    Copy(usize),
    /// These claim the number for the account that they lie in, and differ: nobody but the operator can decide.
    Contested(Vec<usize>),
}

/// Picks one of several copies (contract section 9.8). One that is assigned to the account it lies in goes before the rest;
/// of copies that no account claims, the first by database name is taken.
pub fn pick(candidates: &[Candidate]) -> Pick {
    let claims: Vec<usize> = (0..candidates.len())
        .filter(|index| candidates.get(*index).is_some_and(|one| one.at_home))
        .collect();
    let digest = |index: &usize| candidates.get(*index).map(|one| one.digest);
    if let Some((first, others)) = claims.split_first()
        && others.iter().any(|other| digest(other) != digest(first))
    {
        return Pick::Contested(claims);
    }
    candidates
        .iter()
        .enumerate()
        .min_by_key(|(_, candidate)| (!candidate.at_home, &candidate.database))
        .map_or(Pick::None, |(index, _)| Pick::Copy(index))
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
    fn copy_that_its_account_claims_is_picked_and_claims_that_differ_are_contested() {
        let candidate = |name: &str, at_home, text: &str| Candidate {
            database: DatabaseName::new(name).unwrap(),
            at_home,
            digest: object(text).digest(),
        };
        let mut all = vec![
            candidate("account/b", false, "{}"),
            candidate("account/d", true, r#"{"a":1}"#),
            candidate("account/a", false, "{}"),
        ];
        assert_eq!(pick(&all), Pick::Copy(1));
        all.push(candidate("account/c", true, r#"{"a":1}"#));
        assert_eq!(pick(&all), Pick::Copy(3));
        all.push(candidate("account/e", true, r#"{"a":2}"#));
        assert_eq!(pick(&all), Pick::Contested(vec![1, 3, 4]));
        all.retain(|one| !one.at_home);
        assert_eq!(pick(&all), Pick::Copy(1));
        assert_eq!(pick(&[]), Pick::None);
    }
}
