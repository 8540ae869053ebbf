//! Digests for comparing documents.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::json::{elements, string};
use crate::object::{Object, is_about_revisions};

/// Values nested deeper than this are compared as text. Documents of CouchDB are far flatter.
const DEEPEST: usize = 100;

/// A digest of a document's content. Documents that differ only in the order of keys have equal digests; the spelling of numbers
/// counts. Fields about revisions do not count. Attachments count by name, type, length and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "[u8; 16]", into = "[u8; 16]")]
pub struct Digest(u128);

impl From<[u8; 16]> for Digest {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

impl From<Digest> for [u8; 16] {
    fn from(digest: Digest) -> Self {
        digest.0.to_le_bytes()
    }
}

/// The digest of a value anywhere in a document, from its JSON text.
pub fn digest_of_value(json: &str) -> Digest {
    Digest(value_digest(json, 0))
}

pub(crate) fn digest_of_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Digest {
    let mut sum = ObjectSum::default();
    for (key, value) in fields {
        match key {
            _ if is_about_revisions(key) => {}
            "_attachments" => sum.add(key, attachments_digest(value)),
            _ => sum.add(key, value_digest(value, 0)),
        }
    }
    Digest(sum.finish())
}

impl Object<'_> {
    /// The digest of the content.
    pub fn digest(&self) -> Digest {
        digest_of_fields(self.fields())
    }
}

/// The digest of an object: a sum over its fields, which ignores their order.
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

/// `revpos` is the revision that added an attachment, so it differs between copies of a document. `stub` only describes the
/// transfer. An inline attachment counts by its bytes and not by the server's digest: stubs are compared with stubs, and inline
/// attachments with inline ones.
fn attachments_digest(json: &str) -> u128 {
    let Ok(attachments) = Object::parse(json) else {
        return value_digest(json, 0);
    };
    let mut all = ObjectSum::default();
    for (name, attachment) in attachments.fields() {
        let mut one = ObjectSum::default();
        if let Ok(attachment) = Object::parse(attachment) {
            let whole = attachment.get("data").is_some();
            for (key, value) in attachment.fields() {
                let counts = match key {
                    "revpos" | "stub" | "follows" => false,
                    "digest" | "length" | "encoding" | "encoded_length" => !whole,
                    _ => true,
                };
                if counts {
                    one.add(key, value_digest(value, 0));
                }
            }
        }
        all.add(name, one.finish());
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
    fn digest_ignores_order_and_revision_and_nothing_else() {
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
    fn digest_counts_all_twenty_digits_of_a_number() {
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
    fn digest_accepts_any_depth_of_nesting() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        let other = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_ne!(digest(&deep), digest(&other));
    }
}
