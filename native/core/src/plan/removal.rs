//! Rules for deletions.

use std::borrow::Cow;

use document::Document;

use super::{Decision, Elsewhere, Owner, Source, source_in_number_database};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::reason::Reason;

/// `remove_wrong_assigned_…`: deletes a number in an account's database that is assigned to another account. An assignment that
/// is not an account id does not count (docs/specification.md#remove-wrong-assigned, #odd-assignment).
pub fn other_account(account: AccountId, facts: &NumberFacts) -> Decision {
    match facts.assigned_to {
        _ if !facts.is_live_number() => Decision::Skip,
        Some(other) if other != account => Decision::Delete,
        _ => Decision::Unchanged,
    }
}

/// `remove_former_copies`: deletes an account's copy of a number that the number databases assign to another account or to nobody
/// (docs/specification.md#remove-former-copies). A copy is kept if an assignment is odd. It is kept and reported if a document has
/// conflicts. `conflicted`: a document of the number in the number databases has losing leaves.
pub fn former_copy(
    account: AccountId,
    copy: &Document,
    elsewhere: Elsewhere,
    conflicted: bool,
) -> Decision {
    let facts = NumberFacts::of(copy);
    if !facts.is_live_number() {
        return Decision::Skip;
    }
    if !elsewhere.is_former() || Owner::of(account, &facts) == Owner::Odd {
        return Decision::Unchanged;
    }
    if conflicted || facts.has_conflicts {
        return Decision::Failed(Reason::Conflicted);
    }
    Decision::Delete
}

/// `purge_deleted`, `purge_discovery`: deletes a number of this state in the right database. Older documents have the state in
/// `pvt_number_state`.
pub fn state(database: &DatabaseName, document: &Document, state: &str) -> Decision {
    let source = source_in_number_database(database, document.id(), &NumberFacts::of(document));
    if is_purged(source, state_of(document).as_deref(), state) {
        Decision::Delete
    } else {
        Decision::Skip
    }
}

/// Whether `purge_…` deletes a number of the state `known`.
pub fn is_purged(source: Source, known: Option<&str>, state: &str) -> bool {
    source.is_filed() && known == Some(state)
}

/// The state of a number.
pub fn state_of(document: &Document) -> Option<Cow<'_, str>> {
    document
        .string("pvt_state")
        .or_else(|| document.string("pvt_number_state"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Source;
    use crate::plan::tests::{document, shown};

    const OURS: &str = "abcdef0123456789abcdef0123456789";
    const OTHER: &str = r#""00000000000000000000000000000001""#;

    fn ours() -> AccountId {
        AccountId::parse(OURS).unwrap()
    }

    #[test]
    fn only_number_of_another_account_is_wrongly_assigned() {
        let decided = |text: &str| shown(&other_account(ours(), &NumberFacts::of(&document(text))));
        let number = |assigned: &str| {
            decided(&format!(
                r#"{{"pvt_type":"number","pvt_assigned_to":{assigned}}}"#
            ))
        };
        assert_eq!(number(OTHER), "delete");
        assert_eq!(number(r#""ABCDEF0123456789ABCDEF0123456789""#), "unchanged");
        for odd in ["null", "7", r#""""#, r#""not an id""#] {
            assert_eq!(number(odd), "unchanged", "{odd}");
        }
        assert_eq!(decided(r#"{"pvt_type":"number"}"#), "unchanged");
        for other in [
            format!(r#"{{"pvt_type":"user","pvt_assigned_to":{OTHER}}}"#),
            format!(r#"{{"pvt_type":"number","pvt_deleted":true,"pvt_assigned_to":{OTHER}}}"#),
        ] {
            assert_eq!(decided(&other), "skip", "{other}");
        }
    }

    #[test]
    fn former_copy_is_deleted_only_if_number_belongs_elsewhere() {
        let assigned = |json: &str| {
            document(&format!(
                r#"{{"pvt_type":"number","pvt_assigned_to":{json}}}"#
            ))
        };
        let own = assigned(&format!("\"{OURS}\""));
        let elsewhere = |sources: &[Source]| {
            let mut elsewhere = Elsewhere::default();
            for source in sources {
                elsewhere.add(*source, ours());
            }
            elsewhere
        };
        let other = AccountId::parse(OTHER.trim_matches('"')).unwrap();
        let (here, there) = (Source::Assigned(ours()), Source::Assigned(other));
        let decided = |copy: &Document, sources: &[Source]| {
            shown(&former_copy(ours(), copy, elsewhere(sources), false))
        };
        assert_eq!(decided(&own, &[there]), "delete");
        assert_eq!(decided(&own, &[Source::Unassigned]), "delete");
        assert_eq!(decided(&assigned("null"), &[there]), "delete");
        assert_eq!(decided(&assigned(OTHER), &[there]), "delete");
        for kept in [
            &[][..],
            &[here],
            &[there, here],
            &[Source::OddlyAssigned],
            &[Source::Not],
        ] {
            assert_eq!(decided(&own, kept), "unchanged", "{kept:?}");
        }
        assert_eq!(decided(&assigned("7"), &[there]), "unchanged");
        let soft_deleted = document(r#"{"pvt_type":"number","pvt_deleted":true}"#);
        assert_eq!(decided(&soft_deleted, &[there]), "skip");
        let conflict = document(r#"{"pvt_type":"number","_conflicts":["1-a"]}"#);
        assert_eq!(decided(&conflict, &[there]), "failed: conflicted");
        let by_number = former_copy(ours(), &own, elsewhere(&[there]), true);
        assert_eq!(shown(&by_number), "failed: conflicted");
    }
}
