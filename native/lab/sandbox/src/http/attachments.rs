//! One attachment, by its own path.

use super::{Answer, App, Request, documents, request};
use crate::attachment::{self, AttachmentEdit, Stub};
use crate::auth::User;
use crate::document::{Edit, check_id};
use crate::failure::Failure;
use crate::revision::Rev;
use crate::store::{Body, Database, StoreError};

/// The parts of the path from `from` on are its name.
pub(super) fn attachment(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
    from: usize,
) -> Result<Answer, Failure> {
    let name = (from..request.path.len())
        .map(|index| request.part(index))
        .collect::<Vec<_>>()
        .join("/");
    match request.method() {
        "GET" => get(app, request, db, id, &name),
        "PUT" => put(app, request, db, user, id, &name),
        "DELETE" => delete(app, request, db, user, id, &name),
        _ => Err(Failure::methods("DELETE,GET,HEAD,PUT")),
    }
}

fn get(
    app: &App,
    request: &Request,
    db: &Database,
    id: &str,
    name: &str,
) -> Result<Answer, Failure> {
    let reader = app.store.reader()?;
    let record = reader.doc(db.number, id)?.ok_or_else(Failure::missing)?;
    let body = match request.query("rev") {
        Some(text) => reader
            .body(db.number, id, &record, &Rev::parse(text)?)?
            .ok_or_else(Failure::missing)?,
        None if record.deleted => return Err(Failure::deleted()),
        None => record.body.clone(),
    };
    let stub = Stub::read_all(&body.stubs)?
        .into_iter()
        .find(|stub| stub.name == name)
        .ok_or_else(Failure::no_attachment)?;
    let tag = stub.digest.trim_start_matches("md5-");
    if request.header("if-none-match") == Some(format!("\"{tag}\"").as_str()) {
        return Ok(Answer::empty(304).etag(tag));
    }
    let content = reader
        .attachment(db.number, &stub.digest)?
        .ok_or(StoreError::Damaged)?;
    Ok(Answer::bytes(&stub.content_type, content).etag(tag))
}

/// The edit that leaves a document as it is, but for one attachment.
fn edit_without(id: &str, rev: Option<Rev>, body: Body, name: &str) -> Result<Edit, Failure> {
    let kept = Stub::read_all(&body.stubs)?
        .into_iter()
        .filter(|stub| stub.name != name)
        .map(|stub| AttachmentEdit::Stub {
            name: stub.name,
            revpos: None,
        });
    Ok(Edit {
        id: id.to_owned(),
        rev,
        fields: body.fields,
        attachments: kept.collect(),
        ..Edit::default()
    })
}

fn put(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
    id: &str,
    name: &str,
) -> Result<Answer, Failure> {
    check_id(id)?;
    attachment::check_name(name)?;
    let rev = request.rev()?;
    let reader = app.store.reader()?;
    let body = match (&rev, reader.doc(db.number, id)?) {
        (None, _) => Body::default(),
        (Some(rev), Some(record)) if record.tree.is_leaf(rev) => reader
            .body(db.number, id, &record, rev)?
            .unwrap_or_default(),
        _ => return Err(Failure::new(409, "not_found", "missing_rev")),
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
    Ok(Answer::written(201, id, &rev)
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
) -> Result<Answer, Failure> {
    let reader = app.store.reader()?;
    let record = reader.doc(db.number, id)?.ok_or_else(Failure::missing)?;
    let rev = request.rev()?.ok_or_else(Failure::conflict)?;
    let body = reader
        .body(db.number, id, &record, &rev)?
        .ok_or_else(Failure::conflict)?;
    if !Stub::read_all(&body.stubs)?
        .iter()
        .any(|stub| stub.name == name)
    {
        return Err(Failure::no_attachment());
    }
    let edit = edit_without(id, Some(rev), body, name)?;
    let rev = documents::write(app, db, user, edit, true)?.to_string();
    Ok(Answer::written(200, id, &rev).etag(&rev))
}
