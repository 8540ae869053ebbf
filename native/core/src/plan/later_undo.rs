//! The revisions that a document has again, because later runs that wrote to it were undone.
//!
//! A write of an undo has its own revision, with the content of the revision that the undone run replaced. So a document is as a run
//! left it if each later write to it was undone, newest first.

use document::{Document, Revision};

use super::put_back::{Step, is_as_written};

/// The changes of an undo to a document.
#[derive(Debug)]
pub struct LaterUndo {
    /// The writes of the undone run.
    pub undone: Vec<Step>,
    /// The writes of the undo.
    pub made: Vec<Step>,
}

impl LaterUndo {
    /// The revision whose content the undo restored, if the document is still as the undo left it. `revs`: what is known of the
    /// document's revisions so far.
    fn restored(&self, now: &Document, revs: &[&Revision]) -> Option<&Revision> {
        let last = self.made.last()?;
        let after = last.after.as_ref()?;
        let is_left = match &last.rev {
            Some(made) => revs.contains(&made),
            // The answer was lost: the write is recognised by its content.
            None => is_as_written(after, now),
        };
        if !is_left {
            return None;
        }
        let replaced = self.undone.iter().rev();
        let mut replaced = replaced.filter_map(|step| step.before.as_ref());
        replaced
            .find(|before| is_as_written(before, after))
            .and_then(Document::rev)
    }
}

/// The revision of a document, and those whose content it has again. `later`: the undos after the run in question, oldest first.
pub(super) fn revisions<'a>(now: &'a Document, later: &'a [LaterUndo]) -> Vec<&'a Revision> {
    let mut revs: Vec<&Revision> = now.rev().into_iter().collect();
    for undo in later.iter().rev() {
        if let Some(rev) = undo.restored(now, &revs) {
            revs.push(rev);
        }
    }
    revs
}
