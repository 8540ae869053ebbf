//! Parses values in a JSON text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most elements of an array or fields of an object. Each takes about forty bytes of memory, and two to six of the text.
pub(crate) const MOST: usize = 1 << 20;

/// The content of a JSON string; `None` for any other value.
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

/// A string as JSON text.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The elements of a JSON array, each as JSON text; `None` for any other value.
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
                    return Err(A::Error::custom("more elements than are read"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_with_text_after_it_is_refused() {
        assert_eq!(string(r#""a" "#).as_deref(), Some("a"));
        assert_eq!(string(r#""a"b"#), None);
        assert_eq!(elements("[1] ").as_deref(), Some(["1"].as_slice()));
        assert_eq!(elements("[1]]"), None);
    }
}
