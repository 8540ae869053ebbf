//! The rules: pure functions from documents to decisions. No I/O, no clock, no VM. Each rule stands here once, for repairs and audits.

mod apps;
mod assignment;
mod carrier;
mod copy;
mod drift;
mod elsewhere;
mod features;
mod put_back;
mod removal;
mod unassigned;

use document::{Document, Leaf};

use crate::report::Reason;

pub use apps::{decide_used_by, is_used_by_wrong};
pub use assignment::{Source, source_in_number_database};
pub use carrier::{convert, has_module};
pub use copy::{
    Candidate, Pick, compare_with_number_database, copy_to_account, copy_to_number_database, pick,
};
pub use drift::{Drift, differing_fields};
pub use elsewhere::{Elsewhere, Owner, place_in_account};
pub(crate) use features::features_of;
pub use features::{KNOWN_FEATURES, edit_features, edited_list};
pub use put_back::{Step, put_back, was_restored_by};
pub use removal::{former_copy, other_account, state};
pub use unassigned::{
    KAZOOS_FIELDS, for_kazoo, is_migrated, is_said_to_be_used, merged, migrate_unassigned,
};

/// What a rule decides about one document.
#[derive(Debug)]
pub enum Decision {
    /// The document is as it should be.
    Unchanged,
    /// The document becomes this one; it is created where it does not exist.
    Write(Document),
    /// As [`Decision::Write`]; where the document does not exist, these losing leaves are restored with it.
    Restore(Document, Vec<Leaf>),
    /// The document is deleted.
    Delete,
    /// It cannot be done.
    Failed(Reason),
    /// The rule depends on the content of attachments: it is asked again with documents that have it.
    NeedsAttachments,
    /// The rule is not about this document.
    Skip,
}

impl Decision {
    /// Writes an edited document, or nothing where there is no edit.
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

    /// A decision as text: the document that is written, or the decision's name.
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
