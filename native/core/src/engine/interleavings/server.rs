//! CouchDB as the checker needs it: a tree of revisions for each document.

use couchdb::{Error, Kind, Landed, Operation};
use document::{Document, Revision};

/// One revision of a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    generation: u32,
    /// `None`: a tombstone.
    pub(super) value: Option<u8>,
    is_leaf: bool,
}

/// All revisions of a document, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tree(Vec<Node>);

impl Tree {
    /// A document with these live leaves. The last wins.
    pub(super) fn with(values: &[u8]) -> Self {
        let leaf = |value: &u8| Node {
            generation: 1,
            value: Some(*value),
            is_leaf: true,
        };
        Self(values.iter().map(leaf).collect())
    }

    /// The winning leaf, which may be a tombstone. `None`: the document never existed.
    pub(super) fn winner(&self) -> Option<usize> {
        let leaves = (0..self.0.len()).filter(|index| self.0[*index].is_leaf);
        leaves.max_by_key(|index| {
            let node = &self.0[*index];
            (node.value.is_some(), node.generation, *index)
        })
    }

    pub(super) fn node(&self, index: usize) -> &Node {
        &self.0[index]
    }

    /// The value of the document. `None`: it does not exist.
    pub(super) fn value(&self) -> Option<u8> {
        self.winner().and_then(|index| self.0[index].value)
    }

    pub(super) fn generation(&self) -> u32 {
        self.winner().map_or(0, |index| self.0[index].generation)
    }

    /// Live leaves that do not win.
    pub(super) fn losers(&self) -> Vec<usize> {
        let winner = self.winner();
        let is_loser = |index: &usize| {
            let node = &self.0[*index];
            node.is_leaf && node.value.is_some() && Some(*index) != winner
        };
        (0..self.0.len()).filter(is_loser).collect()
    }

    pub(super) fn revision(&self, index: usize) -> Revision {
        let hash = u128::try_from(index).unwrap();
        Revision::Usual(self.0[index].generation, hash)
    }

    pub(super) fn is_leaf(&self, index: usize) -> bool {
        self.0[index].is_leaf
    }

    /// The leaf with a revision.
    pub(super) fn find(&self, rev: &Revision) -> Option<usize> {
        let leaves = (0..self.0.len()).filter(|index| self.is_leaf(*index));
        leaves
            .into_iter()
            .find(|index| self.revision(*index) == *rev)
    }

    /// The value of the leaf with a revision. `None`: it is a tombstone, or no leaf.
    pub(super) fn value_at(&self, rev: &Revision) -> Option<u8> {
        self.find(rev).and_then(|leaf| self.0[leaf].value)
    }

    /// The document as a run reads it: with the revisions of losing leaves. `None`: it does not exist.
    pub(super) fn read(&self, id: &str) -> Option<Document> {
        let winner = self.winner()?;
        self.leaf(id, winner)
    }

    /// One leaf as a run reads it. `None`: it is a tombstone.
    pub(super) fn leaf(&self, id: &str, index: usize) -> Option<Document> {
        let value = self.0[index].value?;
        let losers: Vec<String> = match Some(index) == self.winner() {
            true => self
                .losers()
                .into_iter()
                .map(|loser| format!("\"{}\"", self.revision(loser)))
                .collect(),
            false => Vec::new(),
        };
        let conflicts = match losers.is_empty() {
            true => String::new(),
            false => format!(",\"_conflicts\":[{}]", losers.join(",")),
        };
        let text = format!("{{\"_id\":\"{id}\",\"v\":{value}{conflicts}}}");
        Document::read(id, self.revision(index), text.into()).ok()
    }

    /// Writes one row of `_bulk_docs`. Returns the place of the leaf that it replaces. `Err`: a conflict.
    ///
    /// Without a revision the document is created, on top of its tombstone if it has one. A revision must be that of a leaf.
    pub(super) fn write(
        &mut self,
        rev: Option<&Revision>,
        value: Option<u8>,
    ) -> Result<Option<usize>, ()> {
        let replaced = match rev {
            Some(rev) => Some(self.find(rev).ok_or(())?),
            None => match self.winner() {
                Some(winner) if self.0[winner].value.is_some() => return Err(()),
                winner => winner,
            },
        };
        let generation = replaced.map_or(0, |index| self.0[index].generation) + 1;
        // Only leaves can be read or replaced: states that differ in nothing else are one.
        if let Some(replaced) = replaced {
            self.0[replaced] = Node {
                generation: 0,
                value: None,
                is_leaf: false,
            };
        }
        self.0.push(Node {
            generation,
            value,
            is_leaf: true,
        });
        Ok(replaced)
    }

    /// The place of the revision that was written last.
    pub(super) fn last(&self) -> usize {
        self.0.len() - 1
    }
}

pub(super) fn error(kind: Kind) -> Error {
    Error::new(kind, Operation::SAVE_DOCS, "")
}

/// The answer to a request that was lost.
pub(super) fn lost() -> Landed {
    Landed::Failed(error(Kind::Timeout))
}

/// The value of a document that a run read or sends.
pub(super) fn value_of(document: &Document) -> u8 {
    document.get("v").unwrap().parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_is_replaced_and_tombstone_is_extended() {
        let mut tree = Tree::with(&[1]);
        let first = tree.revision(0);
        assert!(tree.write(None, Some(2)).is_err());
        assert_eq!(tree.write(Some(&first), Some(2)), Ok(Some(0)));
        assert!(tree.write(Some(&first), Some(3)).is_err());
        let second = tree.revision(1);
        assert_eq!(tree.write(Some(&second), None), Ok(Some(1)));
        assert_eq!((tree.value(), tree.generation()), (None, 3));
        assert_eq!(tree.write(None, Some(4)), Ok(Some(2)));
        assert_eq!((tree.value(), tree.generation()), (Some(4), 4));
    }

    #[test]
    fn document_without_its_winner_is_its_losing_leaf() {
        let mut tree = Tree::with(&[1, 2]);
        let read = tree.read("+1").unwrap();
        assert_eq!(
            (value_of(&read), read.losing_revisions()),
            (2, vec![tree.revision(0)])
        );
        let winner = read.rev().unwrap().clone();
        tree.write(Some(&winner), None).unwrap();
        assert_eq!(tree.value(), Some(1));
    }
}
