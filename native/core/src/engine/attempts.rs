//! The states of the writes of a batch, from the decisions to the results (docs/specification.md#lost-answers). This module reads
//! and sends nothing; `apply` and `write` do what it says. `interleavings` checks it against every order of events.
//!
//! A batch is sent once. After a lost answer it is unknown which rows landed. Sending the batch again could restore a document
//! that another writer deleted meanwhile. So a lost write is decided again from a fresh read: if the document is as it was
//! sent, the lost write landed.

use std::collections::HashMap;

use document::{Change, Document, Leaf, Revision};

use super::fate::{Fate, fate};
use crate::report::{Outcome, Reason};
use couchdb::{Error, Landed};

/// The decision of a rule for one document.
#[derive(Debug)]
pub(crate) enum Decided {
    /// The document is right.
    Unchanged,
    /// The document must change.
    Change(Change),
    /// The document fails: the encoded name of the database, and the reason.
    Failed(String, Reason),
    /// The rule no longer applies to the document.
    Skip,
}

/// The decision for one document.
#[derive(Debug)]
pub(super) struct DecidedAbout {
    pub(super) id: String,
    /// `None`: the decision depends on the content of attachments.
    pub(super) decided: Option<Decided>,
    /// The document as it was read, unless it changes.
    pub(super) document: Option<Document>,
}

/// The next step after a decision.
#[derive(Debug)]
pub(crate) enum AfterDecision {
    /// Write the change.
    Write(Change),
    /// Finished.
    Done {
        /// How it counts.
        outcome: Outcome,
        /// The write whose answer was lost and that landed, and the revision that it made unless it deleted the document.
        landed: Option<(Change, Option<Revision>)>,
    },
    /// Failed.
    Failed(String, Reason),
    /// Finished without work.
    Skipped,
}

/// The next step after an answer.
#[derive(Debug)]
pub(crate) enum AfterAnswer {
    /// The write landed with this revision.
    Written(Change, Revision),
    /// Decide again: another writer was faster, or the answer was lost.
    Again(Option<Error>),
    /// The write failed permanently.
    Failed(Error),
}

/// The next steps after the decisions for a set of documents.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// These are written.
    pub(super) changes: Vec<Change>,
    /// These are decided again from reads with the content of attachments.
    pub(super) need_attachments: Vec<String>,
    /// The others are finished.
    pub(super) finished: Vec<(String, Finished)>,
    /// Writes whose answer was lost and that landed, each with the revision that it made unless it deleted the document.
    pub(super) landed: Vec<(Change, Option<Revision>)>,
}

/// The result of one document.
#[derive(Debug)]
pub(super) enum Finished {
    /// It is as it should be. The document, unless it is deleted or its text is not known.
    Done(Outcome, Option<Document>),
    /// It failed: the encoded name of the database, and the reason.
    Failed(String, Reason),
    /// There was nothing to do.
    Skipped,
}

/// The next steps after the answers to a set of changes.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// These landed.
    pub(super) written: Vec<(Change, Revision)>,
    /// These failed permanently.
    pub(super) failed: Vec<(String, Error)>,
    /// This ends the run.
    pub(super) fatal: Option<Error>,
    /// The others.
    pub(super) unsettled: Unsettled,
}

/// Documents that must be decided again.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    pub(super) ids: Vec<String>,
    /// The temporary error among their answers.
    pub(super) trouble: Option<Error>,
}

/// Writes with a lost answer, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts(HashMap<String, Change>);

impl Attempts {
    /// Whether the answer to a write of this document was lost.
    pub(super) fn has_lost(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The writes with a lost answer, for the state of a checker.
    #[cfg(test)]
    pub(super) fn lost(&self) -> impl Iterator<Item = &Change> {
        self.0.values()
    }

    /// Processes the decisions for a set of documents.
    pub(super) fn decided_all(&mut self, decided: Vec<DecidedAbout>) -> Decisions {
        let mut decisions = Decisions::default();
        for one in decided {
            let DecidedAbout {
                id,
                decided,
                document,
            } = one;
            let Some(decided) = decided else {
                decisions.need_attachments.push(id);
                continue;
            };
            let finished = match self.decided(&id, decided, document.as_ref()) {
                AfterDecision::Write(change) => {
                    decisions.changes.push(change);
                    continue;
                }
                AfterDecision::Done { outcome, landed } => {
                    decisions.landed.extend(landed);
                    Finished::Done(outcome, document)
                }
                AfterDecision::Failed(database, reason) => Finished::Failed(database, reason),
                AfterDecision::Skipped => Finished::Skipped,
            };
            decisions.finished.push((id, finished));
        }
        decisions
    }

    /// Processes the decision for a document. `now`: the document that was read, unless it must change.
    pub(crate) fn decided(
        &mut self,
        id: &str,
        decided: Decided,
        now: Option<&Document>,
    ) -> AfterDecision {
        let lost = self.0.remove(id);
        match (decided, lost) {
            (Decided::Change(change), lost) => {
                if let Some(lost) = lost {
                    self.0.insert(id.to_owned(), lost);
                }
                AfterDecision::Write(change)
            }
            (Decided::Unchanged, lost) => {
                let by_lost = lost.and_then(|lost| done_by(lost, now));
                by_lost.unwrap_or(AfterDecision::Done {
                    outcome: Outcome::Unchanged,
                    landed: None,
                })
            }
            (Decided::Skip, Some(lost @ Change::Delete { .. })) => {
                done_by(lost, now).unwrap_or(AfterDecision::Skipped)
            }
            (Decided::Failed(database, reason), _) => AfterDecision::Failed(database, reason),
            (Decided::Skip, _) => AfterDecision::Skipped,
        }
    }

    /// Processes the answers to a set of changes.
    pub(super) fn answered_all(&mut self, sent: Vec<Change>, landed: Vec<Landed>) -> Answers {
        let mut answers = Answers::default();
        for (change, landed) in sent.into_iter().zip(landed) {
            let id = change.id().to_owned();
            match self.answered(change, landed) {
                AfterAnswer::Written(change, rev) => answers.written.push((change, rev)),
                AfterAnswer::Again(error) => {
                    let unsettled = &mut answers.unsettled;
                    unsettled.ids.push(id);
                    unsettled.trouble = error.or(unsettled.trouble.take());
                }
                AfterAnswer::Failed(error) if error.is_fatal() => answers.fatal = Some(error),
                AfterAnswer::Failed(error) => answers.failed.push((id, error)),
            }
        }
        answers
    }

    /// Processes the answer to a change.
    pub(crate) fn answered(&mut self, change: Change, landed: Landed) -> AfterAnswer {
        match landed {
            Landed::Written(rev) => {
                self.0.remove(change.id());
                AfterAnswer::Written(change, rev)
            }
            Landed::Conflict => AfterAnswer::Again(None),
            Landed::Failed(error) if error.is_temporary() => {
                self.0.insert(change.id().to_owned(), change);
                AfterAnswer::Again(Some(error))
            }
            Landed::Failed(error) => AfterAnswer::Failed(error),
        }
    }
}

/// The end of a document that a write with a lost answer may have left as it is now. `None`: that write did not land.
fn done_by(lost: Change, now: Option<&Document>) -> Option<AfterDecision> {
    let outcome = Outcome::of(&lost);
    let landed = match fate(&lost, now) {
        Fate::Landed => Some((lost, now.and_then(Document::rev).cloned())),
        Fate::Unknown => None,
        Fate::NotLanded => return None,
    };
    Some(AfterDecision::Done { outcome, landed })
}

/// A change of a document with these losing leaves: a deletion takes all of them. `None`: one does not permit it, and the
/// document is left alone.
pub(super) fn with_leaves(
    mut change: Change,
    losing: Vec<Leaf>,
    permits: impl Fn(&Change, &Leaf) -> bool,
) -> Option<Change> {
    if !losing.iter().all(|leaf| permits(&change, leaf)) {
        return None;
    }
    if let Change::Delete { leaves, .. } = &mut change {
        *leaves = losing;
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use couchdb::{Kind, Operation};
    use document::Document;

    fn change(text: &str) -> Change {
        Change::create(Document::new("+1", text.to_owned()).unwrap())
    }

    fn lost() -> Landed {
        Landed::Failed(Error::new(Kind::Timeout, Operation::SAVE_DOCS, ""))
    }

    fn present(text: &str, rev: &str) -> Document {
        Document::read("+1", Revision::parse(rev), text.to_owned().into()).unwrap()
    }

    #[test]
    fn lost_write_landed_if_document_is_as_wanted() {
        let mut attempts = Attempts::default();
        let after = attempts.answered(change("{}"), lost());
        assert!(matches!(after, AfterAnswer::Again(Some(_))));
        let now = present("{}", "1-a");
        let AfterDecision::Done { outcome, landed } =
            attempts.decided("+1", Decided::Unchanged, Some(&now))
        else {
            panic!();
        };
        assert_eq!(outcome, Outcome::Created);
        assert_eq!(landed.unwrap().1, Some(Revision::parse("1-a")));
        let again = attempts.decided("+1", Decided::Unchanged, Some(&now));
        assert!(matches!(
            again,
            AfterDecision::Done {
                outcome: Outcome::Unchanged,
                landed: None
            }
        ));
    }

    #[test]
    fn missing_document_is_ours_only_after_lost_deletion() {
        let mut attempts = Attempts::default();
        attempts.answered(change("{}"), lost());
        assert!(matches!(
            attempts.decided("+1", Decided::Skip, None),
            AfterDecision::Skipped
        ));
        let before = Document::read("+1", Revision::parse("1-a"), "{}".into()).unwrap();
        attempts.answered(Change::delete(before), lost());
        assert!(matches!(
            attempts.decided("+1", Decided::Skip, None),
            AfterDecision::Done {
                outcome: Outcome::Deleted,
                ..
            }
        ));
    }

    #[test]
    fn conflict_keeps_earlier_lost_write() {
        let mut attempts = Attempts::default();
        attempts.answered(change("{}"), lost());
        assert!(matches!(
            attempts.decided("+1", Decided::Change(change("{}")), None),
            AfterDecision::Write(_)
        ));
        assert!(matches!(
            attempts.answered(change("{}"), Landed::Conflict),
            AfterAnswer::Again(None)
        ));
        assert!(matches!(
            attempts.decided("+1", Decided::Unchanged, Some(&present("{}", "1-a"))),
            AfterDecision::Done {
                outcome: Outcome::Created,
                landed: Some(_)
            }
        ));
    }

    #[test]
    fn document_of_another_writer_is_not_the_lost_write() {
        let read = || present("{}", "1-a");
        let update = || Change::update(read(), Document::new("+1", r#"{"a":1}"#.into()).unwrap());
        // The lost write, the document at the next read, and what is reported of it: the outcome, and whether it is recorded as
        // a write of this run.
        let cases = [
            (
                update(),
                present(r#"{"a":1}"#, "2-a"),
                Outcome::Updated,
                true,
            ),
            (
                update(),
                present(r#"{"b":1}"#, "2-b"),
                Outcome::Unchanged,
                false,
            ),
            // It may have landed before the other write.
            (
                update(),
                present(r#"{"b":1}"#, "3-b"),
                Outcome::Updated,
                false,
            ),
            (
                Change::delete(read()),
                present(r#"{"b":1}"#, "2-b"),
                Outcome::Unchanged,
                false,
            ),
            (
                Change::delete(read()),
                present(r#"{"b":1}"#, "3-b"),
                Outcome::Deleted,
                false,
            ),
            (
                change("{}"),
                present(r#"{"b":1}"#, "1-b"),
                Outcome::Unchanged,
                false,
            ),
        ];
        for (change, now, expected, is_ours) in cases {
            let mut attempts = Attempts::default();
            attempts.answered(change, lost());
            let AfterDecision::Done { outcome, landed } =
                attempts.decided("+1", Decided::Unchanged, Some(&now))
            else {
                panic!();
            };
            assert_eq!((outcome, landed.is_some()), (expected, is_ours), "{now:?}");
        }
        let mut attempts = Attempts::default();
        attempts.answered(Change::delete(read()), lost());
        let now = present(r#"{"b":1}"#, "2-b");
        assert!(matches!(
            attempts.decided("+1", Decided::Skip, Some(&now)),
            AfterDecision::Skipped
        ));
    }
}
