//! Reads, writes and deletes one attachment.

use super::{App, HttpAnswer, Request, documents, request};
use crate::attachment::{self, AttachmentEdit, Stub};
use crate::auth::User;
use crate::document::{DocumentEdit, check_id};
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::{Body, Database, StoreError};

/// Handles an attachment. Its name is the path from part `from` on.
pub(super) fn attachment(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
    from: usize,
) -> Result<HttpAnswer, RequestError> {
    let name = (from..request.path.len())
        .map(|index| request.part(index))
        .collect::<Vec<_>>()
        .join("/");
    match request.method() {
        "GET" => get(app, request, db, id, &name),
        "PUT" => put(app, request, db, user, id, &name),
        "DELETE" => delete(app, request, db, user, id, &name),
        _ => Err(RequestError::methods("DELETE,GET,HEAD,PUT")),
    }
}

fn get(
    app: &App,
    request: &Request,
    db: &Database,
    id: &str,
    name: &str,
) -> Result<HttpAnswer, RequestError> {
    let reader = app.store.reader()?;
    let record = reader
        .doc(db.number, id)?
        .ok_or_else(RequestError::missing)?;
    let body = match request.query("rev") {
        Some(text) => reader
            .body(db.number, id, &record, &Rev::parse(text)?)?
            .ok_or_else(RequestError::missing)?,
        None if record.deleted => return Err(RequestError::deleted()),
        None => record.body.clone(),
    };
    let stub = Stub::read_all(&body.stubs)?
        .into_iter()
        .find(|stub| stub.name == name)
        .ok_or_else(RequestError::no_attachment)?;
    let tag = stub.digest.trim_start_matches("md5-");
    if request.header("if-none-match") == Some(format!("\"{tag}\"").as_str()) {
        return Ok(HttpAnswer::empty(304).etag(tag));
    }
    let content = reader
        .attachment(db.number, &stub.digest)?
        .ok_or(StoreError::Damaged)?;
    Ok(HttpAnswer::bytes(&stub.content_type, content).etag(tag))
}

/// An edit that keeps the document except for one attachment.
fn edit_without(
    id: &str,
    rev: Option<Rev>,
    body: Body,
    name: &str,
) -> Result<DocumentEdit, RequestError> {
    let kept = Stub::read_all(&body.stubs)?
        .into_iter()
        .filter(|stub| stub.name != name)
        .map(|stub| AttachmentEdit::Stub {
            name: stub.name,
            revpos: None,
        });
    Ok(DocumentEdit {
        id: id.to_owned(),
        rev,
        fields: body.fields,
        attachments: kept.collect(),
        ..DocumentEdit::default()
    })
}

fn put(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
    name: &str,
) -> Result<HttpAnswer, RequestError> {
    check_id(id)?;
    attachment::check_name(name)?;
    let rev = request.rev()?;
    let reader = app.store.reader()?;
    let body = match (&rev, reader.doc(db.number, id)?) {
        (None, _) => Body::default(),
        (Some(rev), Some(record)) if record.tree.is_leaf(rev) => reader
            .body(db.number, id, &record, rev)?
            .unwrap_or_default(),
        _ => return Err(RequestError::new(409, "not_found", "missing_rev")),
    };
    let mut edit = edit_without(id, rev, body, name)?;
    let content_type = request.header("content-type");
    let content = request.body.to_vec();
    edit.attachments
        .push(AttachmentEdit::new(name, content_type, content));
    let rev = documents::write(app, db, user, edit, true)?.to_string();
    let location = format!(
        "{}/{}/{}/{}",
        request.base(),
        request::escape(&db.name),
        request::escape(id),
        request::escape(name)
    );
    Ok(HttpAnswer::written(201, id, &rev)
        .etag(&rev)
        .with("location", location))
}

fn delete(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
    name: &str,
) -> Result<HttpAnswer, RequestError> {
    let reader = app.store.reader()?;
    let record = reader
        .doc(db.number, id)?
        .ok_or_else(RequestError::missing)?;
    let rev = request.rev()?.ok_or_else(RequestError::conflict)?;
    let body = reader
        .body(db.number, id, &record, &rev)?
        .ok_or_else(RequestError::conflict)?;
    if !Stub::read_all(&body.stubs)?
        .iter()
        .any(|stub| stub.name == name)
    {
        return Err(RequestError::no_attachment());
    }
    let edit = edit_without(id, Some(rev), body, name)?;
    let rev = documents::write(app, db, user, edit, true)?.to_string();
    Ok(HttpAnswer::written(200, id, &rev).etag(&rev))
}
