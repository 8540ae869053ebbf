//! `_local` documents, which are not replicated and not in views or `_all_docs`.

use super::options::RowOptions;
use super::{App, HttpAnswer, Request, documents};
use crate::auth::User;
use crate::document::{LOCAL, check_id};
use crate::json::Json;
use crate::render;
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::Database;

pub(super) fn local(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let id = match request.part(1) {
        "_local" => format!("{LOCAL}{}", request.part(2)),
        escaped => escaped.to_owned(),
    };
    check_id(&id)?;
    let rev = match request.method() {
        "GET" => return get(app, db, &id),
        "PUT" => {
            let mut edit = documents::read_edit(db, request.json()?)?;
            edit.id.clone_from(&id);
            edit.rev = edit.rev.or(request.rev()?);
            documents::write(app, db, user, edit, true)?
        }
        "DELETE" => app.store.write::<_, RequestError>(|writer| {
            if writer.delete_local(db.number, &id)? {
                Ok(Rev::new(0, "0"))
            } else {
                Err(RequestError::missing())
            }
        })?,
        _ => return Err(RequestError::methods("DELETE,GET,HEAD,POST,PUT,COPY")),
    };
    let status = if request.method() == "PUT" { 201 } else { 200 };
    Ok(HttpAnswer::written(status, &id, &rev.to_string()))
}

fn text(id: &str, rev: u64, fields: &str) -> String {
    let mut out = String::new();
    render::write_plain(&mut out, id, &format!("0-{rev}"), false, fields, "");
    out
}

fn get(app: &App, db: &Database, id: &str) -> Result<HttpAnswer, RequestError> {
    let found = app.store.reader()?.local(db.number, id)?;
    let (rev, fields) = found.ok_or_else(RequestError::missing)?;
    Ok(HttpAnswer::text(200, text(id, rev, &fields)).etag(&format!("0-{rev}")))
}

pub(super) fn local_docs(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    let options = super::all_docs::read_options(request)?;
    let reader = app.store.reader()?;
    let rows: Vec<String> = match &options.keys {
        Some(keys) => {
            let mut rows = Vec::with_capacity(keys.len());
            for key in keys {
                let id = key.as_str().unwrap_or_default();
                rows.push(match reader.local(db.number, id)? {
                    Some((rev, fields)) => row(id, rev, &fields, &options),
                    None => Json::object([("key", key.clone()), ("error", Json::str("not_found"))])
                        .to_text(),
                });
            }
            rows
        }
        None => {
            let mut locals = reader.locals(db.number)?;
            if options.descending {
                locals.reverse();
            }
            locals
                .iter()
                .skip(options.skip())
                .take(options.limit())
                .map(|(id, rev, fields)| row(id, *rev, fields, &options))
                .collect()
        }
    };
    Ok(HttpAnswer::text(
        200,
        format!(
            "{{\"total_rows\":null,\"offset\":null,\"rows\":[{}]}}",
            rows.join(",")
        ),
    ))
}

fn row(id: &str, rev: u64, fields: &str, options: &RowOptions) -> String {
    let mut row = Json::object([
        ("id", Json::str(id)),
        ("key", Json::str(id)),
        (
            "value",
            Json::object([("rev", Json::String(format!("0-{rev}")))]),
        ),
    ])
    .to_text();
    if options.include_docs {
        row.pop();
        row.push_str(",\"doc\":");
        row.push_str(&text(id, rev, fields));
        row.push('}');
    }
    row
}
