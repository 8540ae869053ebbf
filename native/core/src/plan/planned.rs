//! Makes a planned change, at the revision for which it was planned.

use document::{Document, Leaf};

use super::Decision;
use super::put_back::{Step, is_as_written};
use crate::reason::Reason;

/// The time of modification in a plan: the document gets the time at which it is written. So the same state gives the same plan.
const UNSTAMPED: &str = "0";

const MODIFIED: &str = "pvt_modified";

fn is_unstamped(document: &Document) -> bool {
    document.get(MODIFIED) == Some(UNSTAMPED)
}

fn stamped(document: &Document, at: u64) -> Document {
    if is_unstamped(document) {
        document.edited(&[(MODIFIED, Some(&at.to_string()))])
    } else {
        document.clone()
    }
}

/// Makes the planned change of a document, unless it was made already or another writer changed the document since.
/// `at`: the time of the change in gregorian seconds, for documents that a plan leaves without one.
pub fn make_planned(steps: &[Step], now: Option<&Document>, at: u64) -> Decision {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return Decision::Skip;
    };
    let planned_at = first.before.as_ref().and_then(Document::rev);
    if planned_at == now.and_then(Document::rev) {
        return match (&last.after, now) {
            (Some(after), _) => Decision::Restore(stamped(after, at), last.leaves.clone()),
            (None, Some(_)) => Decision::Delete,
            (None, None) => Decision::Unchanged,
        };
    }
    if is_made(steps, now) {
        Decision::Unchanged
    } else {
        Decision::Failed(Reason::ChangedSince)
    }
}

/// Whether a document is as a plan wants it.
pub fn is_made(steps: &[Step], now: Option<&Document>) -> bool {
    match (steps.last().and_then(|last| last.after.as_ref()), now) {
        (None, None) => true,
        (Some(after), Some(now)) if is_unstamped(after) => {
            let stamp = now.get(MODIFIED).unwrap_or(UNSTAMPED);
            is_as_written(&after.edited(&[(MODIFIED, Some(stamp))]), now)
        }
        (Some(after), Some(now)) => is_as_written(after, now),
        _ => false,
    }
}

/// Whether a deletion was planned with this losing leaf.
pub fn is_planned_leaf(steps: &[Step], leaf: &Leaf) -> bool {
    let mut known = steps.iter().flat_map(|step| &step.leaves);
    known.any(|known| known.rev() == leaf.rev())
}

#[cfg(test)]
mod tests {
    use document::Revision;

    use super::*;
    use crate::plan::tests::shown;

    const A: &str = r#"{"_id":"+1","a":1}"#;
    const B: &str = r#"{"_id":"+1","b":1}"#;

    fn at(rev: &str, text: &str) -> Document {
        Document::read("+1", Revision::parse(rev), text.to_owned().into()).unwrap()
    }

    fn step(before: Option<Document>, after: Option<&str>) -> [Step; 1] {
        let after = after.map(|text| Document::new("+1", text.to_owned()).unwrap());
        [Step {
            before,
            cause: None,
            after,
            rev: None,
            leaves: Vec::new(),
        }]
    }

    fn made(steps: &[Step], now: Option<&Document>) -> String {
        shown(&make_planned(steps, now, 7))
    }

    #[test]
    fn change_is_made_only_at_its_revision() {
        let update = step(Some(at("1-a", A)), Some(B));
        assert_eq!(made(&update, Some(&at("1-a", A))), B);
        assert_eq!(made(&update, Some(&at("2-b", B))), "unchanged");
        assert_eq!(made(&update, Some(&at("2-b", A))), "failed: changed_since");
        assert_eq!(made(&update, None), "failed: changed_since");
    }

    #[test]
    fn creation_is_made_only_where_nothing_is() {
        let creation = step(None, Some(A));
        assert_eq!(made(&creation, None), A);
        assert_eq!(made(&creation, Some(&at("1-a", A))), "unchanged");
        assert_eq!(
            made(&creation, Some(&at("1-b", B))),
            "failed: changed_since"
        );
    }

    #[test]
    fn deletion_is_made_only_at_its_revision() {
        let deletion = step(Some(at("1-a", A)), None);
        assert_eq!(made(&deletion, Some(&at("1-a", A))), "delete");
        assert_eq!(made(&deletion, None), "unchanged");
        assert_eq!(
            made(&deletion, Some(&at("2-b", A))),
            "failed: changed_since"
        );
    }

    #[test]
    fn document_is_stamped_when_it_is_written() {
        let update = step(Some(at("1-a", A)), Some(r#"{"_id":"+1","pvt_modified":0}"#));
        let written = r#"{"_id":"+1","pvt_modified":7}"#;
        assert_eq!(made(&update, Some(&at("1-a", A))), written);
        assert_eq!(made(&update, Some(&at("2-b", written))), "unchanged");
    }
}
