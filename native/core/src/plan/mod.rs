//! The rules: pure functions from documents to decisions, without I/O or a clock. Repairs and audits use the same functions.

mod apps;
mod assignment;
mod carrier;
mod cause;
mod copy;
mod drift;
mod elsewhere;
mod features;
mod field_difference;
mod later_undo;
mod planned;
mod put_back;
mod removal;
mod unassigned;

use document::{Document, Leaf};

use crate::reason::Reason;

pub use apps::{decide_used_by, is_used_by_wrong};
pub use assignment::{Source, source_in_number_database};
pub use carrier::{convert, has_module, module_of};
pub use cause::Cause;
pub use copy::{
    Candidate, Pick, compare_with_number_database, copy_to_account, copy_to_number_database, pick,
};
pub use drift::{Drift, Remedy, Severity};
pub use elsewhere::{Elsewhere, Owner, place_in_account};
pub(crate) use features::features_of;
pub use features::{KNOWN_FEATURES, edit_features, edited_list};
pub use field_difference::{FieldDifference, differing_fields};
pub use later_undo::LaterUndo;
pub use planned::{is_made, is_planned_leaf, make_planned};
pub(crate) use put_back::is_as_written;
pub use put_back::{Step, put_back, was_restored_by};
pub use removal::{former_copy, is_purged, other_account, state, state_of};
pub use unassigned::{
    KAZOOS_FIELDS, for_kazoo, has_used_by, is_migrated, is_unmigrated, merged, migrate_unassigned,
};

/// The decision of a rule for one document.
#[derive(Debug)]
pub enum Decision {
    /// The document is right.
    Unchanged,
    /// Write this document. It is created if it does not exist.
    Write(Document),
    /// As [`Decision::Write`]. If the document does not exist, these losing leaves are restored with it.
    Restore(Document, Vec<Leaf>),
    /// Delete the document.
    Delete,
    /// The document fails with this reason.
    Failed(Reason),
    /// The decision depends on the content of attachments: decide again with attachments inline.
    NeedsAttachments,
    /// The rule does not apply to this document.
    Skip,
}

impl Decision {
    /// Writes an edited document; unchanged if there is no edit.
    pub(crate) fn edit(edited: Option<Document>) -> Self {
        edited.map_or(Self::Unchanged, Self::Write)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use document::{Document, Revision};

    use super::Decision;

    /// A document that was read at revision `1-a`.
    pub(crate) fn document(text: &str) -> Document {
        Document::read("+1", Revision::parse("1-a"), text.to_owned().into()).unwrap()
    }

    /// A decision as text: the written document, or the name of the decision.
    pub(crate) fn shown(decision: &Decision) -> String {
        match decision {
            Decision::Write(after) | Decision::Restore(after, _) => after.text().to_owned(),
            Decision::Failed(reason) => format!("failed: {}", reason.key()),
            Decision::Unchanged => "unchanged".to_owned(),
            Decision::Delete => "delete".to_owned(),
            Decision::NeedsAttachments => "needs attachments".to_owned(),
            Decision::Skip => "skip".to_owned(),
        }
    }
}
