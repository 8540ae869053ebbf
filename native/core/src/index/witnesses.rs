//! The last changes of a database: whether it still has them says whether it was replaced by an older copy.

use std::collections::VecDeque;

use couchdb::{DocumentChange, LastChanges};
use document::Revision;
use serde::{Deserialize, Serialize};

/// The changes that are remembered, to see later whether the database still has them.
pub(crate) const WITNESSES: usize = 4;

/// The last changes of a database, oldest first, and the sequence before them. Changes are asked for since then: those that the
/// database still has come again, before the new ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witnesses {
    since: String,
    changes: Vec<(String, Revision)>,
}

impl Witnesses {
    pub(crate) fn new(last: LastChanges) -> Self {
        Self {
            since: last.since,
            changes: last.changes,
        }
    }

    /// The sequence since which changes are asked for.
    pub(crate) fn since(&self) -> &str {
        &self.since
    }

    pub(crate) fn changes(&self) -> &[(String, Revision)] {
        &self.changes
    }
}

/// The witnesses that were not seen yet among the changes since the sequence before them.
pub(crate) struct Sought {
    /// Their documents did not come at all.
    missing: Vec<(String, Revision)>,
    /// Their documents came at other revisions.
    changed: Vec<(String, Revision)>,
    has_seen_one: bool,
}

impl Sought {
    pub(crate) fn new(witnesses: &Witnesses) -> Self {
        Self {
            missing: witnesses.changes.clone(),
            changed: Vec::new(),
            has_seen_one: false,
        }
    }

    /// Looks for the witnesses in the next page.
    pub(crate) fn look_in(&mut self, page: &[DocumentChange]) {
        for (id, rev) in std::mem::take(&mut self.missing) {
            match page.iter().find(|change| change.id == id) {
                Some(change) if change.rev == rev => self.has_seen_one = true,
                Some(_) => self.changed.push((id, rev)),
                None => self.missing.push((id, rev)),
            }
        }
    }

    /// The revisions of which the server must be asked whether the database has had them. An older copy lacks the last changes. If it
    /// has one witness, it lacks at most those after that one; their documents came if they changed again, and are known as they are.
    pub(crate) fn in_question(self) -> Vec<(String, Revision)> {
        let mut all = self.missing;
        if !self.has_seen_one {
            all.extend(self.changed);
        }
        all
    }
}

/// Remembers the last of many changes.
pub(crate) struct LastSeen {
    since: String,
    /// With the sequence after each.
    changes: VecDeque<(String, (String, Revision))>,
}

impl LastSeen {
    /// Begins with the sequence since which the changes are asked for.
    pub(crate) fn new(since: &str) -> Self {
        Self {
            since: since.to_owned(),
            changes: VecDeque::new(),
        }
    }

    /// Takes in the next page.
    pub(crate) fn extend(&mut self, page: &[DocumentChange]) {
        for change in page {
            let revision = (change.id.clone(), change.rev.clone());
            self.changes.push_back((change.seq.clone(), revision));
            if self.changes.len() > WITNESSES
                && let Some((seq, _)) = self.changes.pop_front()
            {
                self.since = seq;
            }
        }
    }

    pub(crate) fn into_witnesses(self) -> Witnesses {
        Witnesses {
            since: self.since,
            changes: self.changes.into_iter().map(|(_, change)| change).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: usize) -> DocumentChange {
        DocumentChange {
            seq: format!("{number}-s"),
            id: number.to_string(),
            rev: Revision::parse("1-a"),
            document: None,
        }
    }

    fn ids(witnesses: &Witnesses) -> Vec<&str> {
        let changes = witnesses.changes().iter();
        changes.map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn witnesses_are_the_last_changes_of_all_pages() {
        let page = |numbers: std::ops::Range<usize>| numbers.map(change).collect::<Vec<_>>();
        let mut few = LastSeen::new("0-s");
        few.extend(&page(1..4));
        let few = few.into_witnesses();
        assert_eq!((few.since(), ids(&few)), ("0-s", vec!["1", "2", "3"]));
        let mut many = LastSeen::new("0-s");
        for numbers in [1..6, 6..7, 7..10] {
            many.extend(&page(numbers));
        }
        let many = many.into_witnesses();
        assert_eq!(many.since(), "5-s");
        assert_eq!(ids(&many), ["6", "7", "8", "9"]);
    }

    #[test]
    fn witnesses_that_no_page_proves_are_in_question() {
        let mut last_seen = LastSeen::new("0-s");
        last_seen.extend(&[change(1), change(2), change(3)]);
        let witnesses = last_seen.into_witnesses();
        let changed_again = |number| DocumentChange {
            rev: Revision::parse("2-b"),
            ..change(number)
        };
        let in_question = |pages: [Vec<DocumentChange>; 2]| {
            let mut sought = Sought::new(&witnesses);
            pages.iter().for_each(|page| sought.look_in(page));
            let mut ids: Vec<String> = sought.in_question().into_iter().map(|(id, _)| id).collect();
            ids.sort();
            ids.concat()
        };
        assert_eq!(in_question([vec![], vec![]]), "123");
        assert_eq!(
            in_question([vec![change(1), change(4)], vec![change(3)]]),
            "2"
        );
        assert_eq!(
            in_question([vec![change(3)], vec![changed_again(1), changed_again(2)]]),
            ""
        );
        assert_eq!(
            in_question([vec![changed_again(1)], vec![changed_again(2)]]),
            "123"
        );
    }
}
