//! Fields by path: lookup, projection and sorting.

use crate::json::Json;
use crate::request_error::RequestError;

/// The parts of `a.b\.c`. A dot after a backslash belongs to the name.
fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('.')) => {
                characters.next();
                push(&mut parts, '.');
            }
            ('.', _) => parts.push(String::new()),
            _ => push(&mut parts, character),
        }
    }
    parts
}

fn push(parts: &mut [String], character: char) {
    if let Some(last) = parts.last_mut() {
        last.push(character);
    }
}

/// The value at a path.
pub(crate) fn lookup<'a>(value: &'a Json, path: &str) -> Option<&'a Json> {
    parts(path)
        .iter()
        .try_fold(value, |value, part| match value {
            Json::Array(items) => items.get(part.parse::<usize>().ok()?),
            _ => value.get(part),
        })
}

/// The requested fields of a document. Empty means all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Projection(Vec<Vec<String>>);

impl Projection {
    pub(crate) fn parse(fields: Option<&Json>) -> Result<Self, RequestError> {
        let Some(fields) = fields else {
            return Ok(Self::default());
        };
        let invalid = || {
            RequestError::new(
                400,
                "invalid_fields",
                format!(
                    "Fields must be an array of strings, not: {}",
                    fields.to_text()
                ),
            )
        };
        let paths = fields.as_array().ok_or_else(invalid)?;
        let paths = paths
            .iter()
            .map(|path| path.as_str().map(parts).ok_or_else(invalid));
        Ok(Self(paths.collect::<Result<_, _>>()?))
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn of(&self, document: &Json) -> Json {
        let mut kept = Vec::new();
        for path in &self.0 {
            let found = path.iter().try_fold(document, |at, part| at.get(part));
            if let Some(value) = found {
                insert(&mut kept, path, value.clone());
            }
        }
        Json::Object(kept)
    }
}

fn insert(fields: &mut Vec<(String, Json)>, path: &[String], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let at = match fields.iter().position(|(name, _)| name == first) {
        Some(at) => at,
        None => {
            fields.push((first.clone(), Json::Object(Vec::new())));
            fields.len() - 1
        }
    };
    match &mut fields[at].1 {
        Json::Object(inner) if !rest.is_empty() => insert(inner, rest, value),
        slot => *slot = value,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortField {
    pub(crate) path: String,
    pub(crate) direction: Direction,
}

impl SortField {
    /// Parses a list of names, or of `{"name": "asc"}`.
    pub(crate) fn parse_all(list: &Json) -> Result<Vec<Self>, RequestError> {
        let invalid = || {
            RequestError::new(
                400,
                "invalid_sort_json",
                "Sort must be an array of sort specs",
            )
        };
        let list = list.as_array().ok_or_else(invalid)?;
        list.iter()
            .map(|entry| {
                let (path, direction) = match entry {
                    Json::String(path) => (path.as_str(), "asc"),
                    Json::Object(fields) => match fields.as_slice() {
                        [(path, Json::String(direction))] => (path.as_str(), direction.as_str()),
                        _ => return Err(invalid()),
                    },
                    _ => return Err(invalid()),
                };
                let direction = match direction {
                    "asc" => Direction::Ascending,
                    "desc" => Direction::Descending,
                    _ => return Err(invalid()),
                };
                Ok(Self {
                    path: path.to_owned(),
                    direction,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn projection_keeps_nesting() {
        let document = json::parse(br#"{"a":{"b":1,"c":2},"d.e":3,"f":4}"#).unwrap();
        let fields = json::parse(br#"["a.b","d\\.e","none"]"#).unwrap();
        let projection = Projection::parse(Some(&fields)).unwrap();
        assert_eq!(
            projection.of(&document).to_text(),
            r#"{"a":{"b":1},"d.e":3}"#
        );
    }
}
