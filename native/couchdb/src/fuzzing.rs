//! Reads answers without a server (`native/lab/fuzz`).

use bytes::Bytes;

use super::error::Error;
use super::keys::found_of;
use super::request::Response;
use super::rows::{Found, FromRow, answer_of, page_rows, text_of};
use document::DatabaseName;

fn answered(body: &[u8]) -> (DatabaseName, Response) {
    let database = DatabaseName::new("numbers/+1415").unwrap_or_else(|| unreachable!());
    let response = Response {
        status: reqwest::StatusCode::OK,
        date: None,
        body: Bytes::copy_from_slice(body),
    };
    (database, response)
}

/// The rows of the page that an answer with this body is.
pub fn page_in_answer<T: FromRow>(
    body: &[u8],
    range: &document::IdRange,
    limit: usize,
) -> Result<Vec<T>, Error> {
    let (database, response) = answered(body);
    let text = text_of(&response)?;
    let answer = answer_of(&database, &response, &text)?;
    page_rows(&database, range, limit, answer, &text).map(|(rows, _)| rows)
}

/// The documents that an answer with this body holds of those that were asked for by their ids.
pub fn found_in_answer<T: FromRow>(body: &[u8], ids: &[&str]) -> Result<Vec<Found<T>>, Error> {
    let (database, response) = answered(body);
    found_of(&database, ids, &response)
}
