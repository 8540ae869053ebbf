//! A document as the text that CouchDB sent. It is read without building a tree. A change keeps the
//! text of all other fields, so numbers keep their digits and unknown fields are preserved.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

/// Values nested deeper than this are compared as text. CouchDB's answers are far less deep.
const DEEPEST: usize = 100;

/// The most fields of an object and elements of an array. Each takes about 40 bytes in memory and 2
/// to 6 bytes in the answer.
const MOST: usize = 1 << 20;

/// A number document has about 20 fields.
const FEW_FIELDS: usize = 64;

/// The fields of one JSON object, in order, with unparsed values.
#[derive(Default)]
pub struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// Whether a field describes revisions and is not content: `_rev`, and `_conflicts`, which lists
/// the losing leaves if the request asked for them.
pub fn is_about_revisions(field: &str) -> bool {
    matches!(field, "_rev" | "_conflicts")
}

/// A digest of a document's content. Equal contents have equal digests; the order of keys does not
/// matter, and the digits of a number do. Fields about revisions are ignored. Of an attachment the
/// name, type, length and digest count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl<'a> Object<'a> {
    /// Parses the outermost level of a JSON object.
    ///
    /// # Errors
    /// The text is not a JSON object, or a key occurs twice.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let fields = parser.deserialize_map(FieldsVisitor)?;
        parser.end()?;
        Ok(Self { fields })
    }

    /// The JSON text of a field.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.get())
    }

    /// The content of a field that is a JSON string.
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(string)
    }

    /// Whether a field is the JSON value `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The fields in order: name and JSON text.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.fields
            .iter()
            .map(|(key, value)| (key.as_ref(), value.get()))
    }

    /// The digest of the document's content.
    pub fn digest(&self) -> Digest {
        let mut sum = ObjectSum::default();
        for (key, value) in self.fields() {
            match key {
                _ if is_about_revisions(key) => {}
                "_attachments" => sum.add(key, attachments_digest(value)),
                _ => sum.add(key, value_digest(value, 0)),
            }
        }
        Digest(sum.finish())
    }

    /// The document without fields about revisions, with some fields set (`Some`, JSON text) or
    /// removed (`None`). Existing fields keep their position; new fields go to the end.
    pub fn with(&self, edits: &[(&str, Option<&str>)]) -> String {
        let mut out = ObjectWriter::default();
        for (key, value) in self.fields() {
            if is_about_revisions(key) {
                continue;
            }
            match edits.iter().find(|(name, _)| *name == key) {
                Some((_, Some(text))) => out.field(key, text),
                Some((_, None)) => {}
                None => out.field(key, value),
            }
        }
        for (name, value) in edits {
            if let (Some(text), None) = (value, self.get(name)) {
                out.field(name, text);
            }
        }
        out.finish()
    }
}

/// The content of a JSON string. None for any other value.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let text = parser.deserialize_str(Text).ok()?;
    parser.end().ok().map(|()| text)
}

/// Quotes a string as JSON text.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The elements of a JSON array as JSON texts. None for any other value.
pub fn elements(json: &str) -> Option<Vec<&str>> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<&'de str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(element) = seq.next_element::<&RawValue>()? {
                if all.len() == MOST {
                    return Err(A::Error::custom("more elements than the limit"));
                }
                all.push(element.get());
            }
            Ok(all)
        }
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let all = parser.deserialize_seq(Elements).ok()?;
    parser.end().ok().map(|()| all)
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Self::Value = Vec::with_capacity(24);
        while let Some(Key(key)) = map.next_key()? {
            if fields.len() == MOST {
                return Err(A::Error::custom("more fields than the limit"));
            }
            let value = map.next_value()?;
            fields.push((key, value));
        }
        // CouchDB never sends a key twice. If it did, the choice between the two values would be a
        // guess.
        match duplicate_key(&fields) {
            Some(key) => Err(A::Error::custom(format!("the key {key:?} occurs twice"))),
            None => Ok(fields),
        }
    }
}

/// A key that occurs twice. Comparing every pair is fastest for the few fields of a document, but
/// too slow for the many fields of a hostile one.
fn duplicate_key<'a>(fields: &'a [(Cow<'_, str>, &RawValue)]) -> Option<&'a str> {
    let keys = || fields.iter().map(|(key, _)| key.as_ref());
    if fields.len() <= FEW_FIELDS {
        return keys()
            .enumerate()
            .find(|(index, key)| keys().take(*index).any(|known| known == *key))
            .map(|(_, key)| key);
    }
    let mut known = HashSet::with_capacity(fields.len());
    keys().find(|key| !known.insert(*key))
}

/// A key that borrows where possible. Serde's own `Cow` always copies.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default)]
struct ObjectWriter {
    text: String,
}

impl ObjectWriter {
    fn field(&mut self, name: &str, json: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.text.push_str(&quoted(name));
        self.text.push(':');
        self.text.push_str(json);
    }

    fn finish(mut self) -> String {
        if self.text.is_empty() {
            self.text.push('{');
        }
        self.text.push('}');
        self.text
    }
}

/// An order-independent digest of an object: a sum over its fields.
#[derive(Default)]
struct ObjectSum {
    sum: u128,
    fields: u64,
}

impl ObjectSum {
    fn add(&mut self, key: &str, value: u128) {
        let mut hash = Xxh3::new();
        hash.update(&(key.len() as u64).to_le_bytes());
        hash.update(key.as_bytes());
        hash.update(&value.to_le_bytes());
        self.sum = self.sum.wrapping_add(hash.digest128());
        self.fields += 1;
    }

    fn finish(self) -> u128 {
        let mut hash = Xxh3::new();
        hash.update(b"{");
        hash.update(&self.sum.to_le_bytes());
        hash.update(&self.fields.to_le_bytes());
        hash.digest128()
    }
}

fn tagged(tag: u8, bytes: &[u8]) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&[tag]);
    hash.update(bytes);
    hash.digest128()
}

fn value_digest(json: &str, depth: usize) -> u128 {
    let first = json.as_bytes().first().copied().unwrap_or_default();
    if depth < DEEPEST {
        match first {
            b'{' => {
                if let Ok(object) = Object::parse(json) {
                    let mut sum = ObjectSum::default();
                    for (key, value) in object.fields() {
                        sum.add(key, value_digest(value, depth + 1));
                    }
                    return sum.finish();
                }
            }
            b'[' => {
                if let Some(elements) = elements(json) {
                    let mut hash = Xxh3::new();
                    hash.update(b"[");
                    for element in elements {
                        hash.update(&value_digest(element, depth + 1).to_le_bytes());
                    }
                    return hash.digest128();
                }
            }
            b'"' => {
                if let Some(text) = string(json) {
                    return tagged(b'"', text.as_bytes());
                }
            }
            _ => {}
        }
    }
    tagged(b'=', json.as_bytes())
}

/// Ignores `revpos`, which differs between two copies of the same document, and `stub`, which only
/// says how the attachment was sent. For an inline attachment the bytes count and the server's
/// digest does not. Stubs are compared with stubs, inline attachments with inline attachments.
fn attachments_digest(json: &str) -> u128 {
    let Ok(attachments) = Object::parse(json) else {
        return value_digest(json, 0);
    };
    let mut all = ObjectSum::default();
    for (name, attachment) in attachments.fields() {
        let mut sum = ObjectSum::default();
        if let Ok(attachment) = Object::parse(attachment) {
            let whole = attachment.get("data").is_some();
            for (key, value) in attachment.fields() {
                let counts = match key {
                    "revpos" | "stub" | "follows" => false,
                    "digest" | "length" | "encoding" | "encoded_length" => !whole,
                    _ => true,
                };
                if counts {
                    sum.add(key, value_digest(value, 0));
                }
            }
        }
        all.add(name, sum.finish());
    }
    all.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Object::parse(text).unwrap().digest()
    }

    #[test]
    fn digest_ignores_order_and_revision_only() {
        let one = digest(r#"{"_id":"a","_rev":"1-x","b":{"c":1.0,"d":[1,2]},"e":"\u00e9"}"#);
        assert_eq!(
            one,
            digest(r#"{"e":"é","_id":"a","b":{"d":[1,2],"c":1.0}}"#)
        );
        for other in [
            r#"{"_id":"a","b":{"c":1,"d":[1,2]},"e":"é"}"#,
            r#"{"_id":"a","b":{"c":1.0,"d":[2,1]},"e":"é"}"#,
            r#"{"_id":"a","b":{"c":1.0,"d":[1,2]},"e":"e"}"#,
            r#"{"_id":"a","b":{"c":1.0,"d":[1,2]}}"#,
            r#"{"_id":"a","b":{"c":1.0,"d":[1,2]},"e":null}"#,
        ] {
            assert_ne!(one, digest(other), "{other}");
        }
    }

    #[test]
    fn digest_keeps_all_digits_of_a_number() {
        assert_ne!(
            digest(r#"{"n":12345678901234567890}"#),
            digest(r#"{"n":12345678901234567891}"#)
        );
    }

    #[test]
    fn digest_compares_attachments_by_content() {
        let stub = |digest: &str, revpos: u8| {
            format!(
                r#"{{"_attachments":{{"a.txt":{{"content_type":"text/plain","revpos":{revpos},"digest":"{digest}","length":3,"stub":true}}}}}}"#
            )
        };
        assert_eq!(digest(&stub("md5-x", 1)), digest(&stub("md5-x", 7)));
        assert_ne!(digest(&stub("md5-x", 1)), digest(&stub("md5-y", 1)));
    }

    #[test]
    fn edit_keeps_other_fields_unchanged() {
        let text = r#"{"_id":"+1","_rev":"3-abc","n":1.0,"pvt_used_by":"callflow","z":"\u0041"}"#;
        let object = Object::parse(text).unwrap();
        assert_eq!(
            object.with(&[("pvt_used_by", Some("\"trunkstore\""))]),
            r#"{"_id":"+1","n":1.0,"pvt_used_by":"trunkstore","z":"\u0041"}"#
        );
        assert_eq!(
            object.with(&[("pvt_used_by", None), ("new", Some("[]"))]),
            r#"{"_id":"+1","n":1.0,"z":"\u0041","new":[]}"#
        );
    }

    #[test]
    fn value_with_trailing_text_is_rejected() {
        assert_eq!(string(r#""a" "#).as_deref(), Some("a"));
        assert_eq!(string(r#""a"b"#), None);
        assert_eq!(elements("[1] ").as_deref(), Some(["1"].as_slice()));
        assert_eq!(elements("[1]]"), None);
        assert!(Object::parse("{}}").is_err());
    }

    #[test]
    fn deep_nesting_is_compared() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        let other = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_ne!(digest(&deep), digest(&other));
    }
}
