//! The part of an index that a query selects.

use super::index::{Row, Rows};
use crate::collate::{AFTER_ALL, collation_key};
use crate::json::Json;
use std::ops::Bound;

/// The start and end of a query, in reading direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRange<'a> {
    pub(crate) start: Option<&'a Json>,
    pub(crate) start_doc: Option<&'a str>,
    pub(crate) end: Option<&'a Json>,
    pub(crate) end_doc: Option<&'a str>,
    pub(crate) inclusive_end: bool,
    pub(crate) descending: bool,
}

type KeyBound = Bound<Vec<u8>>;

/// The bounds in an index, the lower one first, for both directions.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    lower: KeyBound,
    upper: KeyBound,
    descending: bool,
}

fn place(key: &Json, doc: &str, last: &[u8]) -> Vec<u8> {
    let mut place = collation_key(key);
    place.extend_from_slice(doc.as_bytes());
    place.extend_from_slice(last);
    place
}

impl KeyRange<'_> {
    /// Whether the range is empty because its ends are swapped.
    pub(crate) fn is_reversed(&self) -> bool {
        let (Some(start), Some(end)) = (self.start, self.end) else {
            return false;
        };
        let (start, end) = (collation_key(start), collation_key(end));
        if self.descending {
            start < end
        } else {
            start > end
        }
    }

    pub(crate) fn span(&self) -> Span {
        // After the rows of a document and before those of the next.
        const AFTER_DOC: &[u8] = &[1];
        const AFTER_KEY: &[u8] = &[AFTER_ALL];
        let (lower, upper) = if self.descending {
            let lower = self
                .end
                .map(|key| match (self.end_doc, self.inclusive_end) {
                    (None, true) => place(key, "", &[]),
                    (None, false) => place(key, "", AFTER_KEY),
                    (Some(doc), true) => place(key, doc, &[]),
                    (Some(doc), false) => place(key, doc, AFTER_DOC),
                });
            let upper = self.start.map(|key| match self.start_doc {
                None => place(key, "", AFTER_KEY),
                Some(doc) => place(key, doc, AFTER_DOC),
            });
            (lower, upper)
        } else {
            let lower = self
                .start
                .map(|key| place(key, self.start_doc.unwrap_or_default(), &[]));
            let upper = self
                .end
                .map(|key| match (self.end_doc, self.inclusive_end) {
                    (None, true) => place(key, "", AFTER_KEY),
                    (None, false) => place(key, "", &[]),
                    (Some(doc), true) => place(key, doc, AFTER_DOC),
                    (Some(doc), false) => place(key, doc, &[]),
                });
            (lower, upper)
        };
        Span {
            lower: lower.map_or(Bound::Unbounded, Bound::Included),
            upper: upper.map_or(Bound::Unbounded, Bound::Excluded),
            descending: self.descending,
        }
    }
}

impl Span {
    fn is_empty(&self) -> bool {
        matches!((&self.lower, &self.upper),
            (Bound::Included(lower), Bound::Excluded(upper)) if lower >= upper)
    }

    /// The rows in reading direction.
    pub(crate) fn rows<'r>(&self, rows: &'r Rows) -> Box<dyn Iterator<Item = &'r Row> + 'r> {
        // `BTreeMap` panics at a reversed range.
        if self.is_empty() {
            return Box::new(std::iter::empty());
        }
        let found = rows
            .range((self.lower.clone(), self.upper.clone()))
            .map(|(_, row)| row);
        if self.descending {
            Box::new(found.rev())
        } else {
            Box::new(found)
        }
    }

    /// The number of rows before the range, in reading direction.
    pub(crate) fn offset(&self, rows: &Rows) -> usize {
        if self.descending {
            match &self.upper {
                Bound::Excluded(place) => rows.range(place.clone()..).count(),
                _ => 0,
            }
        } else {
            match &self.lower {
                Bound::Included(place) => rows.range(..place.clone()).count(),
                _ => 0,
            }
        }
    }
}
