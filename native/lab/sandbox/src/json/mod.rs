//! JSON as CouchDB stores it: fields in order, integers with all digits, doubles in CouchDB's
//! spelling.
//!
//! No parser on crates.io does all three, and a bulk client is tested with it: text that is copied
//! from one database to another must be identical. So numbers stay text from request to store and
//! are never rounded.

mod number;
mod parse;
mod write;

pub(crate) use number::Number;
pub(crate) use parse::{Malformed, parse};
pub(crate) use write::{write_fields, write_string};

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn str(text: impl Into<String>) -> Self {
        Json::String(text.into())
    }

    pub(crate) fn int(value: impl Into<i128>) -> Self {
        Json::Number(Number::from_int(value.into()))
    }

    /// Creates an object with these fields in order.
    pub(crate) fn object<const N: usize>(fields: [(&str, Json); N]) -> Self {
        Json::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&[(String, Json)]> {
        match self {
            Json::Object(fields) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Json::Number(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Json::Bool(true))
    }

    /// A field of an object. None if the value is not an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.as_object()?
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}
