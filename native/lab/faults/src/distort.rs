//! Changes the server's answers.

use bytes::Bytes;
use exact_json::{Value, json};

/// An HTML page of a load balancer.
pub(crate) const PAGE: &str = "<html><body><h1>It works!</h1></body></html>";

/// The first half of a body.
pub(crate) fn truncated(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Repeats every row.
pub(crate) fn duplicated(body: &Bytes) -> Bytes {
    with_rows(body, |rows| {
        *rows = rows.drain(..).flat_map(|row| [row.clone(), row]).collect();
    })
}

/// Reverses the rows.
pub(crate) fn reordered(body: &Bytes) -> Bytes {
    with_rows(body, |rows| rows.reverse())
}

/// Replaces every second row with an error.
pub(crate) fn with_errors(body: &Bytes) -> Bytes {
    with_rows(body, |rows| {
        for row in rows.iter_mut().step_by(2) {
            *row = match (row.get("key"), row.get("id")) {
                (Some(key), _) => json!({"key": key, "error": "timeout"}),
                (None, id) => json!({
                    "id": id,
                    "error": "internal_server_error",
                    "reason": "a shard did not answer",
                }),
            };
        }
    })
}

/// Changes the rows of an answer. An answer without rows stays unchanged.
fn with_rows(body: &Bytes, change: impl Fn(&mut Vec<Value>)) -> Bytes {
    let Ok(mut answer) = exact_json::from_slice::<Value>(body) else {
        return body.clone();
    };
    let lists: Vec<&mut Vec<Value>> = match &mut answer {
        Value::Array(rows) => vec![rows],
        // The answer to one query or to several.
        Value::Object(members) => match members.get_mut("results") {
            Some(Value::Array(results)) => results.iter_mut().filter_map(rows_of).collect(),
            _ => members
                .get_mut("rows")
                .and_then(Value::as_array_mut)
                .into_iter()
                .collect(),
        },
        _ => Vec::new(),
    };
    if lists.is_empty() {
        return body.clone();
    }
    for rows in lists {
        change(rows);
    }
    answer.to_string().into()
}

fn rows_of(answer: &mut Value) -> Option<&mut Vec<Value>> {
    answer.get_mut("rows")?.as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Bytes) -> String {
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn rows_are_duplicated_reversed_or_failed() {
        let listing = Bytes::from(r#"{"total_rows":2,"rows":[{"key":"a","n":1.0},{"key":"b"}]}"#);
        assert_eq!(
            text(duplicated(&listing)),
            r#"{"total_rows":2,"rows":[{"key":"a","n":1.0},{"key":"a","n":1.0},{"key":"b"},{"key":"b"}]}"#
        );
        assert_eq!(
            text(reordered(&listing)),
            r#"{"total_rows":2,"rows":[{"key":"b"},{"key":"a","n":1.0}]}"#
        );
        assert_eq!(
            text(with_errors(&listing)),
            r#"{"total_rows":2,"rows":[{"key":"a","error":"timeout"},{"key":"b"}]}"#
        );
        let several = Bytes::from(r#"{"results":[{"rows":[1,2]},{"rows":[3,4]}]}"#);
        assert_eq!(
            text(reordered(&several)),
            r#"{"results":[{"rows":[2,1]},{"rows":[4,3]}]}"#
        );
        let written = Bytes::from(r#"[{"ok":true,"id":"a","rev":"1-x"}]"#);
        assert!(text(with_errors(&written)).contains(r#""id":"a","error":"internal"#));
        let refused = Bytes::from(r#"{"error":"not_found"}"#);
        assert_eq!(duplicated(&refused), refused);
    }
}
