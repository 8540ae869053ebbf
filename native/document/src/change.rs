//! A planned change to one document of one database.

use crate::document::Document;
use crate::revision::Revision;

/// A losing leaf of a document with conflicts: read at its revision, attachments included.
pub type Leaf = Document;

/// A planned change to one document. It replaces the revision of `before`.
#[derive(Clone, Debug)]
pub enum Change {
    /// The document is created.
    Create {
        /// The document, without a revision.
        after: Document,
        /// The losing leaves before the deletion, if a deletion is undone.
        leaves: Vec<Leaf>,
    },
    /// The document is replaced.
    Update {
        /// The document that was read.
        before: Document,
        /// The new document, without a revision.
        after: Document,
    },
    /// The document is deleted, with all its leaves.
    Delete {
        /// The document that was read.
        before: Document,
        /// The losing leaves that were read.
        leaves: Vec<Leaf>,
    },
}

impl Change {
    /// Creates a document without conflicts.
    pub fn create(after: Document) -> Self {
        Self::Create {
            after,
            leaves: Vec::new(),
        }
    }

    /// Replaces a document.
    pub fn update(before: Document, after: Document) -> Self {
        Self::Update { before, after }
    }

    /// Deletes a document.
    pub fn delete(before: Document) -> Self {
        Self::Delete {
            before,
            leaves: Vec::new(),
        }
    }

    /// The document's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Create { after, .. } => after.id(),
            Self::Update { before, .. } | Self::Delete { before, .. } => before.id(),
        }
    }

    /// The document that is written; `None` for a deletion.
    pub fn after(&self) -> Option<&Document> {
        match self {
            Self::Create { after, .. } | Self::Update { after, .. } => Some(after),
            Self::Delete { .. } => None,
        }
    }

    /// The document that was read; `None` for a creation.
    pub fn before(&self) -> Option<&Document> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. } | Self::Delete { before, .. } => Some(before),
        }
    }

    /// The document after the change, or before its deletion.
    pub fn document(&self) -> &Document {
        match self {
            Self::Create { after, .. } | Self::Update { after, .. } => after,
            Self::Delete { before, .. } => before,
        }
    }

    /// The revision that is replaced; `None` for a creation.
    pub fn rev(&self) -> Option<&Revision> {
        self.before().and_then(Document::rev)
    }

    /// The losing leaves that are deleted with the document, or restored with it.
    pub fn leaves(&self) -> &[Leaf] {
        match self {
            Self::Create { leaves, .. } | Self::Delete { leaves, .. } => leaves,
            Self::Update { .. } => &[],
        }
    }
}
