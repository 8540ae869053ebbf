//! Reads, writes, deletes and copies one document.

use super::{App, HttpAnswer, Request, attachments, request, view};
use crate::access;
use crate::attachment::{AttachmentEdit, Stub};
use crate::auth::{self, User};
use crate::document::{DESIGN, DocumentEdit, check_id};
use crate::json::{self, Json};
use crate::random_id::random_id;
use crate::render::{self, DocOptions};
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::{Database, DocRecord, Reader, StoreError};
use crate::update::Update;

const METHODS: &str = "DELETE,GET,HEAD,POST,PUT,COPY";

/// Routes a path of a document or of an attachment.
pub(super) fn route(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let Some(Some(first)) = request.path.get(1) else {
        return match request.method() {
            "PUT" => Err(RequestError::illegal_docid(
                "Document id must be valid UTF-8",
            )),
            _ => Err(RequestError::missing()),
        };
    };
    if first == "_design" && request.path.len() > 2 {
        let id = format!("{DESIGN}{}", request.part(2));
        return match request.part(3) {
            "" => document(app, request, db, user, &id),
            "_view" => view::view(app, request, db, &id),
            "_info" => view::info(app, request, db, &id),
            _ => attachments::attachment(app, request, db, user, &id, 3),
        };
    }
    if first.starts_with(DESIGN) && request.method() == "GET" {
        return Ok(redirect(request));
    }
    if request.path.len() > 2 {
        return attachments::attachment(app, request, db, user, first, 2);
    }
    document(app, request, db, user, first)
}

/// Redirects to a path with a literal slash after `_design`.
fn redirect(request: &Request) -> HttpAnswer {
    let path = request
        .raw_path
        .replacen("_design%2F", DESIGN, 1)
        .replacen("_design%2f", DESIGN, 1);
    let query = request.raw_query.as_ref().map(|query| format!("?{query}"));
    let location = format!("{}{path}{}", request.base(), query.unwrap_or_default());
    HttpAnswer::empty(301).with("location", location)
}

fn document(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    match request.method() {
        "GET" => get(app, request, db, id),
        "PUT" => put(app, request, db, user, id),
        "DELETE" => delete(app, request, db, user, id),
        "COPY" => copy(app, request, db, user, id),
        "POST" => Err(RequestError::bad_request("Referer header required.")),
        _ => Err(RequestError::methods(METHODS)),
    }
}

/// Parses a document in a request.
pub(super) fn read_edit(db: &Database, mut document: Json) -> Result<DocumentEdit, RequestError> {
    if db.name == auth::USERS {
        auth::hide_password(&mut document);
    }
    DocumentEdit::from_json(document)
}

/// Writes one document in a separate transaction.
pub(super) fn write(
    app: &App,
    db: &Database,
    user: &User,
    edit: DocumentEdit,
    new_edits: bool,
) -> Result<Rev, RequestError> {
    let author = access::author(db, user);
    let trusting = app.was_written(db.number);
    let rev = app.store.write::<_, RequestError>(|writer| {
        let db = writer
            .database(&db.name)?
            .ok_or_else(RequestError::no_database)?;
        Update::new(writer, &db, &author, trusting)?.write(edit, new_edits)
    })?;
    app.note_written(db.number);
    Ok(rev)
}

fn options(request: &Request) -> DocOptions {
    let meta = request.asks("meta");
    DocOptions {
        revs: request.asks("revs"),
        revs_info: meta || request.asks("revs_info"),
        conflicts: meta || request.asks("conflicts"),
        deleted_conflicts: meta || request.asks("deleted_conflicts"),
        local_seq: request.asks("local_seq"),
        attachments: request.asks("attachments"),
    }
}

fn get(app: &App, request: &Request, db: &Database, id: &str) -> Result<HttpAnswer, RequestError> {
    let reader = app.store.reader()?;
    let at = (db.number, id);
    let options = options(request);
    if let Some(open_revs) = request.query("open_revs") {
        return get_open_revs(request, &reader, at, open_revs, options);
    }
    let rev = match request.query("rev") {
        Some(text) => Some(Rev::parse(text)?),
        None => None,
    };
    let record = reader
        .doc(db.number, id)?
        .ok_or_else(RequestError::missing)?;
    let (rev, text) = match rev {
        Some(mut rev) => {
            if request.asks("latest")
                && let Some(latest) = record.tree.leaves_of(&rev).first()
            {
                rev = latest.rev.clone();
            }
            // Fields about the whole document are sent with the winner only.
            let options = DocOptions {
                revs_info: false,
                conflicts: false,
                deleted_conflicts: false,
                ..options
            };
            let text = render::stored_revision(&reader, at, &record, &rev, options)?;
            (rev, text.ok_or_else(RequestError::missing)?)
        }
        None if record.deleted => return Err(RequestError::deleted()),
        None => {
            let mut text = String::new();
            render::write_winner(&mut text, &reader, at, &record, options)?;
            (record.rev.clone(), text)
        }
    };
    let tag = rev.to_string();
    if request.header("if-none-match") == Some(format!("\"{tag}\"").as_str()) {
        return Ok(HttpAnswer::empty(304).etag(&tag));
    }
    Ok(HttpAnswer::text(200, text).etag(&tag))
}

/// Returns several revisions, for replicators.
fn get_open_revs(
    request: &Request,
    reader: &Reader,
    (db, id): (u64, &str),
    open_revs: &str,
    options: DocOptions,
) -> Result<HttpAnswer, RequestError> {
    // A leaf does not list the others here.
    let options = DocOptions {
        conflicts: false,
        deleted_conflicts: false,
        ..options
    };
    let record = reader.doc(db, id)?;
    let wanted = match (open_revs, &record) {
        ("all", None) => return Err(RequestError::missing()),
        ("all", Some(record)) => {
            let leaves = record.tree.leaves();
            leaves.iter().map(|leaf| leaf.rev.clone()).collect()
        }
        _ => named_revs(open_revs, record.as_ref(), request.asks("latest"))?,
    };
    let mut rows = Vec::with_capacity(wanted.len());
    for rev in wanted {
        let text = match &record {
            Some(record) => render::stored_revision(reader, (db, id), record, &rev, options)?,
            None => None,
        };
        rows.push((rev, text));
    }
    let wants_json = request
        .header("accept")
        .is_some_and(|accept| accept.contains("application/json"));
    Ok(if wants_json {
        open_revs_json(&rows)
    } else {
        open_revs_multipart(&rows)
    })
}

fn named_revs(
    open_revs: &str,
    record: Option<&DocRecord>,
    latest: bool,
) -> Result<Vec<Rev>, RequestError> {
    let list = json::parse(open_revs.as_bytes())?;
    let list = list
        .as_array()
        .ok_or_else(|| RequestError::bad_request("`open_revs` must be a list of revisions"))?;
    let mut revs = Vec::with_capacity(list.len());
    for entry in list {
        let rev = Rev::parse(entry.as_str().unwrap_or_default())?;
        let leaves = match record {
            Some(record) if latest => record.tree.leaves_of(&rev),
            _ => Vec::new(),
        };
        if leaves.is_empty() {
            revs.push(rev);
        } else {
            revs.extend(leaves.iter().map(|leaf| leaf.rev.clone()));
        }
    }
    Ok(revs)
}

fn missing_row(rev: &Rev) -> Json {
    Json::object([("missing", Json::String(rev.to_string()))])
}

fn open_revs_json(rows: &[(Rev, Option<String>)]) -> HttpAnswer {
    let rows: Vec<String> = rows
        .iter()
        .map(|(rev, text)| match text {
            Some(text) => format!("{{\"ok\":{text}}}"),
            None => missing_row(rev).to_text(),
        })
        .collect();
    HttpAnswer::text(200, format!("[{}]", rows.join(",")))
}

fn open_revs_multipart(rows: &[(Rev, Option<String>)]) -> HttpAnswer {
    let boundary = random_id();
    let mut body = format!("--{boundary}");
    for (rev, text) in rows {
        let (kind, text) = match text {
            Some(text) => ("application/json", text.clone()),
            None => (
                "application/json; error=\"true\"",
                missing_row(rev).to_text(),
            ),
        };
        body.push_str(&format!(
            "\r\nContent-Type: {kind}\r\n\r\n{text}\r\n--{boundary}"
        ));
    }
    body.push_str("--");
    let kind = format!("multipart/mixed; boundary=\"{boundary}\"");
    HttpAnswer::bytes(&kind, body.into_bytes())
}

fn location(request: &Request, db: &Database, id: &str) -> String {
    format!(
        "{}/{}/{}",
        request.base(),
        request::escape(&db.name),
        request::escape(id)
    )
}

fn put(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    check_id(id)?;
    let mut edit = read_edit(db, request.json()?)?;
    edit.id = id.to_owned();
    if let Some(text) = request.query("rev") {
        let rev = Rev::parse(text)?;
        if edit.rev.as_ref().is_some_and(|own| *own != rev) {
            return Err(RequestError::bad_request(
                "Document rev from request body and query string have different values",
            ));
        }
        edit.rev = Some(rev);
    } else if let Some(text) = request.if_match() {
        let rev = Rev::parse(text)?;
        if edit.rev.as_ref().is_some_and(|own| *own != rev) {
            return Err(RequestError::bad_request(
                "Document rev and etag have different values",
            ));
        }
        edit.rev = Some(rev);
    }
    let status = if edit.deleted { 200 } else { 201 };
    let new_edits = request.query("new_edits") != Some("false");
    let rev = write(app, db, user, edit, new_edits)?.to_string();
    if request.query("batch") == Some("ok") {
        return Ok(batched(id));
    }
    Ok(HttpAnswer::written(status, id, &rev)
        .etag(&rev)
        .with("location", location(request, db, id)))
}

fn batched(id: &str) -> HttpAnswer {
    let body = Json::object([("ok", Json::Bool(true)), ("id", Json::str(id))]);
    HttpAnswer::json(202, &body)
}

pub(super) fn post(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let mut edit = read_edit(db, request.declared_json()?)?;
    if edit.id.is_empty() {
        edit.id = random_id();
    }
    check_id(&edit.id)?;
    let id = edit.id.clone();
    let rev = write(app, db, user, edit, true)?.to_string();
    if request.query("batch") == Some("ok") {
        return Ok(batched(&id));
    }
    Ok(HttpAnswer::written(201, &id, &rev).with("location", location(request, db, &id)))
}

fn delete(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    let found = app
        .store
        .reader()?
        .inspect(db.number, id, |doc| doc.deleted)?;
    match found {
        None => return Err(RequestError::missing()),
        Some(true) => return Err(RequestError::deleted()),
        Some(false) => {}
    }
    let edit = DocumentEdit {
        id: id.to_owned(),
        rev: request.rev()?,
        deleted: true,
        ..DocumentEdit::default()
    };
    let rev = write(app, db, user, edit, true)?.to_string();
    Ok(HttpAnswer::written(200, id, &rev).etag(&rev))
}

fn copy(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
) -> Result<HttpAnswer, RequestError> {
    let destination = request
        .header("destination")
        .ok_or_else(|| RequestError::bad_request("Destination header is mandatory for COPY."))?;
    let (target, rev) = match destination.split_once("?rev=") {
        Some((target, rev)) => (target, Some(Rev::parse(rev)?)),
        None => (destination, None),
    };
    let target = request::split_path(target)?
        .into_iter()
        .map(|part| {
            part.ok_or_else(|| RequestError::illegal_docid("Document id must be valid UTF-8"))
        })
        .collect::<Result<Vec<_>, _>>()?
        .join("/");
    check_id(&target)?;
    let reader = app.store.reader()?;
    let record = reader
        .doc(db.number, id)?
        .ok_or_else(RequestError::missing)?;
    let body = match request.query("rev") {
        Some(text) => {
            let rev = Rev::parse(text)?;
            reader
                .body(db.number, id, &record, &rev)?
                .ok_or_else(RequestError::missing)?
        }
        None if record.deleted => return Err(RequestError::deleted()),
        None => record.body.clone(),
    };
    let mut attachments = Vec::new();
    for stub in Stub::read_all(&body.stubs)? {
        let content = reader
            .attachment(db.number, &stub.digest)?
            .ok_or(StoreError::Damaged)?;
        let content_type = Some(stub.content_type.as_str());
        attachments.push(AttachmentEdit::new(&stub.name, content_type, content));
    }
    let edit = DocumentEdit {
        id: target.clone(),
        rev,
        fields: body.fields,
        attachments,
        ..DocumentEdit::default()
    };
    let rev = write(app, db, user, edit, true)?.to_string();
    Ok(HttpAnswer::written(201, &target, &rev)
        .etag(&rev)
        .with("location", location(request, db, &target)))
}
