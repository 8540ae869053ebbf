//! One document: its id, its revision, its text, and the positions of its fields.

use std::borrow::Cow;
use std::sync::OnceLock;

use bytestring::ByteString;

use crate::digest::{Digest, digest_of_fields};
use crate::effort;
use crate::json::{elements, string};
use crate::object::{NotAnObject, Object, edited, is_plain, push_quoted};
use crate::revision::Revision;

/// A document that was read or will be written. It is parsed once, on creation.
///
/// The text of a document that was read is a slice of its answer and keeps the whole answer in memory. [`Document::detached`]
/// makes a separate copy.
#[derive(Clone, Debug)]
pub struct Document(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    id: Box<str>,
    rev: Option<Revision>,
    text: ByteString,
    /// Whether the text shares no memory with an answer.
    owned: bool,
    fields: Box<[Field]>,
    /// Field names with escapes in the text: the index of the field, and the unescaped name.
    escaped: Vec<(usize, Box<str>)>,
    digest: OnceLock<Digest>,
}

/// The position of a field in the text, in bytes. The name is without quotes.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: (u32, u32),
    value: (u32, u32),
}

impl Document {
    /// Parses a document that was read at a revision.
    ///
    /// # Errors
    ///
    /// The text is not one JSON object, or has a key twice.
    pub fn read(id: &str, rev: Revision, text: ByteString) -> Result<Self, NotAnObject> {
        Self::parse(id, Some(rev), text, false)
    }

    /// Creates a document for writing. `text` has the `_id` and no `_rev`.
    ///
    /// # Errors
    ///
    /// The text is not one JSON object, or has a key twice.
    pub fn new(id: &str, text: String) -> Result<Self, NotAnObject> {
        Self::parse(id, None, text.into(), true)
    }

    fn parse(
        id: &str,
        rev: Option<Revision>,
        text: ByteString,
        owned: bool,
    ) -> Result<Self, NotAnObject> {
        effort::parsed();
        let object = Object::parse(&text)?;
        let start = text.as_ptr() as usize;
        let within = |part: &str| {
            let from = (part.as_ptr() as usize).saturating_sub(start);
            (short(from), short(from + part.len()))
        };
        let mut escaped = Vec::new();
        let fields = object
            .into_fields()
            .into_iter()
            .enumerate()
            .map(|(index, (name, value))| {
                let name = match name {
                    Cow::Borrowed(name) => within(name),
                    Cow::Owned(name) => {
                        escaped.push((index, name.into()));
                        (0, 0)
                    }
                };
                let value = within(value);
                Field { name, value }
            })
            .collect();
        Ok(Self(Box::new(Parts {
            id: id.into(),
            rev,
            owned,
            fields,
            escaped,
            digest: OnceLock::new(),
            text,
        })))
    }

    /// The document's id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The revision at which it was read; `None` for a document for writing.
    pub fn rev(&self) -> Option<&Revision> {
        self.0.rev.as_ref()
    }

    /// The text, a JSON object.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// A field's JSON text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(known, _)| *known == name)
            .map(|(_, json)| json)
    }

    /// The content of a field that is a JSON string.
    pub fn string(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(string)
    }

    /// The fields in their order: name, JSON text.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        (0..self.0.fields.len()).map(|index| self.field(index))
    }

    fn field(&self, index: usize) -> (&str, &str) {
        let Some(field) = self.0.fields.get(index) else {
            return ("", "");
        };
        let name = self
            .0
            .escaped
            .iter()
            .find(|(escaped, _)| *escaped == index)
            .map_or_else(|| self.slice(field.name), |(_, name)| name);
        (name, self.slice(field.value))
    }

    fn slice(&self, (from, to): (u32, u32)) -> &str {
        self.0
            .text
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }

    /// The digest of the content, computed on the first call.
    pub fn digest(&self) -> Digest {
        *self
            .0
            .digest
            .get_or_init(|| digest_of_fields(self.fields()))
    }

    /// The revisions of the losing leaves, if the request asked for them.
    pub fn losing_revisions(&self) -> Vec<Revision> {
        let listed = self.get("_conflicts").and_then(elements);
        listed
            .into_iter()
            .flatten()
            .filter_map(string)
            .map(|rev| Revision::parse(&rev))
            .collect()
    }

    /// The document with some fields set (`Some`, JSON text) or removed (`None`), for writing: without a revision and without
    /// fields about revisions. Fields keep their place; new ones are appended.
    pub fn edited(&self, edits: &[(&str, Option<&str>)]) -> Self {
        let mut text = String::with_capacity(self.0.text.len() + 64);
        let mut fields = Vec::with_capacity(self.0.fields.len() + edits.len());
        let mut escaped = Vec::new();
        edited(self.fields(), edits, |name, json| {
            text.push(if text.is_empty() { '{' } else { ',' });
            let name_starts = text.len() + 1;
            push_quoted(&mut text, name);
            let name_ends = text.len() - 1;
            if !is_plain(name) {
                escaped.push((fields.len(), name.into()));
            }
            text.push(':');
            let value_starts = text.len();
            text.push_str(json);
            fields.push(Field {
                name: (short(name_starts), short(name_ends)),
                value: (short(value_starts), short(text.len())),
            });
        });
        if text.is_empty() {
            text.push('{');
        }
        text.push('}');
        effort::copied(text.len());
        Self(Box::new(Parts {
            id: self.0.id.clone(),
            rev: None,
            text: text.into(),
            owned: true,
            fields: fields.into(),
            escaped,
            digest: OnceLock::new(),
        }))
    }

    /// The document with a copy of its text, so that it no longer keeps its answer in memory.
    pub fn detached(mut self) -> Self {
        if !self.0.owned {
            effort::copied(self.0.text.len());
            self.0.text = ByteString::from(self.0.text.to_string());
            self.0.owned = true;
        }
        self
    }

    /// The memory of the document after [`Document::detached`], in bytes.
    pub fn size(&self) -> usize {
        size_of::<Parts>() + self.0.id.len() + self.0.text.len() + size_of_val(&*self.0.fields)
    }
}

/// A position in a text as 32 bits. Answers are far smaller than 4 GiB; fields beyond that are read as empty.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::read("+1", Revision::parse("3-abc"), text.to_owned().into()).unwrap()
    }

    fn fields(document: &Document) -> Vec<(&str, &str)> {
        document.fields().collect()
    }

    #[test]
    fn fields_with_unusual_names_and_spaces_are_read() {
        let text = r#" { "_id" : "+1", "\u0061\"b" : [1, 2] ,"":{}, "é": "\u0041" } "#;
        let document = document(text);
        let expected = [
            ("_id", "\"+1\""),
            ("a\"b", "[1, 2]"),
            ("", "{}"),
            ("é", "\"\\u0041\""),
        ];
        assert_eq!(fields(&document), expected);
        assert_eq!(document.string("é").as_deref(), Some("A"));
        assert_eq!(document.get("a"), None);
    }

    #[test]
    fn edited_document_has_the_fields_of_its_text() {
        let before = document(
            r#"{"_id":"+1","_rev":"3-abc","n":1.0,"\u0061\"b":2,"x":null,"_conflicts":["2-a"]}"#,
        );
        let after = before.edited(&[("x", None), ("n", Some("[]")), ("new\n", Some("true"))]);
        assert_eq!(after.rev(), None);
        assert_eq!(after.text(), r#"{"_id":"+1","n":[],"a\"b":2,"new\n":true}"#);
        let parsed = Document::new("+1", after.text().to_owned()).unwrap();
        assert_eq!(fields(&after), fields(&parsed));
        assert_eq!(after.digest(), parsed.digest());
        assert_eq!(document("{\"_rev\":\"1-a\"}").edited(&[]).text(), "{}");
    }

    #[test]
    fn losing_revisions_are_listed() {
        let conflicted = document(r#"{"_id":"+1","_conflicts":["2-a","1-b"]}"#);
        let revisions: Vec<String> = conflicted
            .losing_revisions()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(revisions, ["2-a", "1-b"]);
        assert!(document("{}").losing_revisions().is_empty());
    }

    #[test]
    fn effort_counts_parses_and_copies() {
        let before = effort::of_this_thread();
        let read = document(r#"{"_id":"+1","n":1}"#);
        let length = read.text().len() as u64;
        let edited = read.edited(&[("n", Some("2"))]);
        let _ = (read.detached(), edited.digest());
        let after = effort::of_this_thread();
        assert_eq!(after.parses - before.parses, 1);
        assert_eq!(after.copied - before.copied, 2 * length);
    }
}
