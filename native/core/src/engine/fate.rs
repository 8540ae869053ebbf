//! The fate of a write whose answer was lost, from a fresh read of its document. This module reads nothing itself.

use document::{Change, Document, Revision};

use crate::plan::is_as_written;

/// The fate of a write whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The document is as it was sent.
    Landed,
    /// Another writer replaced the revision that this write would have replaced.
    NotLanded,
    /// Another writer changed the document, before or after this write.
    Unknown,
}

/// The fate of a write with a lost answer, from a fresh read of its document.
pub(super) fn fate(lost: &Change, now: Option<&Document>) -> Fate {
    let Some(now) = now else {
        return match lost {
            Change::Delete { .. } => Fate::Landed,
            _ => Fate::Unknown,
        };
    };
    if lost.after().is_some_and(|after| is_as_written(after, now)) {
        return Fate::Landed;
    }
    // The lost write would have made the generation after the one that was read, and this is not the document that it sent.
    let replaced = lost.rev().map_or(Some(0), Revision::generation);
    match (replaced, now.rev().and_then(Revision::generation)) {
        (Some(replaced), Some(now)) if now <= replaced.saturating_add(1) => Fate::NotLanded,
        _ => Fate::Unknown,
    }
}
