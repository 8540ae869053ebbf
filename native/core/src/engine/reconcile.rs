//! Reconcilers: the reads and the rule of a repair.

use async_trait::async_trait;

use document::{Change, Document, Leaf};

use super::attempts::{Decided, DecidedAbout};
use crate::kazoo::DatabaseName;
use crate::plan::{Cause, Decision};
use crate::report::Reason;
use couchdb::{Attachments, Error};

/// The target of a repair: an id, and the document if it exists.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) document: Option<Document>,
}

impl Target {
    pub(crate) fn present(document: Document) -> Self {
        Self {
            id: document.id().to_owned(),
            document: Some(document),
        }
    }
}

/// How to read the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// False for the first decision, which may use earlier reads. Later decisions use only fresh reads.
    pub(crate) fresh: bool,
    pub(crate) attachments: Attachments,
}

impl Read {
    pub(crate) const FIRST: Self = Self {
        fresh: false,
        attachments: Attachments::Stubs,
    };

    /// A decision from fresh reads.
    pub(crate) const AGAIN: Self = Self {
        fresh: true,
        attachments: Attachments::Stubs,
    };

    /// A decision from fresh reads with the content of attachments.
    pub(crate) const WHOLE: Self = Self {
        fresh: true,
        attachments: Attachments::Inline,
    };
}

/// The effect of a missing database of the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingDatabase {
    /// Reading the documents fails.
    FailsToRead,
    /// Writing the documents fails: the database is never created.
    FailsToWrite,
    /// The run creates the database. A dry run treats it as empty.
    IsCreated,
}

/// The other side of one document, or the encoded name of a database and the reason why it is not known.
pub(crate) type OtherSide<T> = Result<T, (String, Reason)>;

/// A repair of documents in one database. The first pass and every retry call the same [`Reconciler::decide`].
#[async_trait]
pub(crate) trait Reconciler: Send + Sync {
    /// The data that the rule needs besides the document.
    type Other: Send + Sync;

    /// How to read the documents.
    fn attachments(&self) -> Attachments {
        Attachments::Stubs
    }

    /// The effect of a missing database of the documents.
    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::FailsToRead
    }

    /// Reads the other side of each document.
    ///
    /// # Errors
    ///
    /// One error for all documents.
    async fn other_side(
        &self,
        targets: &[Target],
        read: Read,
    ) -> Result<Vec<OtherSide<Self::Other>>, Error>;

    /// The rule, without I/O.
    fn decide(&self, target: &Target, other: &Self::Other, read: Read) -> Decision;

    /// Whether a losing leaf of a document with conflicts permits the change: the rule must treat it like the document. If one
    /// leaf does not permit it, the document is left alone ([`Reason::Conflicted`]).
    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        let _ = leaf;
        !matches!(change, Change::Delete { .. })
    }

    /// The reason for a change.
    fn cause(&self, change: &Change) -> Cause;

    /// Whether losing leaves are read before the change. Before a deletion they always are.
    fn asks_leaves(&self, change: &Change) -> bool {
        matches!(change, Change::Delete { .. })
    }
}

/// A reconciler without its associated type.
#[async_trait]
pub(super) trait Decide: Send + Sync {
    fn attachments(&self) -> Attachments;

    fn missing_database(&self) -> MissingDatabase;

    /// Decides for each document.
    async fn decide_all(
        &self,
        database: &DatabaseName,
        targets: Vec<Target>,
        read: Read,
    ) -> Result<Vec<DecidedAbout>, Error>;

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool;

    fn asks_leaves(&self, change: &Change) -> bool;

    fn cause(&self, change: &Change) -> Cause;
}

#[async_trait]
impl<R: Reconciler> Decide for R {
    fn attachments(&self) -> Attachments {
        Reconciler::attachments(self)
    }

    fn missing_database(&self) -> MissingDatabase {
        Reconciler::missing_database(self)
    }

    async fn decide_all(
        &self,
        database: &DatabaseName,
        targets: Vec<Target>,
        read: Read,
    ) -> Result<Vec<DecidedAbout>, Error> {
        let others = self.other_side(&targets, read).await?;
        let mut decided = Vec::with_capacity(targets.len());
        for (target, other) in targets.into_iter().zip(others) {
            let decision = match other {
                Ok(other) => self.decide(&target, &other, read),
                Err((place, reason)) => {
                    decided.push(DecidedAbout {
                        id: target.id,
                        decided: Some(Decided::Failed(place, reason)),
                        document: None,
                    });
                    continue;
                }
            };
            decided.push(planned(database, target, decision));
        }
        Ok(decided)
    }

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        Reconciler::permits(self, change, leaf)
    }

    fn asks_leaves(&self, change: &Change) -> bool {
        Reconciler::asks_leaves(self, change)
    }

    fn cause(&self, change: &Change) -> Cause {
        Reconciler::cause(self, change)
    }
}

/// Turns a decision into the planned change of a document.
pub(super) fn planned(database: &DatabaseName, target: Target, decision: Decision) -> DecidedAbout {
    let Target { id, document } = target;
    let mut kept = None;
    let decided = match (decision, document) {
        (Decision::Unchanged, document) => {
            kept = document;
            Some(Decided::Unchanged)
        }
        (Decision::Skip, document) => {
            kept = document;
            Some(Decided::Skip)
        }
        (Decision::Delete, None) => Some(Decided::Skip),
        (Decision::Failed(reason), _) => Some(Decided::Failed(database.encoded(), reason)),
        (Decision::NeedsAttachments, _) => None,
        (Decision::Write(after), None) => Some(Decided::Change(Change::create(after))),
        (Decision::Restore(after, leaves), None) => {
            Some(Decided::Change(Change::Create { after, leaves }))
        }
        (Decision::Write(after) | Decision::Restore(after, _), Some(before)) => {
            Some(Decided::Change(Change::update(before, after)))
        }
        (Decision::Delete, Some(before)) => Some(Decided::Change(Change::delete(before))),
    };
    DecidedAbout {
        id,
        decided,
        document: kept,
    }
}

/// A reconciler whose rule needs only the document, which must exist.
pub(crate) struct InPlace<F> {
    pub(crate) cause: Cause,
    pub(crate) rule: F,
}

#[async_trait]
impl<F> Reconciler for InPlace<F>
where
    F: Fn(&Document) -> Decision + Send + Sync,
{
    type Other = ();

    async fn other_side(&self, targets: &[Target], _: Read) -> Result<Vec<OtherSide<()>>, Error> {
        Ok(targets.iter().map(|_| Ok(())).collect())
    }

    fn decide(&self, target: &Target, (): &(), _: Read) -> Decision {
        target.document.as_ref().map_or(Decision::Skip, &self.rule)
    }

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        !matches!(change, Change::Delete { .. }) || matches!((self.rule)(leaf), Decision::Delete)
    }

    fn cause(&self, _: &Change) -> Cause {
        self.cause
    }
}
