//! The fields of a JSON object, with their values as text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{MOST, string};

/// The usual maximum: number documents have about twenty fields.
const FEW_FIELDS: usize = 64;

/// The fields of one JSON object in their order, borrowed from its text.
#[derive(Default)]
pub struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

/// A text that is not exactly one JSON object, or has a key twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnObject(String);

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAnObject {}

/// Whether a field is about a document's revisions and not part of its content: `_rev`, and `_conflicts`, which CouchDB adds on
/// request.
pub fn is_about_revisions(field: &str) -> bool {
    matches!(field, "_rev" | "_conflicts")
}

impl<'a> Object<'a> {
    /// Reads the outermost level of a JSON object.
    ///
    /// # Errors
    /// The text is not one JSON object, or has a key twice.
    pub fn parse(text: &'a str) -> Result<Self, NotAnObject> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let read = parser
            .deserialize_map(FieldsVisitor)
            .and_then(|fields| parser.end().map(|()| fields));
        match read {
            Ok(fields) => Ok(Self { fields }),
            Err(error) => Err(NotAnObject(error.to_string())),
        }
    }

    /// A field's JSON text.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// The content of a field that is a JSON string.
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(string)
    }

    /// The fields in their order: name, JSON text.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &'a str)> + Clone {
        self.fields
            .iter()
            .map(|(key, value)| (key.as_ref(), *value))
    }

    pub(crate) fn into_fields(self) -> Vec<(Cow<'a, str>, &'a str)> {
        self.fields
    }

    /// The text of the object without fields about revisions and with some fields set (`Some`, JSON text) or removed (`None`).
    /// Fields keep their place; new ones are appended.
    pub fn with(&self, edits: &[(&str, Option<&str>)]) -> String {
        let mut text = String::new();
        edited(self.fields(), edits, |name, json| {
            text.push(if text.is_empty() { '{' } else { ',' });
            push_quoted(&mut text, name);
            text.push(':');
            text.push_str(json);
        });
        if text.is_empty() {
            text.push('{');
        }
        text.push('}');
        text
    }
}

/// Passes each field of an edited object to `put`: see [`Object::with`].
pub(crate) fn edited<'f>(
    fields: impl Iterator<Item = (&'f str, &'f str)> + Clone,
    edits: &[(&str, Option<&str>)],
    mut put: impl FnMut(&str, &str),
) {
    for (name, value) in fields.clone() {
        if is_about_revisions(name) {
            continue;
        }
        match edits.iter().find(|(edited, _)| *edited == name) {
            Some((_, Some(json))) => put(name, json),
            Some((_, None)) => {}
            None => put(name, value),
        }
    }
    for (name, json) in edits {
        if let Some(json) = json
            && !fields.clone().any(|(known, _)| known == *name)
        {
            put(name, json);
        }
    }
}

/// Appends a string as JSON text.
pub(crate) fn push_quoted(text: &mut String, name: &str) {
    if is_plain(name) {
        text.push('"');
        text.push_str(name);
        text.push('"');
    } else {
        text.push_str(&crate::json::quoted(name));
    }
}

/// Whether JSON writes a string without escapes.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\')
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Self::Value = Vec::with_capacity(24);
        while let Some(Key(key)) = map.next_key()? {
            if fields.len() == MOST {
                return Err(A::Error::custom("more fields than are read"));
            }
            let value: &'de RawValue = map.next_value()?;
            fields.push((key, value.get()));
        }
        // CouchDB never sends a key twice. It would be a guess which value counts.
        match duplicate(&fields) {
            Some(key) => Err(A::Error::custom(format!("the key {key:?} stands twice"))),
            None => Ok(fields),
        }
    }
}

/// A duplicate key. Comparing every pair is fastest for few fields, but quadratic for a hostile document with many.
fn duplicate<'a>(fields: &'a [(Cow<'_, str>, &str)]) -> Option<&'a str> {
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

/// A key, borrowed where it has no escapes: serde's own `Cow` always copies.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_keeps_other_fields() {
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
    fn text_after_an_object_is_refused() {
        assert!(Object::parse("{}}").is_err());
        assert!(Object::parse("{} ").is_ok());
        assert!(Object::parse("[]").is_err());
    }

    #[test]
    fn duplicate_key_is_refused_among_few_fields_and_among_many() {
        assert!(Object::parse(r#"{"a":1,"b":2,"\u0061":3}"#).is_err());
        let many: String = (0..100).map(|index| format!("\"{index}\":0,")).collect();
        assert!(Object::parse(&format!("{{{many}\"x\":0}}")).is_ok());
        assert!(Object::parse(&format!("{{{many}\"7\":0}}")).is_err());
    }
}
