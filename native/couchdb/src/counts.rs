//! The rows of reduced views, without reading documents.

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{parsed, rows};
use super::error::{Error, Operation};
use super::request::Request;
use super::server::Server;
use document::DatabaseName;

/// The answer of a reduced view.
#[derive(Deserialize)]
struct Reduced<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    rows: Vec<ReducedRow<'a>>,
}

#[derive(Deserialize)]
struct ReducedRow<'a> {
    #[serde(borrow)]
    key: &'a RawValue,
    value: u64,
}

impl Server {
    /// Returns the number of rows of each key of a view that is reduced with `_count`. A key is
    /// JSON text. The request is sent without retries: the view can be missing or a custom one.
    pub async fn grouped_counts(
        &self,
        database: &DatabaseName,
        design: &str,
        view: &str,
    ) -> Result<Vec<(Box<str>, u64)>, Error> {
        let path = format!("/_design/{design}/_view/{view}");
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, &path)
            .of(database)
            .query("group=true");
        let response = self.send(&request).await?;
        let reduced: Reduced<'_> = parsed(Operation::OPEN_DOCS, &response, "a reduced view")
            .map_err(|error| error.in_database(database))?;
        Ok(reduced
            .rows
            .into_iter()
            .map(|row| (row.key.get().into(), row.value))
            .collect())
    }
}
