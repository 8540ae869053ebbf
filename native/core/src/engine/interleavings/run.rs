//! A run in the checker: the state machine of `attempts`, driven as `apply` and `write` drive it, and what it reported.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use document::{Change, Document};

use crate::engine::attempts::Attempts;
use crate::engine::rounds::Rounds;
use crate::plan::Decision;
use crate::report::{Outcome, Reason};

use super::server::{Tree, value_of};

/// The ids of the documents.
pub(super) const IDS: [&str; 2] = ["+1", "+2"];

/// A rule for one document, as the rules of the repairs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rule {
    /// The document must have this value: a copy of the authority.
    Copy(u8),
    /// A missing document is created with this value; another value is a conflict.
    CreateMissing(u8),
    /// An odd value is wrong, and the next one is right.
    Fix,
    /// A document of this value is deleted.
    Remove(u8),
}

impl Rule {
    pub(super) fn decide(self, id: &str, document: Option<&Document>) -> Decision {
        let write = |value: u8| {
            let text = format!("{{\"_id\":\"{id}\",\"v\":{value}}}");
            Decision::Write(Document::new(id, text).unwrap())
        };
        match (self, document.map(value_of)) {
            (Self::Copy(wanted) | Self::CreateMissing(wanted), None) => write(wanted),
            (Self::Copy(wanted), Some(value)) if value != wanted => write(wanted),
            (Self::CreateMissing(wanted), Some(value)) if value != wanted => {
                Decision::Failed(Reason::CONFLICT)
            }
            (Self::Copy(_) | Self::CreateMissing(_), Some(_)) => Decision::Unchanged,
            (Self::Fix | Self::Remove(_), None) => Decision::Skip,
            (Self::Fix, Some(value)) if value % 2 == 1 => write(value + 1),
            (Self::Fix, Some(_)) => Decision::Unchanged,
            (Self::Remove(orphan), Some(value)) if value == orphan => Decision::Delete,
            (Self::Remove(_), Some(_)) => Decision::Unchanged,
        }
    }

    pub(super) fn deletes(self, value: u8) -> bool {
        self == Self::Remove(value)
    }

    /// The value that one undisturbed run leaves of a document with these leaves.
    pub(super) fn result(self, leaves: &[u8]) -> Option<u8> {
        let winner = leaves.last().copied();
        match (self, winner) {
            (Self::Copy(wanted), _) | (Self::CreateMissing(wanted), None) => Some(wanted),
            (Self::Fix, Some(value)) => Some(value + value % 2),
            (Self::Remove(orphan), Some(_)) if leaves.iter().all(|leaf| *leaf == orphan) => None,
            _ => winner,
        }
    }

    /// As reconcilers do: a leaf permits a deletion if the rule deletes it, too.
    pub(super) fn permits(self, change: &Change, leaf: &Document) -> bool {
        !matches!(change, Change::Delete { .. })
            || matches!(self.decide(leaf.id(), Some(leaf)), Decision::Delete)
    }
}

/// The purpose of a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// The decisions are sent.
    ToSend,
    /// A document that still must change has failed with this reason.
    LookOnce(Reason),
}

/// The next request of a run.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It reads these documents.
    Read(Vec<String>, Why),
    /// It reads the losing leaves of the first of the changes that has some. These are complete.
    Leaves(Vec<Change>, Vec<Change>),
    /// It sends these changes.
    Send(Vec<Change>),
    /// It has ended. False: an error ended it.
    Ended(bool),
    /// It was killed.
    Dead,
}

/// How a run reported a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reported {
    Done(&'static str),
    Failed,
    Skipped,
}

impl Reported {
    pub(super) fn done(outcome: Outcome) -> Self {
        Self::Done(outcome.name())
    }
}

/// The last read of a document by a run. A ghost: properties are about it, and the run does not see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// The places of the leaves whose content was read.
    pub(super) leaves: Vec<usize>,
    /// Whether the document existed.
    pub(super) exists: bool,
}

/// The revision that a run wrote last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Wrote {
    #[default]
    Nothing,
    /// The leaf at this place.
    Leaf(usize),
    /// It was replaced.
    Replaced,
}

/// The facts about a run and a document that properties need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ghost {
    pub(super) seen: Seen,
    /// Whether a change that was decided from the last read landed.
    pub(super) has_landed: bool,
    pub(super) wrote: Wrote,
    /// The generation that a write with a lost answer would have made, and the value that it sent.
    pub(super) lost: Option<(u32, Option<u8>)>,
    pub(super) reported: Option<Reported>,
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) rule: Rule,
    pub(super) attempts: Attempts,
    pub(super) rounds: Rounds,
    pub(super) phase: Phase,
    /// How often the run has sent its batch. A ghost.
    pub(super) sends: u32,
    pub(super) ghosts: BTreeMap<&'static str, Ghost>,
}

impl Run {
    pub(super) fn new(rule: Rule, documents: usize) -> Self {
        let ids = &IDS[..documents];
        Self {
            rule,
            attempts: Attempts::default(),
            rounds: Rounds::default(),
            phase: Phase::Read(ids.iter().map(|id| (*id).to_owned()).collect(), Why::ToSend),
            sends: 0,
            ghosts: ids.iter().map(|id| (*id, Ghost::default())).collect(),
        }
    }

    pub(super) fn ghost(&mut self, id: &str) -> &mut Ghost {
        self.ghosts.get_mut(id).unwrap()
    }

    /// Whether [`Run::normalise`] would change anything.
    pub(super) fn is_normal(&self, trees: &[Tree]) -> bool {
        if self.is_over() {
            let is_normal = |ghost: &Ghost| {
                matches!(ghost.reported, None | Some(Reported::Failed))
                    && ghost.wrote == Wrote::Nothing
                    && ghost.seen == Seen::default()
            };
            return self.rounds == Rounds::default()
                && self.sends == 0
                && self.ghosts.values().all(is_normal);
        }
        self.ghosts.values().zip(trees).all(|(ghost, tree)| {
            ghost.seen.leaves.iter().all(|leaf| tree.is_leaf(*leaf))
                && !matches!(ghost.wrote, Wrote::Leaf(leaf) if !tree.is_leaf(leaf))
        })
    }

    /// Drops what no longer makes a difference, so that states that behave alike are one.
    pub(super) fn normalise(&mut self, trees: &[Tree]) {
        if self.is_over() {
            let failed = |ghost: &Ghost| ghost.reported == Some(Reported::Failed);
            let ghosts = self.ghosts.iter().map(|(id, ghost)| {
                let reported = failed(ghost).then_some(Reported::Failed);
                let ghost = Ghost {
                    reported,
                    ..Ghost::default()
                };
                (*id, ghost)
            });
            self.ghosts = ghosts.collect();
            self.attempts = Attempts::default();
            self.rounds = Rounds::default();
            self.sends = 0;
            return;
        }
        for (ghost, tree) in self.ghosts.values_mut().zip(trees) {
            ghost.seen.leaves.retain(|leaf| tree.is_leaf(*leaf));
            if let Wrote::Leaf(leaf) = ghost.wrote
                && !tree.is_leaf(leaf)
            {
                ghost.wrote = Wrote::Replaced;
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_) | Phase::Dead)
    }
}

/// The state of the product's types, for the fingerprint of a state.
fn hash_changes<H: Hasher>(changes: &[Change], state: &mut H) {
    changes.len().hash(state);
    for change in changes {
        change.id().hash(state);
        change.rev().hash(state);
        // It names the losing leaves that were read.
        change.before().map(Document::text).hash(state);
        change.after().map(Document::text).hash(state);
        for leaf in change.leaves() {
            leaf.rev().hash(state);
        }
    }
}

impl Hash for Phase {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Read(ids, why) => (ids, why).hash(state),
            Self::Leaves(changes, complete) => {
                hash_changes(changes, state);
                hash_changes(complete, state);
            }
            Self::Send(changes) => hash_changes(changes, state),
            Self::Ended(well) => well.hash(state),
            Self::Dead => {}
        }
    }
}

impl Hash for Run {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            self.rule,
            &self.rounds,
            &self.phase,
            self.sends,
            &self.ghosts,
        )
            .hash(state);
        let mut lost: Vec<Change> = self.attempts.lost().cloned().collect();
        lost.sort_by(|a, b| a.id().cmp(b.id()));
        hash_changes(&lost, state);
    }
}
