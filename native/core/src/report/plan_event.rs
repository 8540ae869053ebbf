//! The events that show a plan: what it is of, its totals, and each of its documents.

use serde::Serialize;

use super::{FieldChange, Tone};
use couchdb::ClusterIdentity;

/// The kind of change of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is created.
    Create,
    /// It is updated.
    Update,
    /// It is deleted.
    Delete,
}

impl ChangeKind {
    /// The word in lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Create => Tone::Creation,
            Self::Update => Tone::Update,
            Self::Delete => Tone::Deletion,
        }
    }
}

/// Documents by kind of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeCounts {
    /// Documents that are created.
    pub create: u64,
    /// Documents that are updated.
    pub update: u64,
    /// Documents that are deleted.
    pub delete: u64,
}

impl ChangeCounts {
    pub(crate) fn add(&mut self, kind: ChangeKind) {
        *match kind {
            ChangeKind::Create => &mut self.create,
            ChangeKind::Update => &mut self.update,
            ChangeKind::Delete => &mut self.delete,
        } += 1;
    }

    /// All documents.
    pub fn total(self) -> u64 {
        self.create + self.update + self.delete
    }
}

/// A saved plan, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedPlan {
    /// Its id.
    pub plan: String,
    /// The function that was planned.
    pub function: String,
    /// The function and its arguments, as given.
    pub command: String,
    /// The server, without credentials.
    pub server: String,
    /// The cluster that the server belongs to.
    pub identity: ClusterIdentity,
    /// The user.
    pub who: String,
    /// When it was made (RFC 3339).
    pub at: String,
    /// Its documents.
    #[serde(flatten)]
    pub counts: ChangeCounts,
    /// Failures while planning, which are not part of the plan.
    pub failed: u64,
}

/// The head of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanHead {
    /// The plan.
    #[serde(flatten)]
    pub saved: SavedPlan,
    /// Its file, if it was written to a given one.
    pub file: Option<String>,
    /// The databases that are created.
    pub creates_databases: Vec<String>,
}

/// The totals of a plan. The lists are sorted, the largest count first, and limited; what is left out is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanTotals {
    /// The documents.
    pub documents: u64,
    /// The same by kind of change.
    #[serde(flatten)]
    pub counts: ChangeCounts,
    /// By reason. This list is complete.
    pub reasons: Vec<ReasonTotals>,
    /// Changed fields of updated documents.
    pub fields: Vec<FieldTotals>,
    /// Fields that are left out.
    pub more_fields: u64,
    /// Databases.
    pub databases: Vec<PlanDatabase>,
    /// Databases that are left out.
    pub more_databases: u64,
}

/// The documents that change for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonTotals {
    /// The kind of change.
    pub change: ChangeKind,
    /// The key of the reason.
    pub reason: Option<&'static str>,
    /// The reason for people.
    pub meaning: &'static str,
    /// How many.
    pub documents: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// The updated documents in which one field changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldTotals {
    /// The field.
    pub field: String,
    /// How many documents.
    pub documents: u64,
    /// The changes that most of them share.
    pub values: Vec<ValueTotals>,
    /// Whether there are other changes of the field.
    pub more_values: bool,
}

/// The updated documents that share a change of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueTotals {
    /// The JSON text before, shortened. `None`: the field was absent, or the values before differ.
    pub old: Option<String>,
    /// The JSON text after, shortened. `None`: the field is removed.
    pub new: Option<String>,
    /// How many documents.
    pub documents: u64,
}

/// The documents of a plan in one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanDatabase {
    /// The encoded name.
    pub database: String,
    /// Its documents.
    #[serde(flatten)]
    pub counts: ChangeCounts,
}

/// A document of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanChange {
    /// The encoded name of the database.
    pub database: String,
    /// The document's id.
    pub id: String,
    /// The revision for which the change was planned. `None`: the document does not exist.
    pub revision: Option<String>,
    /// The kind of change.
    pub change: ChangeKind,
    /// The key of the reason.
    pub reason: Option<&'static str>,
    /// The reason for people.
    pub meaning: &'static str,
    /// The fields that change, sorted. A `pvt_modified` of 0 becomes the time of applying.
    pub fields: Vec<FieldChange>,
}
