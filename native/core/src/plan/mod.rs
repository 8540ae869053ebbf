//! What must change: pure functions from documents to changes. No I/O, no clock, no VM; all of
//! the contract's sections 4 and 5 is here, and nowhere else.

mod apps;
mod assignment;
mod carrier;
mod copy;
mod drift;
mod features;

pub use apps::{Fix, fix_used_by};
pub use assignment::{Source, is_wrongly_assigned, source_in_number_database};
pub use carrier::convert;
pub use copy::{Candidate, Copy, Pick, pick, to_account, to_number_database};
pub use drift::{
    Drift, Elsewhere, Owner, differing_fields, is_said_to_be_used, is_used_by_wrong,
    place_in_account,
};
pub(crate) use features::features_of;
pub use features::{KNOWN_FEATURES, edit_features, edited_list, migrate_unassigned};

use couchdb::Revision;

/// A losing leaf of a document with conflicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its revision.
    pub rev: Revision,
    /// Its content, attachments and all.
    pub text: Box<str>,
}

/// A change to one document of one database, planned and not yet made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The document is to be there.
    Create {
        /// It, with `_id` and without `_rev`.
        body: Box<str>,
        /// What are to be its losing leaves, where a deletion of them is undone: the revisions that they had.
        leaves: Vec<Leaf>,
    },
    /// The document is to be another.
    Update {
        /// The revision that was read.
        rev: Revision,
        /// The document that was read.
        before: Box<str>,
        /// The document that it becomes, with `_id` and without `_rev`.
        body: Box<str>,
    },
    /// The document is to go, with all its leaves.
    Delete {
        /// The revision that was read.
        rev: Revision,
        /// The document that was read.
        before: Box<str>,
        /// Its losing leaves, as they were read.
        leaves: Vec<Leaf>,
    },
}

impl Change {
    /// The document is to be there; `body` has `_id` and no `_rev`.
    pub fn create(body: Box<str>) -> Self {
        Self::Create {
            body,
            leaves: Vec::new(),
        }
    }

    /// The document that was read becomes another; `body` has `_id` and no `_rev`.
    pub fn update(rev: &Revision, before: &str, body: Box<str>) -> Self {
        Self::Update {
            rev: rev.clone(),
            before: before.into(),
            body,
        }
    }

    /// The document that was read goes.
    pub fn delete(rev: &Revision, before: &str) -> Self {
        Self::Delete {
            rev: rev.clone(),
            before: before.into(),
            leaves: Vec::new(),
        }
    }

    /// The document as it is to be, if it is to be.
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Create { body, .. } | Self::Update { body, .. } => Some(body),
            Self::Delete { .. } => None,
        }
    }

    /// The document as it was read, if there was one.
    pub fn before(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. } | Self::Delete { before, .. } => Some(before),
        }
    }

    /// The revision that was read, if there was one.
    pub fn rev(&self) -> Option<&Revision> {
        match self {
            Self::Create { .. } => None,
            Self::Update { rev, .. } | Self::Delete { rev, .. } => Some(rev),
        }
    }

    /// The losing leaves that go with it, or come back with it.
    pub fn leaves(&self) -> &[Leaf] {
        match self {
            Self::Create { leaves, .. } | Self::Delete { leaves, .. } => leaves,
            Self::Update { .. } => &[],
        }
    }
}
