//! What CouchDB's answers look like.

use std::borrow::Cow;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::Response;

/// `{"error": …, "reason": …}`
#[derive(Deserialize)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    pub(super) error: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) reason: Option<Cow<'a, str>>,
}

/// A failed answer in words.
pub(super) fn reason(status: StatusCode, body: &[u8]) -> String {
    match serde_json::from_slice::<Failure<'_>>(body) {
        Ok(failure) => format!(
            "{}: {}",
            status.as_u16(),
            failure.reason.unwrap_or(failure.error)
        ),
        Err(_) => status.to_string(),
    }
}

/// Whether CouchDB itself says that something is not there. A load balancer that finds no server
/// says 404 too, and must not make anybody believe that a database is gone.
pub(super) fn is_not_found(response: &Response) -> bool {
    response.status == StatusCode::NOT_FOUND
        && serde_json::from_slice::<Failure<'_>>(&response.body)
            .is_ok_and(|failure| failure.error == "not_found")
}

/// `_all_docs`
#[derive(Deserialize)]
pub(super) struct AllDocs<'a> {
    #[serde(borrow)]
    pub(super) rows: Vec<AllDocsRow<'a>>,
}

/// `_all_docs/queries`
#[derive(Deserialize)]
pub(super) struct Results<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<AllDocs<'a>>,
}

/// One row of `_all_docs`, by range or by keys.
#[derive(Deserialize)]
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
#[derive(Deserialize)]
pub(super) struct RowValue<'a> {
    #[serde(borrow)]
    pub(super) rev: Cow<'a, str>,
    #[serde(default)]
    pub(super) deleted: bool,
}

/// One row of the answer to `_bulk_docs`.
#[derive(Deserialize)]
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn only_couchdb_says_what_is_not_there() {
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
