//! A set of numbers.

use std::collections::BTreeSet;

use roaring::RoaringTreemap;

/// A set of ids of number documents. Most are `+` and digits, and need few bytes each; a cluster can have millions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberSet {
    digits: RoaringTreemap,
    others: BTreeSet<Box<str>>,
}

/// The most digits of which each combination is a different u64.
const DIGITS: usize = 19;

/// The digits of an id that is `+` and digits. None if the id cannot be made again from them.
fn digits_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('+')?;
    let is_exact = (1..=DIGITS).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_exact.then(|| digits.parse().ok()).flatten()
}

impl NumberSet {
    pub(super) fn insert(&mut self, id: &str) {
        match digits_of(id) {
            Some(digits) => {
                self.digits.insert(digits);
            }
            None => {
                if !self.others.contains(id) {
                    self.others.insert(id.into());
                }
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.digits.len() + self.others.len() as u64
    }

    /// Adds the numbers of another set.
    pub(super) fn extend(&mut self, other: &Self) {
        self.digits |= &other.digits;
        self.others.extend(other.others.iter().cloned());
    }

    /// Removes the numbers of another set.
    pub(super) fn remove_all(&mut self, other: &Self) {
        self.digits -= &other.digits;
        self.others.retain(|one| !other.others.contains(one));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set<'a>(ids: impl IntoIterator<Item = &'a String>) -> NumberSet {
        let mut set = NumberSet::default();
        for id in ids {
            set.insert(id);
        }
        set
    }

    fn ids() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(
            "(\\+[0-9]{0,3}|\\+1844674407370955161[0-9]{1,2}|[0-9]{1,2}|)",
            0..30,
        )
    }

    proptest! {
        #[test]
        fn number_set_counts_as_a_set_of_texts(one in ids(), other in ids()) {
            let texts = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<String>>();
            let (first, second) = (texts(&one), texts(&other));
            let mut both = set(&one);
            prop_assert_eq!(both.len(), first.len() as u64);
            both.extend(&set(&other));
            prop_assert_eq!(&both, &set(first.union(&second)));
            let mut rest = set(&one);
            rest.remove_all(&set(&other));
            prop_assert_eq!(&rest, &set(first.difference(&second)));
            prop_assert_eq!(rest.len(), first.difference(&second).count() as u64);
        }
    }
}
