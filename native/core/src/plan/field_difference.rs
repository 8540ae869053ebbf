//! The fields in which a copy differs from the number database's document.

use std::collections::BTreeSet;

use serde::Serialize;

use document::{Document, Object, quoted};

/// A field in which a copy differs from the number database's document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldDifference {
    /// The field.
    pub field: String,
    /// The start of the JSON text in the number database. `None`: the field is absent there.
    pub number_database: Option<String>,
    /// The start of the JSON text in the account's copy. `None`: the field is absent there.
    pub account: Option<String>,
}

impl FieldDifference {
    /// The longest text of a value, in characters. A report shows where copies differ and is not a copy of them.
    pub const LONGEST: usize = 200;

    fn new(field: &str, source: &Document, copy: &Document) -> Self {
        Self {
            field: field.to_owned(),
            number_database: source.get(field).map(Self::start_of),
            account: copy.get(field).map(Self::start_of),
        }
    }

    fn start_of(text: &str) -> String {
        match text.char_indices().nth(Self::LONGEST) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        }
    }
}

/// The fields in which a copy differs from its source, by name.
pub fn differing_fields(source: &Document, copy: &Document) -> Vec<FieldDifference> {
    let names: BTreeSet<&str> = source
        .fields()
        .chain(copy.fields())
        .map(|(name, _)| name)
        .collect();
    names
        .into_iter()
        .filter(|name| !is_same_field(name, source.get(name), copy.get(name)))
        .map(|name| FieldDifference::new(name, source, copy))
        .collect()
}

/// Compares a field by the digest of a document with only this field, so that the rules of the digest apply: `_rev` does not
/// count, and attachments count by content.
fn is_same_field(name: &str, one: Option<&str>, other: Option<&str>) -> bool {
    if one == other {
        return true;
    }
    let alone = |value: Option<&str>| match value {
        Some(value) => format!("{{{}:{value}}}", quoted(name)),
        None => "{}".to_owned(),
    };
    let (one, other) = (alone(one), alone(other));
    match (Object::parse(&one), Object::parse(&other)) {
        (Ok(one), Ok(other)) => one.digest() == other.digest(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::document;

    #[test]
    fn fields_differ_by_content() {
        let one = document(
            r#"{"_id":"+1","_rev":"1-a","a":1,"b":{"x":1,"y":2},"c":"\u00e9","only":null}"#,
        );
        let other =
            document(r#"{"b":{"y":2,"x":1},"_id":"+1","_rev":"2-b","a":1.0,"c":"é","\"odd\"":[]}"#);
        let found = differing_fields(&one, &other);
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                let values = (one.number_database.as_deref(), one.account.as_deref());
                (one.field.as_str(), values)
            })
            .collect();
        let expected = [
            ("\"odd\"", (None, Some("[]"))),
            ("a", (Some("1"), Some("1.0"))),
            ("only", (Some("null"), None)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn long_value_is_shortened_between_characters() {
        let long = format!(
            r#"{{"_id":"+1","a":"{}"}}"#,
            "é".repeat(FieldDifference::LONGEST)
        );
        let found = differing_fields(&document(&long), &document(r#"{"_id":"+1"}"#));
        let value = found[0].number_database.as_deref().unwrap();
        assert_eq!(
            value,
            format!("\"{}…", "é".repeat(FieldDifference::LONGEST - 1))
        );
    }
}
