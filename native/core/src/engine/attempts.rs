//! The states of one write, from the decision to the result (docs/specification.md#lost-answers). This module sends nothing.
//!
//! A batch is sent once. After a lost answer it is unknown which rows landed. Sending the batch again could restore a document
//! that another writer deleted meanwhile. So a lost write is decided again from a fresh read: if the document is as wanted, the
//! lost write landed.

use std::collections::HashMap;

use document::{Change, Revision};

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

/// The next step after a decision.
#[derive(Debug)]
pub(crate) enum AfterDecision {
    /// Write the change.
    Write(Change),
    /// Finished. `lost`: the write whose answer was lost and that landed.
    Done {
        outcome: Outcome,
        lost: Option<Change>,
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

/// Writes with a lost answer, by id.
#[derive(Debug, Default)]
pub(crate) struct Attempts(HashMap<String, Change>);

impl Attempts {
    /// Processes the decision for a document.
    pub(crate) fn decided(&mut self, id: &str, decided: Decided) -> AfterDecision {
        match (decided, self.0.remove(id)) {
            (Decided::Change(change), lost) => {
                if let Some(lost) = lost {
                    self.0.insert(id.to_owned(), lost);
                }
                AfterDecision::Write(change)
            }
            (Decided::Unchanged, Some(lost))
            | (Decided::Skip, Some(lost @ Change::Delete { .. })) => AfterDecision::Done {
                outcome: Outcome::of(&lost),
                lost: Some(lost),
            },
            (Decided::Unchanged, None) => AfterDecision::Done {
                outcome: Outcome::Unchanged,
                lost: None,
            },
            (Decided::Failed(database, reason), _) => AfterDecision::Failed(database, reason),
            (Decided::Skip, _) => AfterDecision::Skipped,
        }
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

    #[test]
    fn lost_write_landed_if_document_is_as_wanted() {
        let mut attempts = Attempts::default();
        let after = attempts.answered(change("{}"), lost());
        assert!(matches!(after, AfterAnswer::Again(Some(_))));
        let AfterDecision::Done { outcome, lost } = attempts.decided("+1", Decided::Unchanged)
        else {
            panic!();
        };
        assert_eq!((outcome, lost.is_some()), (Outcome::Created, true));
        let again = attempts.decided("+1", Decided::Unchanged);
        assert!(matches!(
            again,
            AfterDecision::Done {
                outcome: Outcome::Unchanged,
                lost: None
            }
        ));
    }

    #[test]
    fn missing_document_is_ours_only_after_lost_deletion() {
        let mut attempts = Attempts::default();
        attempts.answered(change("{}"), lost());
        assert!(matches!(
            attempts.decided("+1", Decided::Skip),
            AfterDecision::Skipped
        ));
        let before = Document::read("+1", Revision::parse("1-a"), "{}".into()).unwrap();
        attempts.answered(Change::delete(before), lost());
        assert!(matches!(
            attempts.decided("+1", Decided::Skip),
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
            attempts.decided("+1", Decided::Change(change("{}"))),
            AfterDecision::Write(_)
        ));
        assert!(matches!(
            attempts.answered(change("{}"), Landed::Conflict),
            AfterAnswer::Again(None)
        ));
        assert!(matches!(
            attempts.decided("+1", Decided::Unchanged),
            AfterDecision::Done {
                outcome: Outcome::Created,
                lost: Some(_)
            }
        ));
    }
}
