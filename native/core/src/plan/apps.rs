//! The application that uses a number (docs/specification.md#used-by).

use document::Document;

use super::Decision;
use crate::kazoo::{NumberFacts, Usage, UsedBy};

/// The right `pvt_used_by` of a number. `None` if both applications name the number: the usage is ambiguous
/// (docs/specification.md#used-by-both).
fn right_used_by(usage: Usage) -> Option<UsedBy> {
    match usage {
        Usage::Both => None,
        Usage::None => Some(UsedBy::Nobody),
        Usage::Callflow => Some(UsedBy::Callflow),
        Usage::Trunkstore => Some(UsedBy::Trunkstore),
    }
}

/// Whether `pvt_used_by` is known to differ from the usage in the account's documents.
pub fn is_used_by_wrong(used_by: UsedBy, usage: Usage) -> bool {
    right_used_by(usage).is_some_and(|right| used_by != right)
}

/// Corrects `pvt_used_by` of a number document. A document that is right, or whose usage is ambiguous, is unchanged.
pub fn decide_used_by(document: &Document, usage: Usage) -> Decision {
    if !is_used_by_wrong(NumberFacts::of(document).used_by, usage) {
        return Decision::Unchanged;
    }
    let json = match right_used_by(usage) {
        Some(UsedBy::Callflow) => Some("\"callflow\""),
        Some(UsedBy::Trunkstore) => Some("\"trunkstore\""),
        _ => None,
    };
    Decision::Write(document.edited(&[("pvt_used_by", json)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{document, shown};

    #[test]
    fn used_by_follows_account_documents() {
        let callflow = r#"{"_id":"+1","pvt_used_by":"callflow","n":1.0}"#;
        let none = r#"{"_id":"+1","n":1.0}"#;
        let null = r#"{"_id":"+1","pvt_used_by":null,"n":1.0}"#;
        let trunkstore = r#"{"_id":"+1","pvt_used_by":"trunkstore","n":1.0}"#;
        for (before, usage, expected) in [
            (callflow, Usage::Callflow, "unchanged"),
            (none, Usage::None, "unchanged"),
            (callflow, Usage::Both, "unchanged"),
            (callflow, Usage::None, none),
            (null, Usage::None, none),
            (callflow, Usage::Trunkstore, trunkstore),
        ] {
            assert_eq!(shown(&decide_used_by(&document(before), usage)), expected);
        }
        assert!(is_used_by_wrong(UsedBy::Other, Usage::None));
        assert!(!is_used_by_wrong(UsedBy::Other, Usage::Both));
    }
}
