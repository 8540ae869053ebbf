//! An answer of `_all_docs` is refused, or gives a page with at most the requested rows, in order
//! and in range, with documents that are parts of the answer. The first byte of the input selects
//! the request.
#![no_main]

use couchdb::fuzzing::{found_in_answer, page_in_answer};
use couchdb::{Found, Include, Range};
use libfuzzer_sys::fuzz_target;

const IDS: [&str; 3] = ["+14155550100", "+14155550101", "911"];

fuzz_target!(|input: &[u8]| {
    let Some((&asked, body)) = input.split_first() else {
        return;
    };
    let include = match asked % 3 {
        0 => Include::Ids,
        1 => Include::Documents,
        _ => Include::Attachments,
    };
    let limit = usize::from(asked / 3 % 8) + 1;
    let range = Range {
        start: (asked >= 128).then(|| "+1".to_owned()),
        end: (asked >= 192).then(|| "+2".to_owned()),
    };
    if let Ok(page) = page_in_answer(body, &range, limit, include) {
        let mut last = None;
        assert!(page.len() <= limit);
        for (row, document) in page.rows() {
            assert!(last.is_none_or(|last| last < row.id.as_str()));
            assert!(
                range
                    .start
                    .as_deref()
                    .is_none_or(|start| start <= row.id.as_str())
            );
            assert!(range.end.as_deref().is_none_or(|end| row.id.as_str() < end));
            assert!(document == "{}" || is_part(body, document), "{document}");
            last = Some(row.id.as_str());
        }
    }
    if let Ok(found) = found_in_answer(body, &IDS, include) {
        assert_eq!(found.len(), IDS.len());
        for found in found {
            if let Found::Present { text, .. } = found {
                assert!(text.is_empty() || is_part(body, &text), "{text}");
            }
        }
    }
});

fn is_part(body: &[u8], part: &str) -> bool {
    body.windows(part.len())
        .any(|window| window == part.as_bytes())
}
