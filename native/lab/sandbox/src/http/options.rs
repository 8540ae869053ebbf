//! The common options of `_all_docs`, views and `_all_dbs`.

use super::Request;
use crate::json::{self, Json};
use crate::render::DocOptions;
use crate::request_error::RequestError;

/// Whether a view is updated before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Freshness {
    #[default]
    Update,
    AsItIs,
    UpdateAfterwards,
}

#[derive(Debug, Clone)]
pub(crate) struct RowOptions {
    pub(crate) keys: Option<Vec<Json>>,
    pub(crate) start: Option<Json>,
    pub(crate) end: Option<Json>,
    pub(crate) start_doc: Option<String>,
    pub(crate) end_doc: Option<String>,
    limit: Option<u64>,
    skip: u64,
    pub(crate) descending: bool,
    pub(crate) inclusive_end: bool,
    pub(crate) include_docs: bool,
    pub(crate) update_seq: bool,
    pub(crate) reduce: Option<bool>,
    pub(crate) group: bool,
    pub(crate) group_level: Option<u64>,
    pub(crate) freshness: Freshness,
    pub(crate) doc: DocOptions,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            keys: None,
            start: None,
            end: None,
            start_doc: None,
            end_doc: None,
            limit: None,
            skip: 0,
            descending: false,
            inclusive_end: true,
            include_docs: false,
            update_seq: false,
            reduce: None,
            group: false,
            group_level: None,
            freshness: Freshness::default(),
            doc: DocOptions::default(),
        }
    }
}

/// A value in a query string or a body.
#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Json(&'a Json),
}

impl Value<'_> {
    fn json(self) -> Result<Json, RequestError> {
        match self {
            Value::Text(text) => Ok(json::parse(text.as_bytes())?),
            Value::Json(value) => Ok(value.clone()),
        }
    }

    fn shown(self) -> String {
        match self {
            // CouchDB prints an empty text as Erlang does.
            Value::Text("") => "[]".to_owned(),
            Value::Text(text) => Json::str(text).to_text(),
            Value::Json(value) => value.to_text(),
        }
    }

    fn text(self) -> String {
        match self {
            Value::Text(text) => text.to_owned(),
            Value::Json(Json::String(text)) => text.clone(),
            Value::Json(value) => value.to_text(),
        }
    }

    fn boolean(self) -> Result<bool, RequestError> {
        match self {
            Value::Text("true") | Value::Json(Json::Bool(true)) => Ok(true),
            Value::Text("false") | Value::Json(Json::Bool(false)) => Ok(false),
            _ => Err(RequestError::query_parse(format!(
                "Invalid boolean parameter: {}",
                self.shown()
            ))),
        }
    }

    fn count(self) -> Result<u64, RequestError> {
        let number: i64 = self.text().parse().map_err(|_| {
            RequestError::query_parse(format!("Invalid value for integer: {}", self.shown()))
        })?;
        u64::try_from(number).map_err(|_| {
            RequestError::query_parse(format!("Invalid value for positive integer: \"{number}\""))
        })
    }
}

impl RowOptions {
    pub(crate) fn of_query(request: &Request) -> Result<Self, RequestError> {
        Self::default().with_query(request)
    }

    /// Options in a body. `what` is the name of `keys` in the error for a value that is not a list.
    pub(crate) fn of_body(body: &Json, what: &str) -> Result<Self, RequestError> {
        let mut options = Self::default();
        for (name, value) in body.as_object().unwrap_or_default() {
            if name == "keys" && value.as_array().is_none() {
                return Err(RequestError::bad_request(format!(
                    "`keys` {what} must be an array."
                )));
            }
            options.set(name, Value::Json(value))?;
        }
        Ok(options)
    }

    /// Applies the query string, which takes precedence over the body.
    pub(crate) fn with_query(mut self, request: &Request) -> Result<Self, RequestError> {
        for (name, value) in &request.query {
            self.set(name, Value::Text(value))?;
        }
        self.check_keys()?;
        Ok(self)
    }

    pub(crate) fn check_keys(&self) -> Result<(), RequestError> {
        if self.keys.is_some() && (self.start.is_some() || self.end.is_some()) {
            return Err(RequestError::query_parse(
                "`keys` is incompatible with `key`, `start_key` and `end_key`",
            ));
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), RequestError> {
        match name {
            "key" => {
                self.start = Some(value.json()?);
                self.end = self.start.clone();
            }
            "keys" => match value.json()? {
                Json::Array(keys) => self.keys = Some(keys),
                _ => {
                    return Err(RequestError::bad_request(
                        "`keys` parameter must be an array.",
                    ));
                }
            },
            "startkey" | "start_key" => self.start = Some(value.json()?),
            "endkey" | "end_key" => self.end = Some(value.json()?),
            "startkey_docid" | "start_key_doc_id" => self.start_doc = Some(value.text()),
            "endkey_docid" | "end_key_doc_id" => self.end_doc = Some(value.text()),
            "limit" => self.limit = Some(value.count()?),
            "skip" => self.skip = value.count()?,
            "descending" => self.descending = value.boolean()?,
            "inclusive_end" => self.inclusive_end = value.boolean()?,
            "include_docs" => self.include_docs = value.boolean()?,
            "conflicts" => self.doc.conflicts = value.boolean()?,
            "attachments" => self.doc.attachments = value.boolean()?,
            "update_seq" => self.update_seq = value.boolean()?,
            "reduce" => self.reduce = Some(value.boolean()?),
            "group" => self.group = value.boolean()?,
            "group_level" => self.group_level = Some(value.count()?),
            "stale" => {
                self.freshness = match value.text().as_str() {
                    "ok" => Freshness::AsItIs,
                    "update_after" => Freshness::UpdateAfterwards,
                    _ => return Err(RequestError::query_parse("Invalid value for `stale`.")),
                }
            }
            "update" => {
                self.freshness = match value.text().as_str() {
                    "true" => Freshness::Update,
                    "false" => Freshness::AsItIs,
                    "lazy" => Freshness::UpdateAfterwards,
                    _ => return Err(RequestError::query_parse("Invalid value for `update`.")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn skip(&self) -> usize {
        usize::try_from(self.skip).unwrap_or(usize::MAX)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX)
    }

    /// Refuses reduce options where there is no reduce function.
    pub(crate) fn refuse_reduction(&self) -> Result<(), RequestError> {
        if self.reduce == Some(true) {
            return Err(RequestError::query_parse(
                "Reduce is invalid for map-only views.",
            ));
        }
        if self.group || self.group_level.is_some() {
            return Err(RequestError::query_parse(
                "Invalid use of grouping on a map view.",
            ));
        }
        Ok(())
    }
}
