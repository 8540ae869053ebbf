//! Undoes the writes of a run to a document, one by one.

use document::{Digest, Document, Leaf, Object, Revision};

use super::later_undo::{LaterUndo, revisions};
use super::{Cause, Decision};
use crate::kazoo::NumberFacts;
use crate::reason::Reason;

/// One write that a run made or may have made to a document.
#[derive(Debug)]
pub struct Step {
    /// The document before, attachments inline. `None`: it did not exist.
    pub before: Option<Document>,
    /// The reason for the write; `None` in journals of version 0.1.
    pub cause: Option<Cause>,
    /// The document after. `None`: it was deleted.
    pub after: Option<Document>,
    /// The revision of the write. `None`: the write failed, or its answer was lost.
    pub rev: Option<Revision>,
    /// Losing leaves that were deleted or restored with the document.
    pub leaves: Vec<Leaf>,
}

/// Restores a document, unless another writer changed it after the run. `later`: the undos after the run, oldest first. `now`: the
/// current document, attachments inline.
pub fn put_back(steps: &[Step], later: &[LaterUndo], now: Option<&Document>) -> Decision {
    let Some(target) = before_run(steps, later, now) else {
        return Decision::Failed(Reason::ChangedSince);
    };
    match (target, now) {
        (None, None) => Decision::Unchanged,
        (None, Some(_)) => Decision::Delete,
        (Some(target), Some(now)) if is_equal(target, now) => Decision::Unchanged,
        (Some(target), _) => Decision::Restore(target.edited(&[]), deleted_leaves(steps)),
    }
}

/// Whether a run restored this losing leaf.
pub fn was_restored_by(steps: &[Step], leaf: &Leaf) -> bool {
    let restoring = steps.iter().filter(|step| step.after.is_some());
    let mut restored = restoring.flat_map(|step| &step.leaves);
    restored.any(|known| is_equal(known, leaf))
}

/// The losing leaves that a run deleted with a document. A run may have tried several times.
fn deleted_leaves(steps: &[Step]) -> Vec<Leaf> {
    let mut leaves: Vec<&Leaf> = Vec::new();
    let deletions = steps.iter().filter(|step| step.after.is_none());
    for leaf in deletions.flat_map(|step| &step.leaves) {
        if leaves.iter().all(|known| known.rev() != leaf.rev()) {
            leaves.push(leaf);
        }
    }
    leaves.into_iter().cloned().collect()
}

/// The document before the run. The outer `None`: another writer has changed it since.
///
/// A write that is known to have landed must have left its revision, or a later undo has restored it. A write with a lost answer is
/// recognised by its content. Writes that did not land are skipped.
fn before_run<'a>(
    steps: &'a [Step],
    later: &[LaterUndo],
    now: Option<&'a Document>,
) -> Option<Option<&'a Document>> {
    let revs = now.map(|now| revisions(now, later)).unwrap_or_default();
    let mut state = now;
    let mut moved = false;
    for step in steps.iter().rev() {
        let content = match (&step.after, state) {
            (None, None) => true,
            (Some(after), Some(state)) => is_as_written(after, state),
            _ => false,
        };
        let ours = match (&step.rev, state) {
            // A deleted document matches whatever the revision of its tombstone.
            (Some(made), Some(_)) if !moved => revs.contains(&made),
            _ => content,
        };
        if ours {
            state = step.before.as_ref();
            moved = true;
        }
    }
    let first = steps.first().and_then(|step| step.before.as_ref());
    let untouched = match (first, now) {
        (None, None) => true,
        (Some(first), Some(now)) => is_equal(first, now),
        _ => false,
    };
    (moved || untouched).then_some(state)
}

/// Whether two documents are the same, to the content of their attachments.
fn is_equal(one: &Document, other: &Document) -> bool {
    one.digest() == other.digest()
}

/// Whether a document is as a run wrote it. Attachments count by name only, because the run wrote them as stubs or inline.
pub(crate) fn is_as_written(written: &Document, now: &Document) -> bool {
    content(written) == content(now)
}

/// The digest of a document without its attachments, and the names of these.
fn content(document: &Document) -> (Digest, Vec<String>) {
    let attachments = document
        .get("_attachments")
        .and_then(|json| Object::parse(json).ok());
    let mut names: Vec<String> = attachments
        .map(|all| all.fields().map(|(name, _)| name.to_owned()).collect())
        .unwrap_or_default();
    names.sort_unstable();
    if !NumberFacts::of(document).has_attachments {
        return (document.digest(), names);
    }
    (document.edited(&[("_attachments", None)]).digest(), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, rev: Option<&str>) -> Document {
        let rev = Revision::parse(rev.unwrap_or("1-a"));
        Document::read("+1", rev, text.to_owned().into()).unwrap()
    }

    fn step(before: Option<&str>, after: Option<&str>, rev: Option<&str>) -> Step {
        let own = |text: Option<&str>| text.map(|text| document(text, None));
        Step {
            before: own(before),
            cause: None,
            after: own(after),
            rev: rev.map(Revision::parse),
            leaves: Vec::new(),
        }
    }

    fn back(steps: &[Step], now: Option<&str>, rev: Option<&str>) -> Option<Option<String>> {
        back_after(steps, &[], now, rev)
    }

    fn back_after(
        steps: &[Step],
        later: &[LaterUndo],
        now: Option<&str>,
        rev: Option<&str>,
    ) -> Option<Option<String>> {
        let now = now.map(|text| document(text, rev));
        let target = before_run(steps, later, now.as_ref());
        target.map(|target| target.map(|document| document.text().to_owned()))
    }

    const A: &str = r#"{"a":1}"#;
    const B: &str = r#"{"b":1}"#;
    const C: &str = r#"{"c":1}"#;

    fn to(text: &str) -> Option<Option<String>> {
        Some(Some(text.to_owned()))
    }

    #[test]
    fn landed_write_is_undone_and_foreign_write_is_not() {
        let steps = [step(Some(A), Some(B), Some("2-x"))];
        assert_eq!(back(&steps, Some(B), Some("2-x")), to(A));
        assert_eq!(back(&steps, Some(B), Some("3-y")), None);
        assert_eq!(back(&steps, Some(C), Some("3-y")), None);
        assert_eq!(back(&steps, None, None), None);
        assert_eq!(back(&steps, Some(A), Some("3-y")), to(A));
    }

    #[test]
    fn lost_write_is_recognised_by_content() {
        let steps = [step(Some(A), Some(B), None)];
        assert_eq!(back(&steps, Some(B), Some("2-x")), to(A));
        assert_eq!(back(&steps, Some(A), Some("1-x")), to(A));
        assert_eq!(back(&steps, Some(C), Some("2-y")), None);
    }

    #[test]
    fn conflict_keeps_document_of_other_writer() {
        let steps = [
            step(Some(A), Some(B), None),
            step(Some(C), Some(B), Some("3-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("3-x")), to(C));
    }

    #[test]
    fn two_writes_are_undone_in_reverse_order() {
        let steps = [
            step(None, Some(A), Some("1-x")),
            step(Some(A), Some(B), Some("2-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(None));
        let deleted = [step(Some(A), None, Some("2-x"))];
        assert_eq!(back(&deleted, None, None), to(A));
        assert_eq!(back(&deleted, Some(B), Some("4-x")), None);
    }

    /// A write whose document before has a revision.
    fn replacing(before: (&str, &str), after: Option<&str>, rev: Option<&str>) -> Step {
        Step {
            before: Some(document(before.0, Some(before.1))),
            ..step(None, after, rev)
        }
    }

    #[test]
    fn run_is_undone_after_later_runs_were_undone() {
        let first = [replacing((A, "1-a"), Some(B), Some("2-b"))];
        let undo = |undone: Step, made: Step| LaterUndo {
            undone: vec![undone],
            made: vec![made],
        };
        let second = || replacing((B, "2-b"), Some(C), Some("3-c"));
        let back = |later: &[LaterUndo], now, rev| back_after(&first, later, Some(now), Some(rev));
        let undone = [undo(second(), replacing((C, "3-c"), Some(B), Some("4-d")))];
        assert_eq!(back(&undone, B, "4-d"), to(A));
        // Another writer, before the second run or after its undo.
        assert_eq!(back(&undone, B, "5-e"), None);
        let other_writer = [undo(
            replacing((B, "3-x"), Some(C), Some("4-c")),
            replacing((C, "4-c"), Some(B), Some("5-d")),
        )];
        assert_eq!(back(&other_writer, B, "5-d"), None);
        // The answer of the undo was lost.
        let lost = [undo(second(), replacing((C, "3-c"), Some(B), None))];
        assert_eq!(back(&lost, B, "4-d"), to(A));
        assert_eq!(back(&lost, C, "4-d"), None);
        // A deletion was undone, and then a third run.
        let deleted = || replacing((B, "2-b"), None, Some("3-c"));
        let restored = || Step {
            before: None,
            ..replacing((A, "0-0"), Some(B), Some("4-d"))
        };
        let third = replacing((B, "4-d"), Some(C), Some("5-e"));
        let undone = [
            undo(deleted(), restored()),
            undo(third, replacing((C, "5-e"), Some(B), Some("6-f"))),
        ];
        assert_eq!(back(&undone, B, "6-f"), to(A));
        // The second run made again what its undo had taken back: the document is as the second run left it.
        let again = [
            undo(second(), replacing((C, "3-c"), Some(B), Some("4-d"))),
            undo(
                replacing((C, "3-c"), Some(B), Some("4-d")),
                replacing((B, "4-d"), Some(C), Some("5-e")),
            ),
        ];
        assert_eq!(back(&again, C, "5-e"), None);
        let second = [second()];
        assert_eq!(back_after(&second, &again, Some(C), Some("5-e")), to(B));
    }
}
