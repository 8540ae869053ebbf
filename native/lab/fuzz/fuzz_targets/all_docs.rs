//! An answer of `_all_docs` is refused, or gives a page with at most the requested rows, in order
//! and in range, with documents that are parts of the answer. The first byte of the input selects
//! the request.
#![no_main]

use couchdb::fuzzing::{found_in_answer, page_in_answer};
use couchdb::{FromRow, Revised};
use document::{Document, IdRange};
use libfuzzer_sys::fuzz_target;

const IDS: [&str; 3] = ["+14155550100", "+14155550101", "911"];

fuzz_target!(|input: &[u8]| {
    let Some((&asked, body)) = input.split_first() else {
        return;
    };
    let limit = usize::from(asked / 3 % 8) + 1;
    let range = IdRange {
        start: (asked >= 128).then(|| "+1".to_owned()),
        end: (asked >= 192).then(|| "+2".to_owned()),
    };
    if asked % 3 == 0 {
        check::<Revised>(body, &range, limit);
        return;
    }
    for document in check::<Document>(body, &range, limit) {
        assert!(is_part(body, document.text()), "{}", document.text());
    }
});

/// The rows of a page and of an answer by ids.
fn check<T: FromRow>(body: &[u8], range: &IdRange, limit: usize) -> Vec<T> {
    let page = page_in_answer::<T>(body, range, limit).unwrap_or_default();
    assert!(page.len() <= limit);
    assert!(page.iter().all(|row| range.holds(row.id())));
    assert!(page.is_sorted_by(|one, other| one.id() < other.id()));
    let found = found_in_answer::<T>(body, &IDS).unwrap_or_default();
    assert!(found.is_empty() || found.len() == IDS.len());
    page.into_iter()
        .chain(found.into_iter().filter_map(couchdb::Found::present))
        .collect()
}

fn is_part(body: &[u8], part: &str) -> bool {
    body.windows(part.len())
        .any(|window| window == part.as_bytes())
}
