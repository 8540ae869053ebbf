//! The revision tree of a document: branches, their winner, and the state of each revision.
//!
//! Nodes are in a flat list and refer to their parents by index, so the tree is stored as a few
//! bytes with the document. The bodies are in the store.

use crate::revision::Rev;
use std::collections::HashSet;

/// The state of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) rev: Rev,
    parent: Option<usize>,
    pub(crate) deleted: bool,
    /// Whether the body is stored. Ancestors that a replicator only named have no body.
    pub(crate) available: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RevTree {
    nodes: Vec<Node>,
}

/// The bytes are not a tree: the file is damaged or was written by another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a damaged revision tree")]
pub(crate) struct Damaged;

impl RevTree {
    pub(crate) fn find(&self, rev: &Rev) -> Option<&Node> {
        self.position(rev).map(|index| &self.nodes[index])
    }

    fn position(&self, rev: &Rev) -> Option<usize> {
        self.nodes.iter().position(|node| node.rev == *rev)
    }

    pub(crate) fn is_leaf(&self, rev: &Rev) -> bool {
        self.position(rev)
            .is_some_and(|index| self.nodes.iter().all(|node| node.parent != Some(index)))
    }

    /// The leaves: the winner first, then by descending revision, tombstones last.
    pub(crate) fn leaves(&self) -> Vec<&Node> {
        let parents: HashSet<usize> = self.nodes.iter().filter_map(|node| node.parent).collect();
        let mut leaves: Vec<&Node> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, _)| !parents.contains(index))
            .map(|(_, node)| node)
            .collect();
        leaves.sort_by(|a, b| (a.deleted, &b.rev).cmp(&(b.deleted, &a.rev)));
        leaves
    }

    /// The winner: of the leaves that are not tombstones, the longest branch, then the greatest
    /// hash. A tombstone only if there is no other leaf.
    pub(crate) fn winner(&self) -> Option<&Node> {
        self.leaves().first().copied()
    }

    /// The history from a revision back to the oldest known one.
    pub(crate) fn history(&self, rev: &Rev) -> Vec<&Node> {
        let mut path = Vec::new();
        let mut at = self.position(rev);
        while let Some(index) = at {
            path.push(&self.nodes[index]);
            at = self.nodes[index].parent;
        }
        path
    }

    /// The leaves that descend from a revision, including itself.
    pub(crate) fn leaves_of(&self, rev: &Rev) -> Vec<&Node> {
        self.leaves()
            .into_iter()
            .filter(|leaf| self.history(&leaf.rev).iter().any(|node| node.rev == *rev))
            .collect()
    }

    /// Adds a revision after `parent`, which must exist, or as a new root.
    pub(crate) fn add(&mut self, parent: Option<&Rev>, rev: Rev, deleted: bool) {
        let parent = parent.and_then(|rev| self.position(rev));
        self.nodes.push(Node {
            rev,
            parent,
            deleted,
            available: true,
        });
    }

    /// Adds a revision with its history, newest first. Returns whether the tree changed.
    pub(crate) fn merge(&mut self, path: &[Rev], deleted: bool) -> bool {
        let Some(newest) = path.first() else {
            return false;
        };
        if let Some(index) = self.position(newest) {
            // Known as an ancestor, written now.
            let node = &mut self.nodes[index];
            if node.available {
                return false;
            }
            node.available = true;
            node.deleted = deleted;
            return true;
        }
        let known = path.iter().position(|rev| self.position(rev).is_some());
        let mut parent = known.and_then(|at| self.position(&path[at]));
        for rev in path[1..known.unwrap_or(path.len()).max(1)].iter().rev() {
            self.nodes.push(Node {
                rev: rev.clone(),
                parent,
                deleted: false,
                available: false,
            });
            parent = Some(self.nodes.len() - 1);
        }
        self.nodes.push(Node {
            rev: newest.clone(),
            parent,
            deleted,
            available: true,
        });
        true
    }

    /// Removes revisions deeper than `limit` below every leaf, and returns them.
    pub(crate) fn stem(&mut self, limit: usize) -> Vec<Rev> {
        if self.nodes.len() <= limit {
            return Vec::new();
        }
        let kept: HashSet<Rev> = self
            .leaves()
            .iter()
            .flat_map(|leaf| self.history(&leaf.rev).into_iter().take(limit.max(1)))
            .map(|node| node.rev.clone())
            .collect();
        self.retain(|node| kept.contains(&node.rev))
    }

    /// Removes leaves and the ancestors that no other branch needs. Returns the requested revisions
    /// that were leaves, and all removed ones.
    pub(crate) fn purge(&mut self, revs: &[Rev]) -> (Vec<Rev>, Vec<Rev>) {
        let purged: Vec<Rev> = revs
            .iter()
            .filter(|rev| self.is_leaf(rev))
            .cloned()
            .collect();
        let kept: HashSet<Rev> = self
            .leaves()
            .iter()
            .filter(|leaf| !purged.contains(&leaf.rev))
            .flat_map(|leaf| self.history(&leaf.rev))
            .map(|node| node.rev.clone())
            .collect();
        let gone = self.retain(|node| kept.contains(&node.rev));
        (purged, gone)
    }

    /// Marks the bodies of all revisions except leaves as removed, and returns those revisions.
    pub(crate) fn compact(&mut self) -> Vec<Rev> {
        let leaves: HashSet<Rev> = self.leaves().iter().map(|node| node.rev.clone()).collect();
        let mut dropped = Vec::new();
        for node in &mut self.nodes {
            if node.available && !leaves.contains(&node.rev) {
                node.available = false;
                dropped.push(node.rev.clone());
            }
        }
        dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn retain(&mut self, keep: impl Fn(&Node) -> bool) -> Vec<Rev> {
        let mut moved = vec![None; self.nodes.len()];
        let mut next = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            if keep(node) {
                moved[index] = Some(next);
                next += 1;
            }
        }
        let mut gone = Vec::new();
        let mut kept = Vec::with_capacity(next);
        for (index, mut node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            if moved[index].is_some() {
                node.parent = node.parent.and_then(|parent| moved[parent]);
                kept.push(node);
            } else {
                gone.push(node.rev);
            }
        }
        self.nodes = kept;
        gone
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for node in &self.nodes {
            out.push(u8::from(node.deleted) | u8::from(node.available) << 1);
            let parent = node.parent.map_or(0, |index| index as u32 + 1);
            out.extend_from_slice(&parent.to_le_bytes());
            out.extend_from_slice(&node.rev.generation.to_le_bytes());
            out.extend_from_slice(&(node.rev.hash.len() as u32).to_le_bytes());
            out.extend_from_slice(node.rev.hash.as_bytes());
        }
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Damaged> {
        let mut nodes = Vec::new();
        while let Some((flags, rest)) = bytes.split_first() {
            let (parent, rest) = rest.split_first_chunk().ok_or(Damaged)?;
            let (generation, rest) = rest.split_first_chunk().ok_or(Damaged)?;
            let (length, rest) = rest.split_first_chunk().ok_or(Damaged)?;
            let length = u32::from_le_bytes(*length) as usize;
            let (hash, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
            let hash = std::str::from_utf8(hash).map_err(|_| Damaged)?;
            nodes.push(Node {
                rev: Rev::new(u64::from_le_bytes(*generation), hash),
                parent: (u32::from_le_bytes(*parent) as usize).checked_sub(1),
                deleted: flags & 1 != 0,
                available: flags & 2 != 0,
            });
            bytes = rest;
        }
        let count = nodes.len();
        if nodes
            .iter()
            .any(|node| node.parent.is_some_and(|at| at >= count))
        {
            return Err(Damaged);
        }
        Ok(Self { nodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rev(text: &str) -> Rev {
        Rev::parse(text).unwrap()
    }

    fn path(texts: &[&str]) -> Vec<Rev> {
        texts.iter().map(|text| rev(text)).collect()
    }

    fn winner(tree: &RevTree) -> String {
        tree.winner().unwrap().rev.to_string()
    }

    fn forked() -> RevTree {
        let mut tree = RevTree::default();
        assert!(tree.merge(&path(&["2-b", "1-a"]), false));
        assert!(tree.merge(&path(&["2-c", "1-a"]), false));
        tree
    }

    #[test]
    fn greater_hash_wins_between_equal_branches() {
        assert_eq!(winner(&forked()), "2-c");
    }

    #[test]
    fn longer_branch_wins_with_any_hash() {
        let mut tree = forked();
        tree.add(Some(&rev("2-b")), rev("3-0"), false);
        assert_eq!(winner(&tree), "3-0");
        assert!(!tree.is_leaf(&rev("2-b")));
        assert!(tree.is_leaf(&rev("2-c")));
    }

    #[test]
    fn tombstone_wins_only_without_live_leaf() {
        let mut tree = forked();
        tree.add(Some(&rev("2-c")), rev("3-f"), true);
        assert_eq!(winner(&tree), "2-b");
        tree.add(Some(&rev("2-b")), rev("3-e"), true);
        assert_eq!(winner(&tree), "3-f");
    }

    #[test]
    fn second_merge_changes_nothing() {
        let mut tree = forked();
        assert!(!tree.merge(&path(&["2-c", "1-a"]), false));
        assert_eq!(tree.leaves().len(), 2);
    }

    #[test]
    fn named_ancestor_has_no_body_until_written() {
        let mut tree = RevTree::default();
        tree.merge(&path(&["3-c", "2-b", "1-a"]), false);
        assert!(!tree.find(&rev("2-b")).unwrap().available);
        assert!(tree.merge(&path(&["2-b"]), false));
        assert!(tree.find(&rev("2-b")).unwrap().available);
        let history: Vec<_> = tree
            .history(&rev("3-c"))
            .iter()
            .map(|n| n.rev.to_string())
            .collect();
        assert_eq!(history, ["3-c", "2-b", "1-a"]);
    }

    #[test]
    fn latest_returns_the_leaves() {
        let mut tree = forked();
        tree.add(Some(&rev("2-c")), rev("3-d"), false);
        let latest: Vec<_> = tree
            .leaves_of(&rev("1-a"))
            .iter()
            .map(|n| n.rev.to_string())
            .collect();
        assert_eq!(latest, ["3-d", "2-b"]);
    }

    #[test]
    fn stemming_keeps_revisions_near_leaves() {
        let mut tree = RevTree::default();
        tree.merge(&path(&["4-d", "3-c", "2-b", "1-a"]), false);
        tree.merge(&path(&["2-x", "1-a"]), false);
        let gone = tree.stem(2);
        assert_eq!(gone, path(&["2-b"]));
        assert_eq!(tree.history(&rev("4-d")).len(), 2);
        assert_eq!(tree.history(&rev("2-x")).len(), 2);
    }

    #[test]
    fn purge_removes_one_branch_only() {
        let mut tree = forked();
        let (purged, gone) = tree.purge(&path(&["2-c", "1-a", "9-z"]));
        assert_eq!(purged, path(&["2-c"]));
        assert_eq!(gone, path(&["2-c"]));
        assert_eq!(winner(&tree), "2-b");
        let (_, gone) = tree.purge(&path(&["2-b"]));
        assert_eq!(gone.len(), 2);
        assert!(tree.is_empty());
    }

    #[test]
    fn encoded_tree_decodes_to_the_same_tree() {
        let mut tree = forked();
        tree.add(Some(&rev("2-c")), rev("3-d"), true);
        let mut bytes = Vec::new();
        tree.encode(&mut bytes);
        assert_eq!(RevTree::decode(&bytes), Ok(tree));
        assert_eq!(RevTree::decode(&bytes[..bytes.len() - 1]), Err(Damaged));
    }
}
