//! A compact map from ids to values: a comparison of clusters holds millions of ids.

use std::cmp::Ordering;

/// A map that is filled, frozen by [`SortedIdMap::sorted`], then searched. An id takes its own bytes and one `usize`, without an
/// allocation.
#[derive(Clone, Debug)]
pub struct SortedIdMap<V> {
    text: String,
    /// The end of each id in the text, and its value.
    entries: Vec<(usize, V)>,
}

impl<V> Default for SortedIdMap<V> {
    fn default() -> Self {
        Self {
            text: String::new(),
            entries: Vec::new(),
        }
    }
}

impl<V: Copy> SortedIdMap<V> {
    /// Appends an id. Until the map is sorted again, [`SortedIdMap::find`] may miss it.
    pub fn push(&mut self, id: &str, value: V) {
        self.text.push_str(id);
        self.entries.push((self.text.len(), value));
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Freezes the map. O(n) when the ids were pushed in order.
    pub fn sorted(mut self) -> Self {
        let is_sorted = (1..self.len()).all(|index| self.id(index - 1) <= self.id(index));
        if !is_sorted {
            let mut order: Vec<usize> = (0..self.len()).collect();
            order.sort_by(|one, other| self.id(*one).cmp(self.id(*other)));
            let mut sorted = Self::default();
            for index in order {
                if let Some((_, value)) = self.entries.get(index) {
                    sorted.push(self.id(index), *value);
                }
            }
            self = sorted;
        }
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
        self
    }

    /// The position of an id in the order, and its value.
    pub fn find(&self, id: &str) -> Option<(usize, V)> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.id(middle).cmp(id) {
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
                Ordering::Equal => {
                    return self.entries.get(middle).map(|(_, value)| (middle, *value));
                }
            }
        }
        None
    }

    fn id(&self, index: usize) -> &str {
        let end = |index: usize| self.entries.get(index).map_or(0, |(end, _)| *end);
        let start = index.checked_sub(1).map_or(0, end);
        self.text.get(start..end(index)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn find_after_unsorted_pushes_returns_place_and_value() {
        let mut packed = SortedIdMap::default();
        for (id, value) in [("b", 2), ("", 0), ("ab", 1)] {
            packed.push(id, value);
        }
        let packed = packed.sorted();
        assert_eq!(packed.find(""), Some((0, 0)));
        assert_eq!(packed.find("ab"), Some((1, 1)));
        assert_eq!(packed.find("b"), Some((2, 2)));
        assert_eq!(packed.find("a"), None);
        assert_eq!(packed.find("c"), None);
        assert_eq!(SortedIdMap::<u8>::default().sorted().find(""), None);
    }

    proptest! {
        #[test]
        fn find_agrees_with_a_btree_map(
            all in prop::collection::btree_map("\\PC{0,4}", any::<u8>(), 0..60),
            order in any::<u64>(),
            others in prop::collection::vec("\\PC{0,4}", 0..20),
        ) {
            let mut pushed: Vec<(&String, &u8)> = all.iter().collect();
            let length = pushed.len().max(1);
            pushed.rotate_left((order % length as u64) as usize % length);
            let mut packed = SortedIdMap::default();
            for (id, value) in pushed {
                packed.push(id, *value);
            }
            let packed = packed.sorted();
            let known: BTreeMap<&str, (usize, u8)> = all
                .iter()
                .enumerate()
                .map(|(index, (id, value))| (id.as_str(), (index, *value)))
                .collect();
            for id in all.keys().chain(&others) {
                prop_assert_eq!(packed.find(id), known.get(id.as_str()).copied());
            }
        }
    }
}
