//! How often a batch is sent (docs/specification.md#lost-answers). This module reads and sends nothing; `write` does what it says.

use super::attempts::{Attempts, Unsettled};
use crate::report::Reason;
use couchdb::Error;

/// How often a document is written at most because it keeps changing, or keeps failing.
const ROUNDS: u32 = 6;

/// The next step of a batch.
#[derive(Debug)]
pub(super) enum NextRound {
    /// Decide again from fresh reads, after a pause if there was an error, and send what must change.
    Again {
        ids: Vec<String>,
        trouble: Option<Error>,
    },
    /// Decide again from fresh reads: an answer was lost. A document that still must change has failed.
    LookOnce { ids: Vec<String>, reason: Reason },
    /// These have failed.
    GiveUp { ids: Vec<String>, reason: Reason },
}

/// The number of times that a batch was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rounds(u32);

impl Rounds {
    /// The number of the round that is sent next, from 1.
    pub(super) fn number(&self) -> u32 {
        self.0 + 1
    }

    /// A batch was sent. The next step; `None`: all its documents are settled.
    pub(super) fn next(&mut self, unsettled: Unsettled, attempts: &Attempts) -> Option<NextRound> {
        let Unsettled { ids, trouble } = unsettled;
        if ids.is_empty() {
            return None;
        }
        self.0 += 1;
        if self.0 < ROUNDS {
            return Some(NextRound::Again { ids, trouble });
        }
        let reason = trouble.as_ref().map_or(Reason::CONFLICT, Reason::from);
        // A server may act on a lost request late, and the conflict may be with that write.
        let is_lost = trouble.is_some() || ids.iter().any(|id| attempts.has_lost(id));
        Some(if is_lost {
            NextRound::LookOnce { ids, reason }
        } else {
            NextRound::GiveUp { ids, reason }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use couchdb::{Kind, Landed, Operation};
    use document::{Change, Document};

    #[test]
    fn last_conflict_after_a_lost_answer_is_looked_at_once_more() {
        let unsettled = || Unsettled {
            ids: vec!["+1".into()],
            trouble: None,
        };
        let mut attempts = Attempts::default();
        let mut rounds = Rounds(ROUNDS - 1);
        assert!(matches!(
            rounds.next(unsettled(), &attempts),
            Some(NextRound::GiveUp { .. })
        ));
        let change = Change::create(Document::new("+1", "{}".to_owned()).unwrap());
        let lost = Error::new(Kind::Timeout, Operation::SAVE_DOCS, "");
        attempts.answered(change, Landed::Failed(lost));
        rounds = Rounds(ROUNDS - 1);
        assert!(matches!(
            rounds.next(unsettled(), &attempts),
            Some(NextRound::LookOnce { .. })
        ));
    }
}
