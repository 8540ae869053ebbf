//! The JSON of CouchDB's answers, and the errors for answers that are something else.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use reqwest::StatusCode;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{Error, Operation};
use super::kind::Kind;
use super::request::Response;

/// The largest part of an error response's body that is parsed, in bytes.
const LONGEST_REASON: usize = 64 << 10;

/// The largest number of rows in one answer. A row takes about 100 bytes in memory and at least 3
/// bytes in the answer.
pub(super) const MOST_ROWS: usize = 100_000;

/// A sequence: a text, or a number in CouchDB 1.x and of purges.
pub(super) fn sequence<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    })
}

/// `{"error": …, "reason": …}`
#[derive(serde::Deserialize)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub(super) error: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) reason: Option<Cow<'a, str>>,
}

/// Returns CouchDB's error code, if the body has one, and the reason for the operator.
pub(super) fn reason(status: StatusCode, body: &[u8]) -> (Option<String>, String) {
    let body = body.get(..LONGEST_REASON).unwrap_or(body);
    match serde_json::from_slice::<ErrorBody<'_>>(body) {
        Ok(ErrorBody { error, reason }) => {
            let line = match reason {
                Some(reason) => format!("{error}: {reason} ({})", status.as_u16()),
                None => format!("{error} ({})", status.as_u16()),
            };
            (Some(error.into_owned()), line)
        }
        Err(_) if is_html(body) => (None, html(status, body)),
        Err(_) => (
            None,
            format!("the server answered {status}, without CouchDB's reason"),
        ),
    }
}

/// The error for an answer that is not a valid answer of `what`: a refusal, an HTML page, a
/// truncated body or other JSON.
pub(super) fn unexpected(
    operation: Operation,
    response: &Response,
    what: &str,
    error: Option<&serde_json::Error>,
) -> Error {
    let body = &response.body;
    if !response.status.is_success() {
        let (code, line) = reason(response.status, body);
        let error = Error::new(Kind::BadAnswer, operation, line);
        return match code {
            Some(code) => error.code(&code),
            None => error.hint(NOT_COUCHDB),
        };
    }
    if is_html(body) {
        return Error::new(Kind::BadAnswer, operation, html(response.status, body))
            .hint(NOT_COUCHDB);
    }
    // CouchDB reports an error in the middle of an answer under status 200, and the JSON is then
    // invalid. A truncated answer is invalid too.
    let broke_off = error.is_some_and(|error| error.is_eof() || error.is_syntax());
    let line = if broke_off {
        format!("the answer of {what} broke off, or is damaged")
    } else {
        format!("not an answer of {what}")
    };
    Error::new(Kind::BadAnswer, operation, line).too_slow(broke_off)
}

/// Parses the JSON of an answer.
///
/// # Errors
/// [`unexpected`] if the JSON is not that of `what`.
pub(super) fn parsed<'a, T: Deserialize<'a>>(
    operation: Operation,
    response: &'a Response,
    what: &str,
) -> Result<T, Error> {
    serde_json::from_slice(&response.body)
        .map_err(|error| unexpected(operation, response, what, Some(&error)))
}

/// The JSON of an answer whose text is known to be UTF-8.
///
/// # Errors
/// [`unexpected`], where it is not that of `what`.
pub(super) fn parsed_text<'a, T: Deserialize<'a>>(
    operation: Operation,
    response: &Response,
    text: &'a str,
    what: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| unexpected(operation, response, what, Some(&error)))
}

/// The hint for an answer that CouchDB did not give.
const NOT_COUCHDB: &str =
    "is this the address of CouchDB, and does a proxy in front of it reach CouchDB?";

fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Describes an HTML page by its status and its title.
fn html(status: StatusCode, body: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(body.get(..LONGEST_REASON).unwrap_or(body));
    let title = text
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .map(|(title, _)| title.trim().chars().take(LONGEST).collect::<String>())
        .filter(|title| !title.is_empty());
    match title {
        Some(title) => format!(
            "the server answered {status} with an HTML page ({title:?}), not with CouchDB's answer"
        ),
        None => {
            format!("the server answered {status} with an HTML page, not with CouchDB's answer")
        }
    }
}

/// Whether CouchDB itself reports that something does not exist. A load balancer without a backend
/// also answers 404. That must not be read as "the database is deleted".
pub(super) fn is_not_found(response: &Response) -> bool {
    response.status == StatusCode::NOT_FOUND
        && serde_json::from_slice::<ErrorBody<'_>>(&response.body)
            .is_ok_and(|failure| failure.error == "not_found")
}

/// `_all_docs`
#[derive(serde::Deserialize)]
pub(super) struct AllDocs<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    pub(super) rows: Vec<AllDocsRow<'a>>,
}

/// `_all_docs/queries`
#[derive(serde::Deserialize)]
pub(super) struct AllDocsResults<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<AllDocs<'a>>,
}

/// One row of `_all_docs`, by range or by keys.
#[derive(serde::Deserialize)]
pub(super) struct AllDocsRow<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) value: Option<RowValue<'a>>,
    #[serde(borrow, default)]
    pub(super) doc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<Cow<'a, str>>,
}

/// The value of a row of `_all_docs`.
#[derive(serde::Deserialize)]
pub(super) struct RowValue<'a> {
    #[serde(borrow)]
    pub(super) rev: Cow<'a, str>,
    #[serde(default)]
    pub(super) deleted: bool,
}

/// The answer to `_bulk_docs`.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct BulkRows<'a>(
    #[serde(borrow, deserialize_with = "rows")] pub(super) Vec<BulkRow<'a>>,
);

/// One row of the answer to `_bulk_docs`.
#[derive(serde::Deserialize)]
pub(super) struct BulkRow<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) rev: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) error: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) reason: Option<Cow<'a, str>>,
}

/// Reads an array of [`MOST_ROWS`] rows at most.
pub(super) fn rows<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Rows<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("rows")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut rows = Vec::new();
            while let Some(row) = seq.next_element()? {
                if rows.len() == MOST_ROWS {
                    return Err(A::Error::custom("more rows than the limit"));
                }
                rows.push(row);
            }
            Ok(rows)
        }
    }
    from.deserialize_seq(Rows(PhantomData))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn reason_is_couchdbs_own_or_title_of_html_page() {
        let nodedown = br#"{"error":"nodedown","reason":"progress not possible"}"#;
        let (code, line) = reason(StatusCode::PRECONDITION_FAILED, nodedown);
        assert_eq!(code.as_deref(), Some("nodedown"));
        assert_eq!(line, "nodedown: progress not possible (412)");
        let page = b"\n<html><head><title>Bad Gateway</title></head></html>";
        let (code, line) = reason(StatusCode::BAD_GATEWAY, page);
        assert_eq!(code, None);
        assert!(
            line.contains("502 Bad Gateway with an HTML page (\"Bad Gateway\")"),
            "{line}"
        );
    }

    #[test]
    fn truncated_answer_is_retried_with_fewer_documents() {
        let of = |body: &'static str| {
            let response = Response {
                status: StatusCode::OK,
                date: None,
                body: Bytes::from(body),
            };
            let error = serde_json::from_slice::<AllDocs<'_>>(&response.body).err();
            unexpected(Operation::OPEN_DOCS, &response, "_all_docs", error.as_ref())
        };
        assert!(of(r#"{"rows":[{"id":"+1","key":"#).is_too_slow());
        let page = of("<html>It works</html>");
        assert!(!page.is_too_slow());
        assert!(
            page.to_string().contains("200 OK with an HTML page"),
            "{page}"
        );
        assert!(!of(r#"{"ok":true}"#).is_too_slow());
    }

    #[test]
    fn not_found_counts_only_from_couchdb() {
        let says = |status, body: &'static str| {
            is_not_found(&Response {
                status,
                date: None,
                body: Bytes::from(body),
            })
        };
        let missing = r#"{"error":"not_found","reason":"Database does not exist."}"#;
        assert!(says(StatusCode::NOT_FOUND, missing));
        assert!(!says(StatusCode::OK, missing));
        assert!(!says(StatusCode::NOT_FOUND, "<html>404</html>"));
        assert!(!says(StatusCode::NOT_FOUND, r#"{"message":"no route"}"#));
    }
}
