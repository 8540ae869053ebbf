//! `_changes`: the changes after a sequence, and waiting for changes.

use super::databases::{number_in_sequence, sequence};
use super::{App, HttpAnswer, Request, view};
use crate::find::Selector;
use crate::json::{self, Json, write_string};
use crate::render::{self, DocOptions};
use crate::request_error::RequestError;
use crate::store::{Database, DocRecord, Reader, StoreError};
use crate::views::engine::Engine;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a request may wait, and its start sequence if `since` is `now`.
#[derive(Debug)]
pub(super) struct LongPoll {
    until: Option<Instant>,
    now: OnceLock<u64>,
}

impl LongPoll {
    pub(super) fn new(request: &Request) -> Self {
        let polls = request.part(1) == "_changes" && request.query("feed") == Some("longpoll");
        let timeout = request
            .query("timeout")
            .and_then(|text| text.parse().ok())
            .map_or(DEFAULT_TIMEOUT, Duration::from_millis)
            .min(DEFAULT_TIMEOUT);
        Self {
            until: polls.then(|| Instant::now() + timeout),
            now: OnceLock::new(),
        }
    }

    pub(super) fn left(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }
}

struct ChangesOptions {
    since: u64,
    limit: usize,
    descending: bool,
    all_leaves: bool,
    include_docs: bool,
    doc: DocOptions,
    filter: Filter,
}

/// A filter of changes.
enum Filter {
    All,
    Ids(Vec<String>),
    Designs,
    Selected(Selector),
    /// A filter function of a design document, and the request for it.
    Function(Engine, Json),
    /// A map function. A change passes if it emits a row.
    View(Engine),
}

const FUNCTION: &str = "filter";

impl Filter {
    fn passes(&self, id: &str, record: &DocRecord) -> Result<bool, RequestError> {
        Ok(match self {
            Filter::All => true,
            Filter::Ids(ids) => ids.iter().any(|wanted| wanted == id),
            Filter::Designs => id.starts_with("_design/"),
            Filter::Selected(selector) => selector.matches(&document(id, record)?),
            Filter::Function(engine, seen) => {
                let arguments = vec![document(id, record)?, seen.clone()];
                engine.result(FUNCTION, &Json::Array(arguments))?.is_true()
            }
            Filter::View(engine) => {
                let document = document(id, record)?.to_text();
                !record.deleted
                    && engine
                        .map(1, &document)?
                        .iter()
                        .any(|rows| !rows.is_empty())
            }
        })
    }
}

fn document(id: &str, record: &DocRecord) -> Result<Json, StoreError> {
    let mut text = String::new();
    let (rev, body) = (record.rev.to_string(), &record.body);
    render::write_plain(
        &mut text,
        id,
        &rev,
        record.deleted,
        &body.fields,
        &body.stubs,
    );
    json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)
}

pub(super) fn changes(
    app: &App,
    request: &Request,
    db: &Database,
    waiting: &LongPoll,
) -> Result<Option<HttpAnswer>, RequestError> {
    let body = match request.method() {
        "GET" => Json::Null,
        "POST" if request.body.is_empty() => Json::Null,
        "POST" => request.declared_json()?,
        _ => return Err(RequestError::methods("GET,POST,HEAD")),
    };
    check_feed(request)?;
    let reader = app.store.reader()?;
    let newest = reader.counters(db.number)?.update_seq;
    let now = *waiting.now.get_or_init(|| newest);
    let options = read_options(&reader, db, request, &body, now)?;
    let (rows, last, pending) = rows(&reader, db, &options, newest)?;
    if rows.is_empty() && !waiting.left().is_zero() {
        return Ok(None);
    }
    let last = sequence(db.number, last).to_text();
    Ok(Some(HttpAnswer::text(
        200,
        format!(
            "{{\"results\":[{}],\"last_seq\":{last},\"pending\":{pending}}}",
            rows.join(",")
        ),
    )))
}

fn check_feed(request: &Request) -> Result<(), RequestError> {
    match request.query("feed") {
        None | Some("normal" | "longpoll") => {}
        Some("continuous" | "live" | "eventsource") => {
            return Err(RequestError::new(
                501,
                "not_implemented",
                "The sandbox has no continuous feed.",
            ));
        }
        Some(_) => {
            return Err(RequestError::bad_request(
                "Supported `feed` types: normal, continuous, live, longpoll, eventsource",
            ));
        }
    }
    let heartbeat = request.query("heartbeat").unwrap_or("true");
    if heartbeat != "true" && !heartbeat.parse::<u64>().is_ok_and(|time| time > 0) {
        return Err(RequestError::bad_request(
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        ));
    }
    Ok(())
}

fn read_options(
    reader: &Reader,
    db: &Database,
    request: &Request,
    body: &Json,
    now: u64,
) -> Result<ChangesOptions, RequestError> {
    let since = match request.query("since") {
        None => 0,
        Some("now") => now,
        Some(text) => number_in_sequence(db.number, text.trim_matches('"')).ok_or_else(|| {
            RequestError::bad_request("Malformed sequence supplied in 'since' parameter.")
        })?,
    };
    let limit = match request.query("limit") {
        None => usize::MAX,
        Some(text) => text.parse().map_err(|_| {
            RequestError::query_parse(format!("Invalid value for integer: \"{text}\""))
        })?,
    };
    Ok(ChangesOptions {
        since,
        limit,
        descending: request.asks("descending"),
        all_leaves: request.query("style") == Some("all_docs"),
        include_docs: request.asks("include_docs"),
        doc: DocOptions {
            conflicts: request.asks("conflicts"),
            attachments: request.asks("attachments"),
            ..DocOptions::default()
        },
        filter: filter(reader, db, request, body)?,
    })
}

fn filter(
    reader: &Reader,
    db: &Database,
    request: &Request,
    body: &Json,
) -> Result<Filter, RequestError> {
    match request.query("filter") {
        None => Ok(Filter::All),
        Some("_design") => Ok(Filter::Designs),
        Some("_doc_ids") => {
            let ids = match (body, request.query("doc_ids")) {
                (Json::Null, Some(text)) => Some(json::parse(text.as_bytes())?),
                _ => body.get("doc_ids").cloned(),
            };
            let ids = ids.as_ref().and_then(Json::as_array).ok_or_else(|| {
                RequestError::bad_request("`doc_ids` filter parameter is not a list of doc ids.")
            })?;
            let ids = ids.iter().filter_map(|id| id.as_str().map(str::to_owned));
            Ok(Filter::Ids(ids.collect()))
        }
        Some("_selector") => {
            let selector = body.get("selector").filter(|it| it.as_object().is_some());
            let selector = selector.ok_or_else(|| {
                RequestError::bad_request("Selector error: expected a JSON object")
            })?;
            Ok(Filter::Selected(Selector::parse(selector)?))
        }
        Some("_view") => {
            let (design, name) = parse_filter_name(request.query("view"), "view")?;
            let design = view::design(reader, db, &design)?;
            let (_, view) = design.view(name).ok_or_else(|| no_function(name))?;
            let engine = Engine::new()?;
            engine.set_library(&design.document)?;
            engine.define("m0", &view.map)?;
            Ok(Filter::View(engine))
        }
        filter => {
            let (design, name) = parse_filter_name(filter, "filter")?;
            let design = view::design(reader, db, &design)?;
            let filters = design.document.get("filters");
            let source = filters.and_then(|all| all.get(name)).and_then(Json::as_str);
            let engine = Engine::new()?;
            engine.set_library(&design.document)?;
            engine.define(FUNCTION, source.ok_or_else(|| no_function(name))?)?;
            Ok(Filter::Function(engine, filter_request(request)))
        }
    }
}

fn no_function(name: &str) -> RequestError {
    RequestError::not_found(format!("missing json key: {name}"))
}

/// The design document and the function in `design/function`.
fn parse_filter_name<'a>(
    text: Option<&'a str>,
    kind: &str,
) -> Result<(String, &'a str), RequestError> {
    let (design, function) = text.and_then(|text| text.split_once('/')).ok_or_else(|| {
        RequestError::bad_request(format!(
            "`{kind}` must be of the form `designname/{kind}name`"
        ))
    })?;
    Ok((format!("_design/{design}"), function))
}

/// The request in the form for a filter function.
fn filter_request(request: &Request) -> Json {
    let query = request.query.iter();
    let query = query.map(|(name, value)| (name.clone(), Json::str(value.as_str())));
    Json::object([
        ("method", Json::str(request.method())),
        ("query", Json::Object(query.collect())),
    ])
}

type ChangeRows = (Vec<String>, u64, usize);

/// The rows, the next sequence, and the number of pending changes.
fn rows(
    reader: &Reader,
    db: &Database,
    options: &ChangesOptions,
    newest: u64,
) -> Result<ChangeRows, RequestError> {
    let mut found = Vec::new();
    let mut last = if options.descending {
        options.since
    } else {
        newest
    };
    let mut pending = 0;
    let changes = reader.changes(db.number, options.since)?;
    let changes: Box<dyn Iterator<Item = _>> = if options.descending {
        Box::new(changes.rev())
    } else {
        Box::new(changes)
    };
    if options.limit == 0 {
        return Ok((found, options.since, changes.count()));
    }
    for change in changes {
        let (seq, id) = change?;
        if found.len() == options.limit {
            pending += 1;
            continue;
        }
        let Some(record) = reader.doc(db.number, &id)? else {
            continue;
        };
        if options.filter.passes(&id, &record)? {
            found.push(row(reader, db, options, seq, &id, &record)?);
            if found.len() == options.limit {
                last = seq;
            }
        }
    }
    Ok((found, last, pending))
}

fn row(
    reader: &Reader,
    db: &Database,
    options: &ChangesOptions,
    seq: u64,
    id: &str,
    record: &DocRecord,
) -> Result<String, RequestError> {
    let mut out = String::from("{\"seq\":");
    sequence(db.number, seq).write(&mut out);
    out.push_str(",\"id\":");
    write_string(&mut out, id);
    let revs = if options.all_leaves {
        let leaves = record.tree.leaves();
        leaves.iter().map(|leaf| leaf.rev.to_string()).collect()
    } else {
        vec![record.rev.to_string()]
    };
    let revs = revs
        .into_iter()
        .map(|rev| Json::object([("rev", Json::String(rev))]));
    out.push_str(",\"changes\":");
    Json::Array(revs.collect()).write(&mut out);
    if record.deleted {
        out.push_str(",\"deleted\":true");
    }
    if options.include_docs {
        out.push_str(",\"doc\":");
        render::write_winner(&mut out, reader, (db.number, id), record, options.doc)?;
    }
    out.push('}');
    Ok(out)
}
