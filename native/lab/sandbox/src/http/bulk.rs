//! `_bulk_docs`: many documents in one request, and one transaction.

use super::{App, HttpAnswer, Request, documents};
use crate::access;
use crate::auth::User;
use crate::document::{DocumentEdit, check_id};
use crate::json::{Json, write_string};
use crate::random_id::random_id;
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::{Database, Writer};
use crate::update::Update;

pub(super) fn bulk_docs(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    if request.method() != "POST" {
        return Err(RequestError::methods("POST"));
    }
    let (documents, options) = take_documents(request.json_object()?)?;
    let is = |name: &str, value: bool| {
        options
            .iter()
            .any(|(option, given)| option == name && *given == Json::Bool(value))
    };
    let new_edits = !is("new_edits", false);
    let edits = read_edits(db, documents)?;
    if is("all_or_nothing", true) {
        return Ok(all_or_nothing(&edits));
    }
    write_all(app, db, user, edits, new_edits)
}

fn read_edits(db: &Database, documents: Vec<Json>) -> Result<Vec<DocumentEdit>, RequestError> {
    documents
        .into_iter()
        .map(|document| {
            let mut edit = documents::read_edit(db, document)?;
            if edit.id.is_empty() {
                edit.id = random_id();
            }
            check_id(&edit.id)?;
            Ok(edit)
        })
        .collect()
}

/// Writes documents to a database that has just been created. Every document must be accepted.
pub(crate) fn fill(
    writer: &mut Writer<'_>,
    db: &Database,
    user: &User,
    documents: Vec<Json>,
    new_edits: bool,
) -> Result<(), RequestError> {
    let edits = read_edits(db, documents)?;
    let author = access::author(db, user);
    let mut update = Update::new(writer, db, &author, false)?;
    for edit in edits {
        update.write(edit, new_edits)?;
    }
    Ok(())
}

type Fields = Vec<(String, Json)>;

/// The documents in the body, and its other fields.
fn take_documents(body: Json) -> Result<(Vec<Json>, Fields), RequestError> {
    let Json::Object(mut fields) = body else {
        return Err(RequestError::bad_request(
            "Request body must be a JSON object",
        ));
    };
    let at = fields
        .iter()
        .position(|(name, _)| name == "docs")
        .ok_or_else(|| RequestError::bad_request("POST body must include `docs` parameter."))?;
    match fields.swap_remove(at).1 {
        Json::Array(documents) => Ok((documents, fields)),
        _ => Err(RequestError::bad_request(
            "`docs` parameter must be an array.",
        )),
    }
}

fn all_or_nothing(edits: &[DocumentEdit]) -> HttpAnswer {
    let rows = edits.iter().map(|edit| {
        let rev = edit.rev.as_ref().map_or("0-".to_owned(), Rev::to_string);
        Json::object([
            ("id", Json::str(edit.id.as_str())),
            ("rev", Json::String(rev)),
            ("error", Json::str("not_implemented")),
            ("reason", Json::str("all_or_nothing is not supported")),
        ])
    });
    HttpAnswer::json(417, &Json::Array(rows.collect()))
}

fn write_all(
    app: &App,
    db: &Database,
    user: &User,
    edits: Vec<DocumentEdit>,
    new_edits: bool,
) -> Result<HttpAnswer, RequestError> {
    let author = access::author(db, user);
    let trusting = app.was_written(db.number);
    let mut out = String::with_capacity(edits.len() * 100);
    out.push('[');
    let written = app.store.write::<_, RequestError>(|writer| {
        let db = writer
            .database(&db.name)?
            .ok_or_else(RequestError::no_database)?;
        let mut update = Update::new(writer, &db, &author, trusting)?;
        let mut written = false;
        for edit in edits {
            let id = edit.id.clone();
            let claimed = edit.history.first().or(edit.rev.as_ref()).cloned();
            match update.write(edit, new_edits) {
                Ok(rev) => {
                    written = true;
                    // A replicator gets rows only for failures.
                    if new_edits {
                        push_row(&mut out, &id, Some(&rev), None);
                    }
                }
                Err(failure) if failure.is_of_one_row() => {
                    let rev = claimed.filter(|_| !new_edits);
                    push_row(&mut out, &id, rev.as_ref(), Some(&failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(written)
    })?;
    if written {
        app.note_written(db.number);
    }
    out.push(']');
    Ok(HttpAnswer::text(201, out))
}

fn push_row(out: &mut String, id: &str, rev: Option<&Rev>, failure: Option<&RequestError>) {
    if !out.ends_with('[') {
        out.push(',');
    }
    out.push('{');
    if failure.is_none() {
        out.push_str("\"ok\":true,");
    }
    out.push_str("\"id\":");
    write_string(out, id);
    if let Some(rev) = rev {
        out.push_str(",\"rev\":");
        write_string(out, &rev.to_string());
    }
    if let Some(failure) = failure {
        let (error, reason) = failure.texts();
        out.push_str(",\"error\":");
        write_string(out, error);
        out.push_str(",\"reason\":");
        write_string(out, &reason);
    }
    out.push('}');
}
