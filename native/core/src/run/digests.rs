//! What a database holds, in little memory: ids, and digests of their documents.

use crate::couch::Digest;

/// Ids and digests. They are pushed, sorted once, and then found.
#[derive(Default)]
pub(super) struct Digests(Vec<(Box<str>, Digest)>);

impl Digests {
    pub(super) fn push(&mut self, id: &str, digest: Digest) {
        self.0.push((id.into(), digest));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All are there. A range comes sorted, and then this costs little.
    pub(super) fn sorted(mut self) -> Self {
        self.0.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        self.0.shrink_to_fit();
        self
    }

    /// Where an id stands in their order, and its digest.
    pub(super) fn find(&self, id: &str) -> Option<(usize, Digest)> {
        let index = self
            .0
            .binary_search_by(|(known, _)| (**known).cmp(id))
            .ok()?;
        self.0.get(index).map(|(_, digest)| (index, *digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::couch::Object;

    #[test]
    fn ids_are_found_in_whatever_order_they_came() {
        let digest = |text: &str| Object::parse(text).unwrap().digest();
        let (one, two) = (digest(r#"{"a":1}"#), digest(r#"{"a":2}"#));
        let mut digests = Digests::default();
        digests.push("b", two);
        digests.push("a", one);
        let digests = digests.sorted();
        assert!(digests.find("a") == Some((0, one)));
        assert!(digests.find("b") == Some((1, two)));
        assert!(digests.find("c").is_none());
    }
}
