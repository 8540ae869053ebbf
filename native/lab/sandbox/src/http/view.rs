//! Views: rows by key, range and page, mapped or reduced; and `_info` of a design document.

use super::all_docs::queries_of;
use super::databases::sequence;
use super::options::{Freshness, RowOptions};
use super::{App, HttpAnswer, Request};
use crate::collate::collation_key;
use crate::json::{self, Json, write_string};
use crate::render;
use crate::request_error::RequestError;
use crate::store::{Database, Reader, StoreError};
use crate::views::design::{Design, Reducer};
use crate::views::engine::JsError;
use crate::views::index::{Index, IndexError, Row, Rows};
use crate::views::range::{KeyRange, Span};
use crate::views::reduce::Reduction;

impl From<IndexError> for RequestError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Store(error) => error.into(),
            IndexError::JavaScript(error) => error.into(),
        }
    }
}

impl From<JsError> for RequestError {
    fn from(error: JsError) -> Self {
        RequestError::new(500, "os_process_error", error.0)
    }
}

/// The current design document with this id.
pub(super) fn design(reader: &Reader, db: &Database, id: &str) -> Result<Design, RequestError> {
    let record = reader
        .doc(db.number, id)?
        .ok_or_else(RequestError::missing)?;
    if record.deleted {
        return Err(RequestError::deleted());
    }
    let text = format!("{{{}}}", record.body.fields);
    Ok(Design::new(
        json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)?,
    ))
}

pub(super) fn info(
    app: &App,
    request: &Request,
    db: &Database,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    if request.method() != "GET" {
        return Err(RequestError::methods("GET"));
    }
    let reader = app.store.reader()?;
    let design = design(&reader, db, id)?;
    let seq = app
        .indexes
        .with(&reader, db, &design, false, Index::update_seq)?;
    let view_index = Json::object([
        ("signature", Json::str(design.signature.as_str())),
        ("language", Json::str("javascript")),
        ("update_seq", Json::int(seq)),
        ("updater_running", Json::Bool(false)),
        ("compact_running", Json::Bool(false)),
        ("waiting_clients", Json::int(0)),
        ("waiting_commit", Json::Bool(false)),
    ]);
    let body = Json::object([
        ("name", Json::str(id.trim_start_matches("_design/"))),
        ("view_index", view_index),
    ]);
    Ok(HttpAnswer::json(200, &body))
}

/// `…/_view/name`, and `…/_view/name/queries`.
pub(super) fn view(
    app: &App,
    request: &Request,
    db: &Database,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    let reader = app.store.reader()?;
    let design = design(&reader, db, id)?;
    let name = request.part(4);
    if name.is_empty() || !matches!(request.method(), "GET" | "POST") {
        return Err(RequestError::methods("GET,POST,HEAD"));
    }
    if !design.is_javascript {
        return Err(RequestError::new(
            500,
            "unknown_query_language",
            "the sandbox knows JavaScript only",
        ));
    }
    let (number, definition) = design
        .view(name)
        .ok_or_else(|| RequestError::not_found("missing_named_view"))?;
    let asking = ViewQuery {
        app,
        reader: &reader,
        db,
        design: &design,
        view: number,
        reducer: definition.reduce.as_ref(),
    };
    if request.part(5) == "queries" {
        let body = request.json_object()?;
        let mut answers = Vec::new();
        for query in queries_of(&body)? {
            let options = RowOptions::of_body(query, "member")?.with_query(request)?;
            answers.push(asking.answer(&options)?);
        }
        let answers = answers.join(",");
        return Ok(HttpAnswer::text(
            200,
            format!("{{\"results\":[{answers}]}}"),
        ));
    }
    let options = match request.method() {
        "POST" => RowOptions::of_body(&request.json_object()?, "member")?,
        _ => RowOptions::default(),
    };
    let options = options.with_query(request)?;
    Ok(HttpAnswer::text(200, asking.answer(&options)?))
}

struct ViewQuery<'a> {
    app: &'a App,
    reader: &'a Reader,
    db: &'a Database,
    design: &'a Design,
    view: usize,
    reducer: Option<&'a Reducer>,
}

impl ViewQuery<'_> {
    fn answer(&self, options: &RowOptions) -> Result<String, RequestError> {
        let reducer = match self.reducer {
            None => {
                options.refuse_reduction()?;
                None
            }
            Some(_) if options.reduce == Some(false) => None,
            reducer => reducer,
        };
        if reducer.is_some() && options.include_docs {
            return Err(RequestError::query_parse(
                "`include_docs` is invalid for reduce",
            ));
        }
        if range(options).is_reversed() {
            return Err(RequestError::query_parse(
                "No rows can match your key range, reverse your start_key and end_key or set \
                 descending=true",
            ));
        }
        let fresh = options.freshness == Freshness::Update;
        let answer = self.with_index(fresh, |index| match reducer {
            Some(reducer) => self.reduced(index.rows(self.view), reducer, options),
            None => self.mapped(index, options),
        })?;
        if options.freshness == Freshness::UpdateAfterwards {
            self.with_index(true, |_| Ok(()))?;
        }
        Ok(answer)
    }

    fn with_index<T>(
        &self,
        up_to_date: bool,
        work: impl FnOnce(&Index) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let indexes = &self.app.indexes;
        indexes.with(self.reader, self.db, self.design, up_to_date, work)?
    }

    fn mapped(&self, index: &Index, options: &RowOptions) -> Result<String, RequestError> {
        let rows = index.rows(self.view);
        let spans = spans(options);
        let before = spans.first().map_or(0, |span| span.offset(rows));
        let offset = before.saturating_add(options.skip()).min(rows.len());
        let mut out = format!("{{\"total_rows\":{},\"offset\":{offset}", rows.len());
        if options.update_seq {
            out.push_str(",\"update_seq\":");
            sequence(self.db.number, index.update_seq()).write(&mut out);
        }
        out.push_str(",\"rows\":[");
        let wanted = spans
            .iter()
            .flat_map(|span| span.rows(rows))
            .skip(options.skip())
            .take(options.limit());
        for (count, row) in wanted.enumerate() {
            if count > 0 {
                out.push(',');
            }
            self.push_row(&mut out, row, options)?;
        }
        out.push_str("]}");
        Ok(out)
    }

    fn push_row(
        &self,
        out: &mut String,
        row: &Row,
        options: &RowOptions,
    ) -> Result<(), RequestError> {
        out.push_str("{\"id\":");
        write_string(out, &row.id);
        out.push_str(",\"key\":");
        out.push_str(&row.key);
        out.push_str(",\"value\":");
        out.push_str(&row.value);
        if options.include_docs {
            out.push_str(",\"doc\":");
            match self.document(row, options)? {
                Some(document) => out.push_str(&document),
                None => out.push_str("null"),
            }
        }
        out.push('}');
        Ok(())
    }

    /// The document that the row's value names by `_id`, else the row's own document.
    fn document(&self, row: &Row, options: &RowOptions) -> Result<Option<String>, StoreError> {
        let db = self.db.number;
        if row.value.starts_with('{') {
            let value = json::parse(row.value.as_bytes()).map_err(|_| StoreError::Damaged)?;
            match value.get("_id") {
                Some(Json::String(id)) => {
                    return render::live_document(self.reader, db, id, options.doc);
                }
                Some(_) => return Ok(None),
                None => {}
            }
        }
        render::live_document(self.reader, db, &row.id, options.doc)
    }

    fn reduced(
        &self,
        rows: &Rows,
        reducer: &Reducer,
        options: &RowOptions,
    ) -> Result<String, RequestError> {
        let level = match options.group_level {
            Some(level) => usize::try_from(level).unwrap_or(usize::MAX),
            None if options.group => usize::MAX,
            None => 0,
        };
        if options.keys.as_ref().is_some_and(|keys| keys.len() > 1) && level != usize::MAX {
            return Err(RequestError::query_parse(
                "Multi-key fetches for reduce views must use `group=true`",
            ));
        }
        let reduction = Reduction::new(self.design, reducer)?;
        let mut groups: Vec<(Json, Vec<&Row>)> = Vec::new();
        for span in spans(options) {
            let mut current: Option<Vec<u8>> = None;
            for row in span.rows(rows) {
                let key = group_key(&row.key, level);
                let place = collation_key(&key);
                match groups.last_mut() {
                    Some((_, group)) if current.as_ref() == Some(&place) => group.push(row),
                    _ => groups.push((key, vec![row])),
                }
                current = Some(place);
            }
        }
        let mut out = String::from("{\"rows\":[");
        let wanted = groups.iter().skip(options.skip()).take(options.limit());
        for (count, (key, group)) in wanted.enumerate() {
            if count > 0 {
                out.push(',');
            }
            out.push_str("{\"key\":");
            key.write(&mut out);
            out.push_str(",\"value\":");
            reduction.reduce(group)?.write(&mut out);
            out.push('}');
        }
        out.push_str("]}");
        Ok(out)
    }
}

/// The part of a key that rows are grouped by.
fn group_key(key: &str, level: usize) -> Json {
    if level == 0 {
        return Json::Null;
    }
    match json::parse(key.as_bytes()).unwrap_or(Json::Null) {
        Json::Array(mut parts) => {
            parts.truncate(level);
            Json::Array(parts)
        }
        whole => whole,
    }
}

fn range(options: &RowOptions) -> KeyRange<'_> {
    KeyRange {
        start: options.start.as_ref(),
        start_doc: options.start_doc.as_deref(),
        end: options.end.as_ref(),
        end_doc: options.end_doc.as_deref(),
        inclusive_end: options.inclusive_end,
        descending: options.descending,
    }
}

/// One span, or one for each key.
fn spans(options: &RowOptions) -> Vec<Span> {
    let Some(keys) = &options.keys else {
        return vec![range(options).span()];
    };
    let mut keys: Vec<&Json> = keys.iter().collect();
    if options.descending {
        keys.reverse();
    }
    keys.into_iter()
        .map(|key| {
            KeyRange {
                start: Some(key),
                end: Some(key),
                inclusive_end: true,
                ..range(options)
            }
            .span()
        })
        .collect()
}
