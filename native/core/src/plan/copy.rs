//! Copies of number documents, in both directions.

use document::{Digest, Document};

use super::Decision;
use crate::kazoo::{DatabaseName, NumberFacts};
use crate::reason::Reason;

/// Number database → account database: the number database is the authority, also over soft-deleted copies
/// (docs/specification.md#soft-deleted), but never over a document of another type (docs/specification.md#other-types). `whole`:
/// both documents have their attachments inline. Servers can have different digests of the same attachment, so copies with
/// attachments are compared by content.
pub fn copy_to_account(source: &Document, target: Option<&Document>, whole: bool) -> Decision {
    match target {
        Some(target) if target.digest() == source.digest() => Decision::Unchanged,
        Some(target) if !NumberFacts::of(target).is_number => Decision::Failed(Reason::CONFLICT),
        _ if !whole && NumberFacts::of(source).has_attachments => Decision::NeedsAttachments,
        _ => Decision::Write(source.edited(&[])),
    }
}

/// Account database → number database: only missing documents are written. `source`: the account's document.
pub fn copy_to_number_database(
    source: &Document,
    target: Option<&Document>,
    whole: bool,
) -> Decision {
    let facts = NumberFacts::of(source);
    if !facts.is_live_number() {
        return Decision::Skip;
    }
    match target {
        Some(target) => compare_with_number_database(source.digest(), target.digest()),
        None if !whole && facts.has_attachments => Decision::NeedsAttachments,
        None => Decision::Write(source.edited(&[])),
    }
}

/// Compares an account's copy with the document in the number database: equal, or in conflict.
pub fn compare_with_number_database(copy: Digest, number: Digest) -> Decision {
    if copy == number {
        Decision::Unchanged
    } else {
        Decision::Failed(Reason::CONFLICT)
    }
}

/// One account's copy of a number that is missing in its number database.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The account database of the copy.
    pub database: DatabaseName,
    /// Whether the copy is assigned to that account.
    pub at_home: bool,
    /// The digest of the copy.
    pub digest: Digest,
}

/// The selected copy from which a number is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// No copy.
    None,
    /// This one, by its index.
    Copy(usize),
    /// These copies claim the number for their accounts and differ: only the operator can decide.
    Contested(Vec<usize>),
}

/// Selects one of several copies (docs/specification.md#contested). A copy that is assigned to its account has priority. If no
/// copy is, the first by database name is selected.
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
    use crate::plan::tests::{document, shown};

    #[test]
    fn number_database_is_the_authority_over_numbers_only() {
        let source = document(r#"{"_id":"+1","pvt_type":"number","a":1}"#);
        let written = source.text();
        for (target, expected) in [
            (
                r#"{"a":1,"_rev":"9-x","pvt_type":"number","_id":"+1"}"#,
                "unchanged",
            ),
            (r#"{"_id":"+1","pvt_type":"number","a":1.0}"#, written),
            (
                r#"{"_id":"+1","pvt_type":"number","a":1,"pvt_deleted":true}"#,
                written,
            ),
            (
                r#"{"_id":"+1","pvt_type":"user","a":1}"#,
                "failed: save_docs-conflict",
            ),
        ] {
            let decision = copy_to_account(&source, Some(&document(target)), false);
            assert_eq!(shown(&decision), expected, "{target}");
        }
        assert_eq!(shown(&copy_to_account(&source, None, false)), written);
    }

    #[test]
    fn copy_with_attachments_is_decided_with_their_content() {
        let source = document(r#"{"pvt_type":"number","_attachments":{"a":{"stub":true}}}"#);
        let needs = "needs attachments";
        assert_eq!(shown(&copy_to_account(&source, None, false)), needs);
        assert_eq!(shown(&copy_to_account(&source, None, true)), source.text());
        assert_eq!(shown(&copy_to_number_database(&source, None, false)), needs);
        let same = shown(&copy_to_account(&source, Some(&source), false));
        assert_eq!(same, "unchanged");
    }

    #[test]
    fn claimed_copy_is_picked_and_differing_claims_are_contested() {
        let candidate = |name: &str, at_home, text: &str| Candidate {
            database: DatabaseName::new(name).unwrap(),
            at_home,
            digest: document(text).digest(),
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
