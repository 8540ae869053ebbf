//! Documents and their digests. The digest ignores revisions, key order and white space, and an
//! edit changes only one field.
#![no_main]

use document::{Document, Object, elements, is_about_revisions, quoted, string};
use kazoo_numbers::kazoo::NumberFacts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = string(text);
    let _ = elements(text);
    let Ok(document) = Object::parse(text) else {
        return;
    };
    let whole = match Document::new("+1", text.to_owned()) {
        Ok(whole) => whole,
        Err(error) => panic!("{error} in {text}"),
    };
    let _ = NumberFacts::of(&whole);
    assert!(whole.fields().eq(document.fields()));
    assert_eq!(whole.digest(), document.digest());
    let edits = [("pvt_used_by", Some("\"callflow\"")), ("a\n", None)];
    let edit = whole.edited(&edits);
    assert_eq!(edit.text(), document.with(&edits));
    assert!(edit.fields().eq(parsed(edit.text()).fields()));
    let same = document.with(&[]);
    assert_eq!(parsed(&same).digest(), document.digest());

    let fields: Vec<(&str, &str)> = document.fields().collect();
    let reversed: Vec<String> = fields
        .iter()
        .rev()
        .filter(|(name, _)| !is_about_revisions(name))
        .map(|(name, value)| format!(" {} :\t{value}\n", quoted(name)))
        .collect();
    let reversed = format!("{{{}}}", reversed.join(","));
    assert_eq!(parsed(&reversed).digest(), document.digest());

    let edited = document.with(&[("pvt_used_by", Some("\"callflow\""))]);
    let edited = parsed(&edited);
    assert_eq!(edited.string("pvt_used_by").as_deref(), Some("callflow"));
    for (name, value) in fields {
        if name != "pvt_used_by" && !is_about_revisions(name) {
            assert_eq!(edited.get(name), Some(value), "{name}");
        }
    }
});

fn parsed(text: &str) -> Object<'_> {
    Object::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}
