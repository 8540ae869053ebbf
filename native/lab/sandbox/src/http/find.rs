//! `_find`, and the indexes for it.
//!
//! Every query scans all documents. An index is stored as a design document, as in CouchDB, and
//! only decides which sort orders are allowed.

use super::{App, HttpAnswer, Request, documents};
use crate::auth::User;
use crate::collate::collation_key;
use crate::document::DESIGN;
use crate::find::{Direction, Projection, Selector, SortField, lookup};
use crate::json::{self, Json};
use crate::render;
use crate::request_error::RequestError;
use crate::store::{Database, Reader, StoreError};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use std::ops::Bound;

const DEFAULT_LIMIT: u64 = 25;
const BOOKMARK: &str = "after-";
const NO_BOOKMARK: &str = "nil";
const WARNING: &str = "No matching index found, create an index to optimize query time.";

struct FindQuery {
    selector: Selector,
    projection: Projection,
    sort: Vec<SortField>,
    limit: usize,
    skip: usize,
    /// The number of matching documents in earlier pages.
    seen: usize,
    statistics: bool,
}

fn invalid_number(value: &Json) -> RequestError {
    RequestError::new(
        400,
        "invalid_non_neg_integer",
        format!(
            "{} is not an integer greater than or equal to zero",
            value.to_text()
        ),
    )
}

fn number(body: &Json, name: &str, default: u64) -> Result<usize, RequestError> {
    let number = match body.get(name) {
        None => default,
        Some(value) => value.as_u64().ok_or_else(|| invalid_number(value))?,
    };
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

impl FindQuery {
    fn parse(body: &Json) -> Result<Self, RequestError> {
        const KNOWN: [&str; 12] = [
            "selector",
            "fields",
            "sort",
            "limit",
            "skip",
            "bookmark",
            "use_index",
            "r",
            "conflicts",
            "update",
            "stable",
            "execution_stats",
        ];
        for (name, _) in body.as_object().unwrap_or_default() {
            if !KNOWN.contains(&name.as_str()) && name != "stale" && name != "allow_fallback" {
                return Err(RequestError::new(
                    400,
                    "invalid_key",
                    format!("Invalid key {name} for this request."),
                ));
            }
        }
        let selector = body.get("selector").ok_or_else(|| {
            RequestError::new(
                400,
                "missing_required_key",
                "Missing required key: selector",
            )
        })?;
        let sort = body.get("sort");
        Ok(Self {
            selector: Selector::parse(selector)?,
            projection: Projection::parse(body.get("fields"))?,
            sort: sort.map_or(Ok(Vec::new()), SortField::parse_all)?,
            limit: number(body, "limit", DEFAULT_LIMIT)?,
            skip: number(body, "skip", 0)?,
            seen: seen(body.get("bookmark"))?,
            statistics: body.get("execution_stats").is_some_and(Json::is_true),
        })
    }
}

/// The position of a bookmark.
fn seen(bookmark: Option<&Json>) -> Result<usize, RequestError> {
    let text = match bookmark {
        None | Some(Json::Null) => return Ok(0),
        Some(bookmark) => bookmark.as_str().unwrap_or_default(),
    };
    if text.is_empty() || text == NO_BOOKMARK {
        return Ok(0);
    }
    text.strip_prefix(BOOKMARK)
        .and_then(|seen| seen.parse().ok())
        .ok_or_else(|| {
            RequestError::new(
                400,
                "invalid_bookmark",
                format!("Invalid bookmark value: \"{text}\""),
            )
        })
}

pub(super) fn find(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    if request.method() != "POST" {
        return Err(RequestError::methods("POST"));
    }
    let query = FindQuery::parse(&request.json_object()?)?;
    let reader = app.store.reader()?;
    let index = indexes(&reader, db)?
        .into_iter()
        .find(|index| index.serves(&query));
    let by_id = query.sort.iter().all(|field| field.path == "_id") && query.selector.demands("_id");
    if !query.sort.is_empty() && !by_id && index.is_none() {
        return Err(RequestError::new(
            400,
            "no_usable_index",
            "No index exists for this sort, try indexing by the sort fields.",
        ));
    }
    let (mut found, examined) = matching(&reader, db, &query.selector)?;
    let results = found.len();
    let sort = match (&index, query.sort.is_empty()) {
        (Some(index), true) => &index.fields,
        _ => &query.sort,
    };
    sort_documents(&mut found, sort);
    let start = query.seen.saturating_add(query.skip);
    let page: Vec<String> = found
        .into_iter()
        .skip(start)
        .take(query.limit)
        .map(|(text, document)| {
            if query.projection.is_everything() {
                text
            } else {
                query.projection.of(&document).to_text()
            }
        })
        .collect();
    let bookmark = if page.is_empty() {
        NO_BOOKMARK.to_owned()
    } else {
        format!("{BOOKMARK}{}", start + page.len())
    };
    let mut out = format!(
        "{{\"docs\":[{}],\"bookmark\":\"{bookmark}\"",
        page.join(",")
    );
    if query.statistics {
        out.push_str(&format!(
            ",\"execution_stats\":{{\"total_keys_examined\":0,\"total_docs_examined\":{examined},\
             \"total_quorum_docs_examined\":0,\"results_returned\":{},\"execution_time_ms\":0.0}}",
            results.saturating_sub(start).min(query.limit)
        ));
    }
    if index.is_none() {
        out.push_str(&format!(",\"warning\":\"{WARNING}\""));
    }
    out.push('}');
    Ok(HttpAnswer::text(200, out))
}

type Matches = Vec<(String, Json)>;

/// The matching documents as text and value, and the number of scanned ones.
fn matching(
    reader: &Reader,
    db: &Database,
    selector: &Selector,
) -> Result<(Matches, usize), StoreError> {
    let mut found = Vec::new();
    let mut examined = 0;
    for row in reader.docs(db.number, (Bound::Unbounded, Bound::Unbounded))? {
        let row = row?;
        let doc = row.view()?;
        if doc.deleted || row.id().starts_with(DESIGN) {
            continue;
        }
        examined += 1;
        let mut text = String::new();
        render::write_plain(&mut text, row.id(), doc.rev, false, doc.fields, doc.stubs);
        let document = json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)?;
        if selector.matches(&document) {
            found.push((text, document));
        }
    }
    Ok((found, examined))
}

fn sort_documents(found: &mut Matches, sort: &[SortField]) {
    let Some(first) = sort.first() else {
        return;
    };
    let key = |document: &Json| {
        let values = sort.iter().map(|field| lookup(document, &field.path));
        let values = values.map(|value| value.cloned().unwrap_or(Json::Null));
        collation_key(&Json::Array(values.collect()))
    };
    found.sort_by_cached_key(|(_, document)| key(document));
    // CouchDB reads an index in one direction only.
    if first.direction == Direction::Descending {
        found.reverse();
    }
}

/// An index that a client created.
struct JsonIndex {
    design: String,
    name: String,
    fields: Vec<SortField>,
}

impl JsonIndex {
    fn serves(&self, query: &FindQuery) -> bool {
        let names = |fields: &[SortField]| -> Vec<String> {
            fields.iter().map(|field| field.path.clone()).collect()
        };
        let sorted_alike =
            query.sort.is_empty() || names(&self.fields).starts_with(&names(&query.sort));
        sorted_alike
            && self
                .fields
                .iter()
                .all(|field| query.selector.demands(&field.path))
    }

    fn definition(fields: &[SortField]) -> Json {
        let fields = fields.iter().map(|field| {
            let direction = match field.direction {
                Direction::Ascending => "asc",
                Direction::Descending => "desc",
            };
            Json::Object(vec![(field.path.clone(), Json::str(direction))])
        });
        Json::object([("fields", Json::Array(fields.collect()))])
    }

    fn to_json(&self) -> Json {
        Json::object([
            ("ddoc", Json::str(self.design.as_str())),
            ("name", Json::str(self.name.as_str())),
            ("type", Json::str("json")),
            ("partitioned", Json::Bool(false)),
            ("def", Self::definition(&self.fields)),
        ])
    }
}

fn indexes(reader: &Reader, db: &Database) -> Result<Vec<JsonIndex>, RequestError> {
    let mut indexes = Vec::new();
    let designs = (Bound::Included(DESIGN), Bound::Excluded("_design0"));
    for row in reader.docs(db.number, designs)? {
        let row = row.map_err(StoreError::from)?;
        let doc = row.view()?;
        if doc.deleted || !doc.fields.contains("\"language\":\"query\"") {
            continue;
        }
        let document = json::parse(format!("{{{}}}", doc.fields).as_bytes())?;
        let views = document.get("views").and_then(Json::as_object);
        for (name, view) in views.unwrap_or_default() {
            let definition = view.get("options").and_then(|options| options.get("def"));
            if let Some(fields) = definition.and_then(|definition| definition.get("fields")) {
                indexes.push(JsonIndex {
                    design: row.id().to_owned(),
                    name: name.clone(),
                    fields: SortField::parse_all(fields)?,
                });
            }
        }
    }
    Ok(indexes)
}

/// `_index`: list, create, delete.
pub(super) fn index(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    match (request.method(), request.path.len()) {
        ("GET", 2) => list(&app.store.reader()?, db),
        ("POST", 2) => make(app, request, db, user),
        ("DELETE", 5..) => remove(app, request, db, user),
        (_, 2) => Err(RequestError::methods("GET,POST")),
        _ => Err(RequestError::methods("DELETE")),
    }
}

fn list(reader: &Reader, db: &Database) -> Result<HttpAnswer, RequestError> {
    let special = Json::object([
        ("ddoc", Json::Null),
        ("name", Json::str("_all_docs")),
        ("type", Json::str("special")),
        (
            "def",
            JsonIndex::definition(&[SortField {
                path: "_id".to_owned(),
                direction: Direction::Ascending,
            }]),
        ),
    ]);
    let mut rows = vec![special];
    rows.extend(indexes(reader, db)?.iter().map(JsonIndex::to_json));
    let body = Json::object([
        ("total_rows", Json::int(rows.len() as u64)),
        ("indexes", Json::Array(rows)),
    ]);
    Ok(HttpAnswer::json(200, &body))
}

fn make(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let body = request.json_object()?;
    let fields = body
        .get("index")
        .and_then(|index| index.get("fields"))
        .ok_or_else(|| {
            RequestError::new(400, "missing_required_key", "Missing required key: index")
        })?;
    let fields = SortField::parse_all(fields)?;
    let definition = JsonIndex::definition(&fields);
    let hash = HEXLOWER.encode(&Md5::digest(definition.to_text()));
    let text = |field| body.get(field).and_then(Json::as_str);
    let name = text("name").unwrap_or(&hash);
    let design = text("ddoc").unwrap_or(&hash).trim_start_matches(DESIGN);
    let id = format!("{DESIGN}{design}");
    let answer = |result| {
        let body = Json::object([
            ("result", Json::str(result)),
            ("id", Json::str(id.as_str())),
            ("name", Json::str(name)),
        ]);
        Ok(HttpAnswer::json(200, &body))
    };
    let existing = indexes(&app.store.reader()?, db)?;
    if existing
        .iter()
        .any(|index| index.design == id && index.name == name && index.fields == fields)
    {
        return answer("exists");
    }
    let map = Json::object([("fields", map_fields(&definition))]);
    let options = Json::object([("def", definition)]);
    let view = Json::object([
        ("map", map),
        ("reduce", Json::str("_count")),
        ("options", options),
    ]);
    change_views(app, db, user, &id, |views| {
        views.retain(|(other, _)| other != name);
        views.push((name.to_owned(), view));
    })?;
    answer("created")
}

/// CouchDB stores the fields of the map as an object.
fn map_fields(definition: &Json) -> Json {
    let fields = definition.get("fields").and_then(Json::as_array);
    let fields = fields.unwrap_or_default().iter();
    Json::Object(
        fields
            .filter_map(|field| field.as_object()?.first().cloned())
            .collect(),
    )
}

fn remove(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    // …/_index/_design/ddoc/json/name, or without `_design`.
    let from = if request.part(2) == "_design" { 3 } else { 2 };
    let id = format!("{DESIGN}{}", request.part(from).trim_start_matches(DESIGN));
    let name = request.part(from + 2);
    let existing = indexes(&app.store.reader()?, db)?;
    if !existing
        .iter()
        .any(|index| index.design == id && index.name == name)
    {
        return Err(RequestError::not_found("not_found"));
    }
    change_views(app, db, user, &id, |views| {
        views.retain(|(other, _)| other != name);
    })?;
    Ok(HttpAnswer::ok(200))
}

/// Changes the views of a design document with language `query`. Without views it is deleted.
fn change_views(
    app: &App,
    db: &Database,
    user: &User,
    id: &str,
    change: impl FnOnce(&mut Vec<(String, Json)>),
) -> Result<(), RequestError> {
    let record = app.store.reader()?.doc(db.number, id)?;
    let record = record.filter(|record| !record.deleted);
    let mut views = Vec::new();
    if let Some(record) = &record {
        let document = json::parse(format!("{{{}}}", record.body.fields).as_bytes())?;
        if let Some(Json::Object(fields)) = document.get("views") {
            views.clone_from(fields);
        }
    }
    change(&mut views);
    let mut document = vec![("_id".to_owned(), Json::str(id))];
    if let Some(record) = &record {
        document.push(("_rev".to_owned(), Json::String(record.rev.to_string())));
    }
    if views.is_empty() {
        document.push(("_deleted".to_owned(), Json::Bool(true)));
    } else {
        document.push(("language".to_owned(), Json::str("query")));
        document.push(("views".to_owned(), Json::Object(views)));
    }
    let edit = documents::read_edit(db, Json::Object(document))?;
    documents::write(app, db, user, edit, true)?;
    Ok(())
}
