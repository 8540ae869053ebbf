//! `_bulk_get`: many documents, or revisions of them, in one request.

use super::{App, HttpAnswer, Request};
use crate::json::Json;
use crate::render::{self, DocOptions};
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::{Database, Reader, StoreError};

pub(super) fn bulk_get(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    if request.method() != "POST" {
        return Err(RequestError::methods("POST"));
    }
    let body = request.json_object()?;
    let wanted = body
        .get("docs")
        .and_then(Json::as_array)
        .ok_or_else(|| RequestError::bad_request("Missing JSON list of 'docs'."))?;
    let options = DocOptions {
        revs: request.asks("revs"),
        attachments: request.asks("attachments"),
        ..DocOptions::default()
    };
    let reader = app.store.reader()?;
    let mut out = String::from("{\"results\":[");
    for (index, wish) in wanted.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let id = wish.get("id").cloned().unwrap_or(Json::Null);
        let docs = match (wish.as_object(), id.as_str()) {
            (None, _) => vec![error(
                &id,
                Json::Null,
                "bad_request",
                "document must be a JSON object",
            )],
            (_, None) => vec![error(&id, Json::Null, "bad_request", "document id missed")],
            (_, Some(id)) => {
                let latest = request.asks("latest");
                docs(&reader, (db.number, id), wish.get("rev"), latest, options)?
            }
        };
        out.push_str("{\"id\":");
        id.write(&mut out);
        out.push_str(",\"docs\":[");
        out.push_str(&docs.join(","));
        out.push_str("]}");
    }
    out.push_str("]}");
    Ok(HttpAnswer::text(200, out))
}

fn docs(
    reader: &Reader,
    at: (u64, &str),
    rev: Option<&Json>,
    latest: bool,
    options: DocOptions,
) -> Result<Vec<String>, StoreError> {
    let id = Json::str(at.1);
    let record = reader.doc(at.0, at.1)?;
    let Some(named) = rev else {
        let Some(record) = record else {
            return Ok(vec![error(
                &id,
                Json::str("undefined"),
                "not_found",
                "missing",
            )]);
        };
        // Every leaf, including tombstones.
        let mut leaves = Vec::new();
        for leaf in record.tree.leaves() {
            let text = render::stored_revision(reader, at, &record, &leaf.rev, options)?;
            leaves.push(ok(&text.ok_or(StoreError::Damaged)?));
        }
        return Ok(leaves);
    };
    let Some(rev) = named.as_str().and_then(|text| Rev::parse(text).ok()) else {
        return Ok(vec![error(
            &id,
            named.clone(),
            "bad_request",
            "Invalid rev format",
        )]);
    };
    let mut found = Vec::new();
    if let Some(record) = record {
        let wanted = match record.tree.leaves_of(&rev) {
            leaves if latest && !leaves.is_empty() => {
                leaves.iter().map(|leaf| leaf.rev.clone()).collect()
            }
            _ => vec![rev],
        };
        for rev in wanted {
            let text = render::stored_revision(reader, at, &record, &rev, options)?;
            found.extend(text.map(|text| ok(&text)));
        }
    }
    if found.is_empty() {
        found.push(error(&id, named.clone(), "not_found", "missing"));
    }
    Ok(found)
}

fn ok(document: &str) -> String {
    format!("{{\"ok\":{document}}}")
}

fn error(id: &Json, rev: Json, error: &str, reason: &str) -> String {
    let row = Json::object([
        ("id", id.clone()),
        ("rev", rev),
        ("error", Json::str(error)),
        ("reason", Json::str(reason)),
    ]);
    Json::object([("error", row)]).to_text()
}
