//! The order of view keys: null, false, true, numbers, strings, arrays, objects; strings by ICU.
//!
//! A key is encoded as bytes that compare as CouchDB compares keys, so an index is an ordered map.
//! Every encoding ends with a terminator, so a suffix after one key never affects the order of
//! keys.

use crate::json::Json;
use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed};
use std::sync::OnceLock;

const END: u8 = 0;
const NULL: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const NUMBER: u8 = 4;
const STRING: u8 = 5;
const ARRAY: u8 = 6;
const OBJECT: u8 = 7;

/// Sorts after every text that may follow a key.
pub(crate) const AFTER_ALL: u8 = 0xff;

fn collator() -> Option<&'static CollatorBorrowed<'static>> {
    static COLLATOR: OnceLock<Option<CollatorBorrowed<'static>>> = OnceLock::new();
    COLLATOR
        .get_or_init(|| Collator::try_new(Default::default(), CollatorOptions::default()).ok())
        .as_ref()
}

/// Encodes a key.
pub(crate) fn collation_key(key: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, key);
    out
}

fn push(out: &mut Vec<u8>, key: &Json) {
    match key {
        Json::Null => out.push(NULL),
        Json::Bool(false) => out.push(FALSE),
        Json::Bool(true) => out.push(TRUE),
        Json::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&ordered(number.to_f64()).to_be_bytes());
        }
        Json::String(text) => push_string(out, text),
        Json::Array(items) => {
            out.push(ARRAY);
            for item in items {
                push(out, item);
            }
            out.push(END);
        }
        Json::Object(fields) => {
            out.push(OBJECT);
            for (name, value) in fields {
                push_string(out, name);
                push(out, value);
            }
            out.push(END);
        }
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(STRING);
    match collator() {
        Some(collator) => {
            let Ok(()) = collator.write_sort_key_to(text, out);
        }
        // The root locale is compiled in. Without it, strings are sorted by bytes.
        None => out.extend_from_slice(text.as_bytes()),
    }
    out.push(END);
}

/// The bits of a double, transformed so that they compare like the double.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[track_caller]
    fn assert_ascending(keys: &[&str]) {
        let encoded: Vec<_> = keys
            .iter()
            .map(|key| collation_key(&json::parse(key.as_bytes()).unwrap()))
            .collect();
        for (index, pair) in encoded.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{} < {}", keys[index], keys[index + 1]);
        }
    }

    #[test]
    fn types_are_in_couchdb_order() {
        assert_ascending(&[
            "null",
            "false",
            "true",
            "-10",
            "-1.5",
            "0",
            "1",
            "1.5",
            "2",
            "10",
            "\"\"",
            "\"a\"",
            "[]",
            "[null]",
            "[1]",
            "[1,2]",
            "[\"a\"]",
            "[[]]",
            "[{}]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,\"b\":2}",
            "{\"a\":2}",
            "{\"b\":1}",
            "{\"b\":2,\"a\":1}",
        ]);
    }

    #[test]
    fn strings_are_sorted_by_alphabet() {
        assert_ascending(&[
            "\"_x\"",
            "\"+1415\"",
            "\"~\"",
            "\"1\"",
            "\"10\"",
            "\"2\"",
            "\"a\"",
            "\"A\"",
            "\"ä\"",
            "\"aa\"",
            "\"b\"",
            "\"B\"",
            "\"ba\"",
            "\"é\"",
            "\"z\"",
        ]);
    }

    #[test]
    fn composed_and_decomposed_strings_are_equal() {
        assert_eq!(
            collation_key(&Json::str("\u{e9}x")),
            collation_key(&Json::str("e\u{301}x"))
        );
    }

    #[test]
    fn suffix_does_not_change_order_of_keys() {
        let mut short = collation_key(&Json::str("a"));
        short.push(AFTER_ALL);
        assert!(short < collation_key(&Json::str("aa")));
    }
}
